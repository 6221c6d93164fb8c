"""Verbs that end something: cancel, stop."""

import asyncio
import socket
from typing import TYPE_CHECKING

import click

from engine.errors import EngineUnavailable, ExitCode
from tui.cli.call import Call, Ref, operator, verb
from tui.cli.output import put, put_json, say
from tui.cli.session import POLL, connect, engine_for, look, running_engine

if TYPE_CHECKING:
    from engine.api import GoalView
    from engine.client import RemoteEngine

PATIENCE = 60.0  # seconds for the sandboxes of a goal to end


@verb("cancel")
@click.argument("ref", metavar="ID", type=Ref())
@click.option("--reason", default="", metavar="TEXT", help="Why; it is stored with the goal or task.")
async def cancel(call: Call, ref: str, reason: str) -> ExitCode | None:
    """End a goal or one task for good.

    Its sandboxes stop, its decisions close, nothing of it starts again. Returns when a goal's sandboxes have ended.
    """
    from datetime import UTC, datetime

    from engine.model import TaskState
    from tui.cli.draw import goal_lines

    async with engine_for(call) as engine:
        visiting = (await engine.info()).state == "visiting"
        goal = await engine.cancel(ref, reason, by=operator())
    if visiting and goal.counts.get(TaskState.RUNNING):
        say(f"what of it still runs ends with the next engine: `{call.command('--no-ui', '--until', 'idle')}`")
    elif not visiting and goal.id.startswith(ref):
        goal = await _ended(call, goal.id)
    if call.as_json:
        put_json(goal)
        return None
    for line in goal_lines(goal, datetime.now(UTC)):
        put(line)
    return None


async def _ended(call: Call, goal: str) -> "GoalView":
    """The goal once no run of it lives; as it is when that takes longer than stopping a sandbox may take.

    The engine may go with the goal, so each look finds one anew.
    """
    from engine.model import FINAL_GOAL_STATES

    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        [view] = (await look(call, lambda engine: engine.status(goal))).goals
        if view.state in FINAL_GOAL_STATES or asyncio.get_running_loop().time() > deadline:
            return view
        await asyncio.sleep(POLL)


@verb("stop")
@click.option("--drain", is_flag=True, help="Let running work end first.")
async def stop(call: Call, drain: bool) -> ExitCode | None:
    """Stop the running engine.

    Returns when it has ended. Its sandboxes end at once, or with --drain when their work is done.
    """
    from engine.api import StopMode

    engine = await running_engine(call)
    try:
        info = await engine.info()
        if drain and info.live_runs:
            say(f"engine {info.pid} finishes {info.live_runs} live runs")
        await engine.stop(StopMode.DRAIN if drain else StopMode.STOP)
    finally:
        await engine.close()
    await _gone(call, info.pid, info.host)
    if call.as_json:
        put_json({"engine": {"id": info.id, "pid": info.pid, "state": "stopped"}})
    else:
        put(f"engine {info.pid} on {info.project} has stopped")
    return None


async def _gone(call: Call, pid: int, host: str) -> None:
    """Return when nobody answers on the socket any more and, where it is ours to see, the process has ended."""
    while True:
        remote = await _still(call)
        if remote is not None:
            await remote.close()
        elif host != socket.gethostname() or not _alive(pid):
            return
        await asyncio.sleep(POLL)


async def _still(call: Call) -> "RemoteEngine | None":
    """The engine while it answers."""
    try:
        return await connect(call)
    except EngineUnavailable:
        return None


def _alive(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
