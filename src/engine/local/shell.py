"""A way into a live sandbox, by what the store says of it and with the runtime that has it."""

from collections.abc import Sequence
from typing import assert_never

from engine.api import Engine, SandboxView
from engine.errors import Conflict, NotFound
from engine.ids import safe_name
from engine.model import DriverName
from engine.paths import ProjectPaths
from engine.sandbox.inside import SHELL, Inside, Window
from engine.settings import Settings

__all__ = ["Inside", "Window", "enter", "live_sandbox"]


async def live_sandbox(engine: Engine, ref: str) -> SandboxView:
    """The live sandbox that `ref` names: its name or a unique prefix of it, its run, or its task.

    NotFound for a ref that names nothing, Conflict when what it names has no live sandbox.
    """
    live = await engine.sandboxes()
    named = [found for found in live if ref in (found.name, found.container_id)]
    named = named or [found for found in live if found.name.startswith(ref)]
    if len(named) == 1:
        return named[0]
    if named:
        raise NotFound(f"{ref} names more than one sandbox", hint="give more of its name")
    if ref.startswith("ph-"):
        raise Conflict(f"{ref} is no live sandbox", hint="`pilothouse sandboxes` lists what is alive")
    run = await engine.run(ref)
    for found in live:
        if found.run == run.id:
            return found
    hint = f"its output is kept: `pilothouse logs {run.id}`; its change: `pilothouse diff {run.id}`"
    raise Conflict(f"{run.key} has no live sandbox: run {run.n} ({run.id}) is {run.state}", hint=hint)


async def enter(
    sandbox: SandboxView, engine_id: str, paths: ProjectPaths, settings: Settings,
    *, argv: Sequence[str] = (), window: Window | None = None,
) -> Inside:  # fmt: skip
    """Run a command in it, without one a shell. Conflict when it is not up (any more), DaemonUnavailable."""
    command, name = argv or SHELL, safe_name(sandbox.name)
    try:
        match sandbox.driver:
            case DriverName.DOCKER:
                from engine.sandbox.docker_inside import open_in_container

                return await open_in_container(settings.sandbox.docker_host, engine_id, name, command, window)
            case DriverName.PROCESS:
                from engine.sandbox.process_inside import open_in_process

                return await open_in_process(paths, engine_id, name, command, window)
            case DriverName.ENGINE:
                raise Conflict(f"{sandbox.task_key} is done by the engine itself and has no sandbox")
            case _:
                assert_never(sandbox.driver)
    except NotFound as error:
        hint = f"`pilothouse why {sandbox.task}` says where it stands"
        raise Conflict(f"{sandbox.name} is not up: {error.message}", hint=hint) from error
