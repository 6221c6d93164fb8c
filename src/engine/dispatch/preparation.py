"""What a run gets before its sandbox exists: image, work folder, inputs, environment (R43)."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.handoff import Handoff, hand_over, handoffs
from engine.dispatch.steps import DECISIONS, TASKS
from engine.errors import Invalid
from engine.ids import SafeName
from engine.model import DriverName, RunState, TaskSpec
from engine.sandbox.driver import Driver, Mount, SandboxSpec
from engine.workspace import remove_folder

INPUTS = "inputs.json"
IN_SANDBOX = "/run/pilothouse"
IO_SUFFIX = ".io"


async def prepare(context: Context, driver: Driver, claimed: Claimed) -> SandboxSpec:
    """Fill the work folder and return the complete specification.

    Raises ImageNotFound, DaemonUnavailable, or whatever kept the work tree from being made.
    """
    run, spec = claimed.run, claimed.task.spec
    await _require_confinement(context, driver, claimed)
    image = await driver.require_image(spec.sandbox.image)
    folder = driver.work_folder(run.id)
    repository = context.repository(claimed.goal.id, claimed.goal.branch)
    # Once it is starting, a sandbox of this name may be at work in the folder; one that is gone is made again.
    if run.state is RunState.CREATED or not await asyncio.to_thread(folder.is_dir):
        await asyncio.to_thread(_make_empty, folder)
        if repository is not None:
            await repository.checkout(run.id, folder)
        await driver.prepare(folder)
    inputs = await _write_inputs(context, claimed, driver, io_folder(folder))
    return SandboxSpec(
        name=SafeName(run.sandbox),
        image=image,
        argv=_argv(spec),
        env=_environment(claimed, driver, inputs),
        memory=spec.sandbox.memory,
        cpus=spec.sandbox.cpus,
        pids=spec.sandbox.pids,
        network=spec.sandbox.network,
        workspace=folder,
        mounts=(Mount(inputs.parent, IN_SANDBOX, read_only=True),),
        labels={
            "pilothouse.engine": context.engine,
            "pilothouse.goal": run.goal,
            "pilothouse.task": run.task,
            "pilothouse.run": run.id,
            "pilothouse.role": "work",
        },
    )


def unconfined() -> Invalid:
    """Why a goal with gates does not run where its sandboxes could resolve them."""
    return Invalid(
        "this goal has gates, and on this machine its sandboxes could reach them",
        hint="use Docker, install bubblewrap, or say --allow-unconfined when you trust what it runs",
    )


async def _require_confinement(context: Context, driver: Driver, claimed: Claimed) -> None:
    """Asked for each run, as an engine may start again with fewer means than the one that let the goal in."""
    if driver.name is DriverName.DOCKER or claimed.goal.allow_unconfined:
        return
    await driver.check()
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


async def _write_inputs(context: Context, claimed: Claimed, driver: Driver, folder: Path) -> Path:
    rows = await context.database.all(DECISIONS["feedback_of"], {"task": claimed.task.id})
    inputs = {
        "goal": {"id": claimed.goal.id, "title": claimed.goal.title},
        "task": {"id": claimed.task.id, "key": claimed.task.key, "title": claimed.task.title},
        "run": {"id": claimed.run.id, "n": claimed.run.n},
        "feedback": [{"text": row["text"], "at": row["at"], "decision": row["decision"]} for row in rows],
    }
    path = folder / INPUTS
    needed = await handoffs(context, claimed.task.id)
    await asyncio.to_thread(_write, path, inputs, needed, _place(driver, folder))
    return path


def _write(path: Path, inputs: dict[str, object], needed: Sequence[Handoff], seen_at: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    dependencies = {handoff.key: hand_over(handoff, path.parent, seen_at) for handoff in needed}
    text = json.dumps({**inputs, "dependencies": dependencies}, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def _place(driver: Driver, folder: Path) -> str:
    """Where a sandbox sees the folder of its inputs."""
    return IN_SANDBOX if driver.name is DriverName.DOCKER else str(folder)


def _argv(spec: TaskSpec) -> tuple[str, ...]:
    return ("sh", "-c", spec.run) if isinstance(spec.run, str) else tuple(spec.run or ())


def _environment(claimed: Claimed, driver: Driver, inputs: Path) -> dict[str, str]:
    return claimed.task.spec.sandbox.env | {
        "PILOTHOUSE_GOAL": claimed.goal.id,
        "PILOTHOUSE_TASK": claimed.task.id,
        "PILOTHOUSE_RUN": claimed.run.id,
        "PILOTHOUSE_RUN_N": str(claimed.run.n),
        "PILOTHOUSE_INPUTS": f"{_place(driver, inputs.parent)}/{INPUTS}",
    }
