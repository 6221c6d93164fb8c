"""What a task hands to those that need it: how it ended, its commit, its last words and its artefacts."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.dispatch.context import Context
from engine.dispatch.steps import RUNS, TASKS
from engine.store.rows import run_from

DEPENDENCIES = "dependencies"
NO_RUN: dict[str, Any] = {"run": None, "commit": None, "message": None, "last_lines": []}


@dataclass(frozen=True)
class Handoff:
    """One needed task as its dependant sees it; `artifacts` is the folder of its newest run, None without a run."""

    facts: Mapping[str, Any]
    artifacts: Path | None

    @property
    def key(self) -> str:
        return str(self.facts["key"])


async def handoffs(context: Context, task: str) -> list[Handoff]:
    """Of every work task that this task, or a group it is in, needs; for a group that is needed, of all in it."""
    found = []
    for row in await context.database.all(TASKS["dependencies"], {"id": task}):
        facts = {"key": row["key"], "title": row["title"], "state": row["state"]}
        newest = await context.database.one(RUNS["newest"], {"task": row["id"]})
        run = None if newest is None else run_from(newest)
        if run is None:
            found.append(Handoff({**facts, **NO_RUN}, None))
            continue
        ended = {"run": run.id, "commit": run.commit, "message": run.message, "last_lines": list(run.last_lines)}
        found.append(Handoff({**facts, **ended}, context.paths.run_artifacts(run.id)))
    return found


def hand_over(handoff: Handoff, folder: Path, seen_at: str) -> dict[str, Any]:
    """Copy the artefacts to `dependencies/KEY/` in `folder`, for any user to read; the entry of `inputs.json`.

    `seen_at` is where the sandbox sees `folder`. Blocks on the disk.
    """
    target = folder / DEPENDENCIES / handoff.key
    names = [] if handoff.artifacts is None else _copy(handoff.artifacts, target)
    place = f"{seen_at}/{DEPENDENCIES}/{handoff.key}"
    return {**handoff.facts, "artifacts": [{"name": name, "path": f"{place}/{name}"} for name in names]}


def _copy(source: Path, target: Path) -> list[str]:
    """Every plain file, as the engine kept it: no link is among them. Their names, sorted."""
    names = []
    for folder, _, files in os.walk(source):
        inner = Path(folder).relative_to(source)
        here = target / inner
        here.mkdir(parents=True, exist_ok=True)
        for name in files:
            (here / name).unlink(missing_ok=True)
            shutil.copyfile(Path(folder) / name, here / name, follow_symlinks=False)
            (here / name).chmod(0o444)
            names.append(str(inner / name))
    for folder, _, _ in os.walk(target.parent):
        Path(folder).chmod(0o755)
    return sorted(names)
