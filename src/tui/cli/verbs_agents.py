"""Verbs about agents in their sandboxes: agents, leases, lease, message, checkpoints, fork."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, Ref, operator, verb
from tui.cli.output import put, put_json, say, table
from tui.cli.session import engine_for, look, running_engine

if TYPE_CHECKING:
    from datetime import datetime

    from engine.api.agents import AgentView, CheckpointView, LeaseView

AGENTS = ("RUN", "TASK", "ROLE", "STATE", "LOAD", "SEEN", "DOES")
LEASES = ("NAME", "HOLDER", "FENCE", "UNTIL", "WAITING")
CHECKPOINTS = ("ID", "TASK", "VERSION", "SIZE", "AT", "NAME")


@verb("agents")
@click.argument("goal", type=Ref(), required=False)
async def agents(call: Call, goal: str | None) -> ExitCode | None:
    """List live agents: role, busy or idle, load, last sign of life."""
    found = await look(call, lambda engine: engine.agents(goal))
    if call.as_json:
        put_json(found)
    else:
        _rows(AGENTS, map(_agent, found), "no agent is live")
    return None


@verb("leases")
async def leases(call: Call) -> ExitCode | None:
    """List leases: holder, fencing token, who waits."""
    found = await look(call, lambda engine: engine.leases())
    if call.as_json:
        put_json(found)
    else:
        _rows(LEASES, map(_lease, found), "nothing is held")
    return None


@verb("lease")
@click.argument("what", type=click.Choice(["release"]))
@click.argument("name")
@click.option("--force", is_flag=True, help="Needed: its holder may still be at work.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; its holder is told.")
async def lease(call: Call, what: str, name: str, force: bool, reason: str) -> ExitCode | None:
    """Take a lease away from its holder: `lease release NAME --force --reason TEXT`.

    The holder's fencing token is refused from then on, and the next in the queue gets the lease.
    """
    from engine.api.agents import ReleaseLease

    if not force:
        raise Invalid(f"{name} may be in use", hint="say --force to take it away all the same")
    async with engine_for(call) as engine:
        view = await engine.release_lease(name, ReleaseLease(reason=reason, by=operator()))
    if call.as_json:
        put_json(view)
    else:
        _rows(LEASES, [_lease(view)], "")
    return None


@verb("message")
@click.argument("agent", metavar="AGENT", type=Ref())
@click.argument("text")
async def message(call: Call, agent: str, text: str) -> ExitCode | None:
    """Put words into the inbox of a live agent; it reads them with `ph messages`.

    AGENT is a run or a task.
    """
    from engine.api.agents import TellAgent

    engine = await running_engine(call)
    try:
        told = await engine.tell_agent(agent, TellAgent(text=text, by=operator()))
    finally:
        await engine.close()
    if call.as_json:
        put_json(told)
    else:
        put(f"message {told.message} lies in the inbox of {_clean(told.task_key)} ({told.run})")
    return None


@verb("checkpoints")
@click.argument("what", type=click.Choice(["list", "show", "restore"]), default="list")
@click.argument("ref", metavar="[TASK|ID]", required=False, type=Ref())
@click.option("--version", type=int, help="With restore: the version of the state that is replaced.")
async def checkpoints(call: Call, what: str, ref: str | None, version: int | None) -> ExitCode | None:
    """List, show or restore the states that agents kept of their tasks.

    `list [TASK]`, `show ID`, `restore ID --version N`: the task's state becomes that one, whole, unless it has moved on
    since version N.
    """
    match what:
        case "list":
            task = None if ref is None else Ref().convert(ref, None, None)
            found = await look(call, lambda engine: engine.checkpoints(task))
            _tell(call, found)
        case "show":
            number = _number(ref)
            shown = await look(call, lambda engine: engine.checkpoint(number))
            put_json(shown)
        case _:
            await _restore(call, _number(ref), version)
    return None


async def _restore(call: Call, number: int, version: int | None) -> None:
    from engine.api.agents import RestoreCheckpoint

    if version is None:
        raise Invalid("restore needs --version", hint="`checkpoints list` shows the version each task's state has")
    async with engine_for(call) as engine:
        restored = await engine.restore_checkpoint(number, RestoreCheckpoint(version=version, by=operator()))
    if call.as_json:
        put_json(restored)
    else:
        put(f"the state of {_clean(restored.task_key)} is {_clean(restored.name)} again, at version {restored.current}")


@verb("fork")
@click.argument("task", type=Ref())
@click.option("--from", "start", metavar="CHECKPOINT", required=True, help="A number that `checkpoints list` shows.")
@click.option("--skip", multiple=True, metavar="KEY", help="Leave this task out; may be given more than once.")
async def fork(call: Call, task: str, start: str, skip: tuple[str, ...]) -> ExitCode | None:
    """Start a new goal in which TASK begins with the state of a checkpoint.

    The goal is started over as by `run --again`: everything in it runs again, unless --skip leaves it out. The old goal
    and its state stay as they are. Where no engine runs it begins with the next one.
    """
    from datetime import UTC, datetime

    from engine.api import CreateGoal
    from tui.cli.draw import goal_lines

    number = _number(start)
    async with engine_for(call) as engine:
        visiting = (await engine.info()).state == "visiting"
        forked = await engine.task(task)
        if (await engine.checkpoint(number)).task != forked.id:
            raise Invalid(f"checkpoint {number} is not one of {_clean(forked.key)}",
                          hint=f"`{call.command('checkpoints', 'list', forked.id)}`")  # fmt: skip
        request = CreateGoal(again=forked.goal, checkpoint=number, skip=skip, by=operator())
        goal = await engine.create_goal(request)
    if call.as_json:
        put_json(goal)
        return None
    for line in goal_lines(goal, datetime.now(UTC)):
        put(line)
    if visiting:
        say(f"no engine runs; to go on: `{call.command('--no-ui', '--until', 'idle')}`")
    return None


def _number(ref: str | None) -> int:
    if ref is None or not ref.isdecimal() or len(ref) > 18:
        raise Invalid(
            f"{(ref or '')[:60]!r} is no checkpoint", hint="`pilothouse checkpoints list` shows their numbers"
        )
    return int(ref)


def _tell(call: Call, views: "Sequence[CheckpointView]") -> None:
    if call.as_json:
        put_json(views)
    else:
        _rows(CHECKPOINTS, map(_checkpoint, views), "no checkpoint is kept")


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]], nothing: str) -> None:
    kept = list(rows)
    for line in table([head, *kept]) if kept else [nothing]:
        put(line)


def _agent(agent: "AgentView") -> list[str]:
    silent = "no sign yet" if agent.silent is None else f"{agent.silent:g} s ago"
    what = "; ".join(agent.waits) or agent.action
    return [agent.run, _clean(agent.name), _clean(agent.role), agent.state, f"{agent.load:.0%}", silent, _clean(what)]


def _lease(lease: "LeaseView") -> list[str]:
    holder = "free" if lease.run is None else f"{_clean(lease.task_key or '')} ({lease.run})"
    queue = ", ".join(_clean(waiter.task_key) for waiter in lease.waiters)
    until = "" if lease.expires_at is None else _hour(lease.expires_at)
    return [_clean(lease.name), holder, f"#{lease.fence or '-'}", until, queue]


def _checkpoint(view: "CheckpointView") -> list[str]:
    version = f"{view.version} of {view.current}"
    return [str(view.id), _clean(view.task_key), version, f"{view.size} B", _hour(view.at), _clean(view.name)]


def _hour(at: "datetime") -> str:
    from tui.formats import hour

    return hour(at)


def _clean(text: str) -> str:
    from tui.formats import one_line

    return one_line(text)
