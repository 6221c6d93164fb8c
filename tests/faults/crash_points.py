"""Points at which an engine ends as by kill -9: around commits, driver calls, git calls and the steps of a run."""

import os
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from engine.dispatch.runs import keeping, removing
from engine.sandbox.run_log import RunLog
from engine.store import database
from engine.workspace import GoalRepository
from engine.workspace.git import Git

KILLED = 137
CALLS = ("start", "wait", "stop", "kill", "remove", "list_owned")
REPOSITORY = ("checkout", "snapshot", "integrate", "salvage", "merge_into", "rehearse_into")


class Points:
    """Counts what is passed, and ends the process at the armed one."""

    def __init__(self, armed: str | None) -> None:
        self._armed = armed
        self.passed: Counter[str] = Counter()

    def before(self, what: str) -> str:
        self.passed[what] += 1
        point = f"{what} {self.passed[what]}"
        self._die_at(f"before {point}")
        return point

    def after(self, point: str) -> None:
        self._die_at(f"after {point}")

    def _die_at(self, point: str) -> None:
        if point == self._armed:
            os._exit(KILLED)


class PointedDriver:
    """A driver with a point before and after each call."""

    def __init__(self, driver: Any, points: Points) -> None:
        self._driver, self._points = driver, points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        if name not in CALLS:
            return found

        async def call(*args: Any) -> Any:
            point = self._points.before(name)
            answer = await found(*args)
            self._points.after(point)
            return answer

        return call


def point_commits(points: Points) -> None:
    """A point before each group commit, and one between the commit and its acknowledgement."""
    commit: Callable[..., Any] = database.commit_group

    def pointed(*args: Any) -> Any:
        point = points.before("commit")
        committed = commit(*args)
        points.after(point)
        return committed

    database.commit_group = pointed


def point_steps(points: Points) -> None:
    """A point before and after each step of a run that is neither a commit nor a driver call."""
    for name in REPOSITORY:
        setattr(GoalRepository, name, _around(points, name, getattr(GoalRepository, name)))
    keeping.keep_artifacts = _around(points, "collect", keeping.keep_artifacts)
    removing.clean_up = _around(points, "clean_up", removing.clean_up)
    sealed = RunLog.seal

    def seal(log: RunLog) -> None:
        point = points.before("seal")
        sealed(log)
        points.after(point)

    setattr(RunLog, "seal", seal)  # noqa: B010  # a method is not assigned to


def point_git(points: Points) -> None:
    """A point before and after each git process."""
    setattr(Git, "run", _around(points, "git", Git.run))  # noqa: B010


def _around(points: Points, what: str, step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def pointed(*args: Any, **more: Any) -> Any:
        point = points.before(what)
        answer = await step(*args, **more)
        points.after(point)
        return answer

    return pointed
