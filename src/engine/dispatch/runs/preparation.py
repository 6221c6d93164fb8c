"""What a run gets before its sandbox exists: image, work folder, inputs, environment (R43)."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.dispatch.agent.checkpoints import state_of
from engine.dispatch.agent.tokens import issue_token, role_of
from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.limits.agents import PROMPT, command, environment, told
from engine.dispatch.runs.resting import session_before, take_over
from engine.dispatch.runs.way_out import IO_SUFFIX, PROGRAMS, beside_proxy, make_way_out, proxy_environment
from engine.dispatch.steps import DECISIONS, TASKS
from engine.dispatch.testers.batches import asked_to_test, batch_of
from engine.dispatch.work.conflicts import earlier_patch
from engine.dispatch.work.handoff import Handoff, hand_over, handoffs
from engine.errors import Invalid
from engine.ids import SafeName
from engine.model import DriverName, RunState
from engine.model.destinations import EGRESS
from engine.paths import ProjectPaths
from engine.sandbox.driver import Driver, Mount, SandboxSpec
from engine.sandbox_api.listener import SOCKET
from engine.sandbox_api.outbox import OUTBOX
from engine.workspace import remove_folder

INPUTS = "inputs.json"
EARLIER = "earlier.patch"
IN_SANDBOX = "/run/pilothouse"


async def prepare(context: Context, driver: Driver, claimed: Claimed) -> SandboxSpec:
    """Fill the work folder and return the complete specification; from here on its run is starting.

    Raises ImageNotFound, DaemonUnavailable, or whatever kept the work tree from being made.
    """
    run, spec = claimed.run, claimed.task.spec
    await _require_confinement(context, driver, claimed)
    image = await driver.require_image(spec.sandbox.image)
    folder = driver.work_folder(run.id)
    repository = context.repository(claimed.goal.id, claimed.goal.branch)
    # Once it is starting, a sandbox of this name may be at work in the folder; one that is gone is made again.
    if run.state is RunState.CREATED or not await asyncio.to_thread(folder.is_dir):
        if not await take_over(context, driver, claimed):
            await asyncio.to_thread(_make_empty, folder)
            if repository is not None:
                await repository.checkout(run.id, folder)
        await driver.prepare(folder)
    inputs, prompt = await _write_inputs(context, claimed, driver, io_folder(folder))
    outbox = await make_way_out(driver, inputs.parent)
    place, profiles = _place(driver, inputs.parent), context.settings.agents
    argv, proxied = command(spec, profiles, prompt, f"{place}/{PROMPT}", await session_before(context, run)), {}
    if spec.sandbox.network == EGRESS:
        argv, proxied = beside_proxy(argv, place), proxy_environment()
    token = await issue_token(context, claimed)  # last of all: no token, no start (R43)
    return SandboxSpec(
        name=SafeName(run.sandbox),
        image=image,
        argv=argv,
        env=environment(spec, profiles) | proxied | _own_environment(claimed, place, token),
        memory=spec.sandbox.memory,
        cpus=spec.sandbox.cpus,
        pids=spec.sandbox.pids,
        network=spec.sandbox.network,
        workspace=folder,
        mounts=(
            Mount(inputs.parent, IN_SANDBOX, read_only=True),  # the folder, so that a socket made anew is seen in it
            Mount(outbox, f"{IN_SANDBOX}/{OUTBOX}"),
        ),
        programs=f"{place}/{PROGRAMS}",
        labels={
            "pilothouse.engine": context.engine,
            "pilothouse.goal": run.goal,
            "pilothouse.task": run.task,
            "pilothouse.run": run.id,
            "pilothouse.role": role_of(claimed),
        },
    )


def unconfined() -> Invalid:
    """Why a goal with gates does not run where its sandboxes could resolve them."""
    return Invalid(
        "this goal has gates, and on this machine its sandboxes could reach them",
        hint="use Docker, install bubblewrap, or say --allow-unconfined when you trust what it runs",
    )


def leaky() -> Invalid:
    """Why a list of hosts is not taken where it would keep a sandbox from nothing."""
    return Invalid(
        "this goal says `network: egress`, and on this machine its sandboxes would keep the whole network",
        hint="use Docker, install bubblewrap, or say `network: open` when that is what it may have",
    )


async def _require_confinement(context: Context, driver: Driver, claimed: Claimed) -> None:
    """Asked for each run, as an engine may start again with fewer means than the one that let the goal in."""
    if driver.name is DriverName.DOCKER:
        return
    await driver.check()
    if claimed.task.spec.sandbox.network == EGRESS and not driver.cuts_network:
        raise leaky()
    if claimed.goal.allow_unconfined:
        return
    row = await context.database.one(TASKS["gated"], {"goal": claimed.goal.id})
    if not driver.confined and row is not None and row["gated"]:
        raise unconfined()


def io_folder(work: Path) -> Path:
    """Where a run's inputs lie, beside its work folder."""
    return work.with_name(work.name + IO_SUFFIX)


