"""A program that forks one engine per order, to be killed at a named point or from outside.

An order is a line of JSON on stdin: `scene`, `project`, `real` (the process driver instead of the lasting stand-in),
`github` (where its API is asked) and `armed`, such as `before commit 7` or `after start 1`. It answers with the pid,
then with the exit status. Forking spares each round the second that loading takes; the points exist in this
program only.
"""

import asyncio
import json
import os
import sys
import traceback
from pathlib import Path
from random import Random
from typing import Any

from crash_points import PointedDriver, Points, point_commits, point_git, point_steps
from lasting_driver import LastingDriver, append

from engine.api import Answer, CreateGoal, GoalView, StopMode
from engine.errors import Conflict, IllegalMove
from engine.events import Event
from engine.local.engine import LocalEngine
from engine.local.opening import open_local
from engine.model import AnswerKind, DecisionKind, DriverName, TaskState
from engine.paths import ProjectPaths
from engine.sandbox.process_driver import ProcessDriver
from engine.server import control, serve
from engine.settings import EngineSettings, GithubSettings, SandboxSettings, Settings

SETTINGS = Settings(
    engine=EngineSettings(retry_backoff=0.01, reconcile_interval=0.5, spawn_rate=1000, start_deaths=100),
    sandbox=SandboxSettings(stop_grace=1),
)


assert control  # loaded once, before the forks


def task(id: str, run: str) -> dict[str, object]:
    return {"id": id, "run": run}


def goal_of(scene: str, real: bool) -> str:
    done, endless = ("true", "exec sleep 600") if real else ("exit 0", "hang")
    pair = {"id": "pair", "order": "parallel", "tasks": [task("a", done), task("b", done)]}
    gate = {"id": "ok", "gate": {"kind": "human_approval"}, "needs": ["pair"]}
    tasks: list[dict[str, object]] = [pair, gate, task("last", done) | {"needs": ["ok"]}]
    if scene in ("cancel", "stop"):
        tasks = [{"id": "pair", "order": "parallel", "tasks": [task("a", endless), task("b", endless)]}]
    if scene == "repo":
        return goal_with_work()
    if scene == "clash":
        land: dict[str, object] = {"id": "land", "merge": {"into": "side"}}
        tasks = [task("a", "make a.txt exit 0"), land, task("last", done) | {"needs": ["land"]}]
        return json.dumps({"goal": scene, "runtime": "process", "repo": "operator", "tasks": tasks})
    return json.dumps({"goal": scene, "runtime": "process", "tasks": tasks})


def goal_with_work() -> str:
    """One after the other: two changes that are merged into the operator's branch, and one that is kept apart."""
    both = [task("a", "make a.txt exit 0") | {"artifacts": ["*.txt"]}, task("b", "make b.txt exit 0")]
    pair = {"id": "pair", "tasks": both}
    good = {"id": "good", "tasks": [pair, {"id": "land", "merge": {"into": "main"}}]}
    top = {
        "id": "top",
        "on_failure": "continue",
        "tasks": [good, task("bad", "make c.txt exit 3")],
    }
    return json.dumps({"goal": "work", "runtime": "process", "repo": "operator", "tasks": [top]})


