"""Verbs that act on one sandbox of the running engine: interrupt, freeze, thaw, kill, rm."""

import click

from engine.errors import ExitCode
from tui.cli.call import Call, Ref, operator, verb
from tui.cli.output import put, put_json
from tui.cli.session import running_engine


@verb("interrupt")
@click.argument("run", metavar="RUN", type=Ref())
async def interrupt(call: Call, run: str) -> ExitCode | None:
    """Interrupt the turn of a running agent without ending its sandbox by force.

    Its main process gets INT. RUN is a run, or a task, whose newest run is meant. An agent that goes on simply goes on.
    A run that ends by it counts as no failure and costs no retry: its task is blocked and asks whether it runs again,
    as after `kill`.
    """
    engine = await running_engine(call)
    try:
        view = await engine.interrupt(run, operator())
    finally:
        await engine.close()
    if call.as_json:
        put_json(view)
    else:
        put(f"{view.id} ({view.key}) is interrupted: it is {view.state}")
    return None


@verb("freeze")
@click.argument("sandbox", type=Ref())
async def freeze(call: Call, sandbox: str) -> ExitCode | None:
    """Let a sandbox and its time limits stand still.

    SANDBOX is its name, a unique prefix of that, or a run or task. Neither its timeout nor its idle timeout goes on
    until `thaw`, over a restart of the engine too.
    """
    await _order(call, sandbox, "freeze")
    return None


@verb("thaw")
@click.argument("sandbox", type=Ref())
async def thaw(call: Call, sandbox: str) -> ExitCode | None:
    """Let a frozen sandbox go on."""
    await _order(call, sandbox, "thaw")
    return None


@verb("kill")
@click.argument("sandbox", type=Ref())
async def kill(call: Call, sandbox: str) -> ExitCode | None:
    """End a run at once, without its cooperation.

    It counts as no failure: its task is blocked and asks whether it runs again. `retry` says yes, `skip` goes on
    without it, `cancel` ends it for good. Returns when the run has ended.
    """
    await _order(call, sandbox, "kill")
    return None


@verb("rm")
@click.argument("sandbox", type=Ref())
async def rm(call: Call, sandbox: str) -> ExitCode | None:
    """Remove what is left of an ended or ownerless sandbox.

    One that is alive is refused.
    """
    await _order(call, sandbox, "remove")
    return None


async def _order(call: Call, sandbox: str, word: str) -> None:
    from engine.api import SandboxOrder

    engine = await running_engine(call)
    try:
        outcome = await engine.order_sandbox(sandbox, SandboxOrder(word), operator())
    finally:
        await engine.close()
    if call.as_json:
        put_json(outcome)
    else:
        task = f" ({outcome.task_key})" if outcome.task_key else ""
        put(f"{outcome.name}{task} is {outcome.state}")