async def clean_up(context: Context, driver: Driver, run: str) -> None:
    """Remove a run's work folder and inputs; what counts of it is in a commit."""
    folder = driver.work_folder(run)
    await asyncio.to_thread(_remove, folder)


def _make_empty(folder: Path) -> None:
    _remove(folder)
    folder.mkdir(parents=True)


def _remove(folder: Path) -> None:
    for path in (folder, io_folder(folder)):
        remove_folder(path)


async def _write_inputs(context: Context, claimed: Claimed, driver: Driver, folder: Path) -> tuple[Path, str]:
    """The file of a run's inputs, and the prompt of its agent, empty without one."""
    known = await context.database.read(partial(_known, task=claimed.task.id, run=claimed.run.id, paths=context.paths))
    rows = known.feedback
    prompt = told(claimed.task.spec, [row["text"] for row in rows]) if claimed.task.spec.agent is not None else ""
    if prompt and known.batch:
        prompt = asked_to_test(prompt, known.batch)
    inputs: dict[str, object] = {
        "goal": {"id": claimed.goal.id, "title": claimed.goal.title},
        "task": {
            "id": claimed.task.id,
            "key": claimed.task.key,
            "title": claimed.task.title,
            "description": claimed.task.description,
        },
        "run": {"id": claimed.run.id, "n": claimed.run.n},
        "feedback": [_words(row) for row in rows],
    }
    if prompt:
        inputs["prompt"] = prompt
    if known.batch:
        inputs["batch"] = [{word: row[word] for word in ("key", "title", "description")} for row in known.batch]
    path = folder / INPUTS
    inputs |= {"state": known.state}
    if known.earlier is not None:
        inputs["earlier_change"] = f"{_place(driver, folder)}/{EARLIER}"
    await asyncio.to_thread(_write, path, inputs, known, _place(driver, folder))
    return path, prompt


def _words(row: sqlite3.Row) -> dict[str, object]:
    """One thing that was asked for: a human's words by their decision, those of a verdict by the task and its run."""
    said: dict[str, object] = {"text": row["text"], "at": row["at"], "decision": row["decision"]}
    if row["run"] is not None:
        said |= {"task": row["key"], "run": row["run"]}
        said |= {name: json.loads(row[name]) for name in ("findings", "checks") if row[name] is not None}
    return said


@dataclass(frozen=True)
class _Known:
    """What the store tells a run of what came before it. `earlier`: the patch it is to make again; `batch`: what a
    tester is to test, which it knows like what a task needs."""

    feedback: Sequence[sqlite3.Row]
    state: Mapping[str, object]
    needed: Sequence[Handoff]
    earlier: Path | None
    batch: Sequence[sqlite3.Row]


def _known(connection: sqlite3.Connection, task: str, run: str, paths: ProjectPaths) -> _Known:
    batch = batch_of(connection, run)
    needed = handoffs(connection, task, paths, batch)
    feedback = connection.execute(DECISIONS["feedback_of"], {"task": task}).fetchall()
    return _Known(feedback, state_of(connection, task), needed, earlier_patch(connection, task, paths), batch)


def _write(path: Path, inputs: dict[str, object], known: _Known, seen_at: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    dependencies = {handoff.key: hand_over(handoff, path.parent, seen_at) for handoff in known.needed}
    text = json.dumps({**inputs, "dependencies": dependencies}, indent=2) + "\n"
    _readable(path, text)
    if isinstance(prompt := inputs.get("prompt"), str):
        _readable(path.with_name(PROMPT), prompt)
    if known.earlier is not None:
        shutil.copyfile(known.earlier, path.with_name(EARLIER))
        path.with_name(EARLIER).chmod(0o644)


def _readable(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def _place(driver: Driver, folder: Path) -> str:
    """Where a sandbox sees the folder of its inputs."""
    return IN_SANDBOX if driver.name is DriverName.DOCKER else str(folder)


def _own_environment(claimed: Claimed, place: str, token: str) -> dict[str, str]:
    """`place`: where the sandbox sees the folder of its inputs."""
    return {
        "PILOTHOUSE_GOAL": claimed.goal.id,
        "PILOTHOUSE_TASK": claimed.task.id,
        "PILOTHOUSE_RUN": claimed.run.id,
        "PILOTHOUSE_RUN_N": str(claimed.run.n),
        "PILOTHOUSE_ROLE": role_of(claimed),
        "PILOTHOUSE_TOKEN": token,
        "PILOTHOUSE_SOCKET": f"{place}/{SOCKET}",
        "PILOTHOUSE_OUTBOX": f"{place}/{OUTBOX}",
        "PILOTHOUSE_INPUTS": f"{place}/{INPUTS}",
    }