class Play:
    """One engine's part in a scene: it goes on wherever the one before it was killed."""

    def __init__(self, engine: LocalEngine, project: Path, scene: str, *, real: bool) -> None:
        self._engine, self._project, self._scene, self._real = engine, project, scene, real
        self._cancelled = False

    def acknowledged(self, *words: object) -> None:
        append(self._project / "acknowledged", " ".join(map(str, words)))

    async def to_the_end(self) -> None:
        goal = await self._goal()
        async for update in self._engine.subscribe():
            if isinstance(update, Event):
                self.acknowledged("event", update.seq, update.type)
            view = (await self._engine.status(goal)).goals[0]
            if view.ended_at is not None or await self._stopped(view):
                break
            await self._act(view)
        await self._engine._parts.live.ended()
        report = json.dumps(await self._report(goal), sort_keys=True)
        (self._project / "report").write_text(report)

    async def _goal(self) -> str:
        known = (await self._engine.status()).goals
        if not known:
            source = goal_of(self._scene, self._real)
            request = CreateGoal(
                source=source, path=str(self._project / "goal.yaml"), start=False, allow_unconfined=True
            )
            known = (await self._engine.create_goal(request),)
            self.acknowledged("goal", known[0].id)
        if known[0].state == "draft":
            await self._engine.start_goal(known[0].id)
            self.acknowledged("started", known[0].id)
        return known[0].id

    async def _act(self, view: GoalView) -> None:
        for decision in await self._engine.decisions():
            answer = Answer(version=decision.version, answer=AnswerKind.APPROVE)
            if decision.kind is DecisionKind.CONFLICT:
                answer = answer.model_copy(update={"answer": AnswerKind.CHOOSE, "option": "without"})
            try:
                await self._engine.answer(decision.id, answer)
            except Conflict:
                continue  # staged by the engine before this one
            self.acknowledged("answered", decision.id)
        if self._scene == "cancel" and not self._cancelled and await self._both_run(view):
            self._cancelled = True
            try:
                await self._engine.cancel(view.id)
            except IllegalMove:
                return  # it was stored by the engine before this one, and has been carried out meanwhile
            self.acknowledged("cancelled", view.id)

    async def _both_run(self, view: GoalView) -> bool:
        pair = [await self._engine.task(f"{view.id}/{key}") for key in ("a", "b")]
        return all(one.state is TaskState.RUNNING for one in pair)

    async def _stopped(self, view: GoalView) -> bool:
        if self._scene != "stop" or not await self._both_run(view):
            return False
        await self._engine.stop(StopMode.STOP)
        await self._engine.wait_stopped()
        return True

    async def _report(self, goal: str) -> dict[str, object]:
        found: dict[str, object] = {"goal": (await self._engine.status(goal)).goals[0].state}
        stack = [await self._engine.tree(goal)]
        while stack:
            node = stack.pop()
            stack.extend(node.children)
            if node.kind == "work":
                runs = (await self._engine.task(node.id)).runs
                ends = [f"{run.cause} {run.exit_code}" for run in runs]
                # A task that was stopped with its engine runs again under each next one.
                found[node.key] = [node.state, *(sorted(set(ends)) if self._scene == "stop" else ends)]
            else:
                found[node.key] = [node.state]
        return found


async def play(order: dict[str, Any]) -> None:
    project, real = Path(order["project"]), bool(order.get("real"))
    points = Points(order.get("armed"))
    point_commits(points)
    point_steps(points)
    point_git(points)
    paths = ProjectPaths(project)
    driver: Any = LastingDriver(project)
    if real:
        driver = ProcessDriver(await engine_id(project), paths)
    drivers: Any = {DriverName.PROCESS: PointedDriver(driver, points)}
    github = GithubSettings(api_url=order.get("github", "http://127.0.0.1:1"), poll_interval=0.1)
    settings = SETTINGS.model_copy(update={"github": github})
    engine = await open_local(project, settings, random=Random(7), drivers=drivers)
    try:
        if order["scene"] == "serve":
            async with serve(engine, paths.socket):
                await engine.ended()
        else:
            await Play(engine, project, order["scene"], real=real).to_the_end()
    finally:
        await engine.close()
    (project / "points").write_text(json.dumps(points.passed))


async def engine_id(project: Path) -> str:
    """The project's own id, settled by an engine that does nothing else."""
    visitor = await open_local(project, SETTINGS, visiting=True, drivers={})
    try:
        return (await visitor.info()).id
    finally:
        await visitor.close()


def child(order: dict[str, Any]) -> None:
    try:
        asyncio.run(play(order))
    except BaseException:  # noqa: BLE001  # the top of this program: told, then the status says it
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(json.loads(line))
        say(pid)
        _, status = os.waitpid(pid, 0)
        say(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
