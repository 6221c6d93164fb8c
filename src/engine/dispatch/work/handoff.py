"""What a task hands to those that need it: how it ended, its commit, its last words and its artefacts."""

import json
import os
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.dispatch.gates.handoff import gate_facts
from engine.dispatch.steps import AGENTS, RUNS, TASKS, VERDICTS
from engine.model import Judgement
from engine.paths import ProjectPaths
from engine.store.rows import run_from, verdict_from

DEPENDENCIES = "dependencies"
NOTHING_SAID: dict[str, Any] = {"summary": None, "outputs": {}, "verdict": None}
NO_RUN: dict[str, Any] = {"run": None, "commit": None, "message": None, "last_lines": [], **NOTHING_SAID, "handoff": {}}


@dataclass(frozen=True)
class Handoff:
    """One needed task as its dependant sees it; `artifacts` is the folder of its newest run, None without a run."""

    facts: Mapping[str, Any]
    artifacts: Path | None

    @property
    def key(self) -> str:
        return str(self.facts["key"])


def handoffs(
    connection: sqlite3.Connection, task: str, paths: ProjectPaths, batch: Sequence[sqlite3.Row] = ()
) -> list[Handoff]:
    """Of every work task that this task, or a group it is in, needs; for a group that is needed, of all in it; and of
    every gate it comes after, with what was answered. Of its `batch`, for a tester."""
    found = [Handoff({**facts, **NO_RUN}, None) for facts in gate_facts(connection, task)]
    for row in (*connection.execute(TASKS["dependencies"], {"id": task}).fetchall(), *batch):
        facts = {"key": row["key"], "title": row["title"], "state": row["state"]}
        newest = connection.execute(RUNS["newest"], {"task": row["id"]}).fetchone()
        run = None if newest is None else run_from(newest)
        if run is None:
            found.append(Handoff({**facts, **NO_RUN}, None))
            continue
        ended = {"run": run.id, "commit": run.commit, "message": run.message, "last_lines": list(run.last_lines)}
        found.append(Handoff({**facts, **ended, **_said(connection, run.id)}, paths.run_artifacts(run.id)))
    return found


def _said(connection: sqlite3.Connection, run: str) -> dict[str, Any]:
    """What its agent left of its own word: a summary, outputs, and single values."""
    report = connection.execute(AGENTS["report_of"], {"run": run}).fetchone()
    values = connection.execute(AGENTS["handed_over"], {"run": run}).fetchall()
    verdict = connection.execute(VERDICTS["of_run"], {"run": run}).fetchone()
    told = dict(NOTHING_SAID)
    if report is not None:
        told |= {"summary": report["summary"], "outputs": json.loads(report["outputs"])}
    if verdict is not None:
        told["verdict"] = verdict_from(verdict).model_dump(mode="json", include=set(Judgement.model_fields))
    return {**told, "handoff": {row["name"]: json.loads(row["value"]) for row in values}}


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
