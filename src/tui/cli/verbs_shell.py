"""The way into a sandbox: a shell on the operator's terminal, or one command with its exit code."""

import codecs
import sys
from typing import TYPE_CHECKING

import click

from engine.errors import ExitCode, Invalid
from tui.cli.call import Call, Ref, verb
from tui.cli.output import put_json, say
from tui.cli.session import here_only, look

if TYPE_CHECKING:
    from engine.api import Engine, SandboxView
    from engine.local.shell import Inside

KEPT = 1024**2  # bytes of each stream in a JSON answer


@verb("shell", context_settings={"ignore_unknown_options": True})
@click.argument("ref", metavar="ID", type=Ref())
@click.argument("command", metavar="[-- CMD…]", nargs=-1, type=click.UNPROCESSED)
async def shell(call: Call, ref: str, command: tuple[str, ...]) -> ExitCode | None:
    """Open a shell in a live sandbox, or run one command there.

    ID is a run, a task or a sandbox. The shell runs as the sandbox's user, in its work folder and within its limits.
    With a command after `--` there is no terminal and no input: its output and its exit code are passed on. A sandbox
    that has ended: exit code 4; `logs` and `diff` show what it left.
    """
    from engine.local.shell import enter
    from tui.cli.own_terminal import lend, window

    if not command and call.as_json:
        raise Invalid("a shell cannot answer in JSON", hint=f"`{call.command('shell', ref)} --json -- CMD` can")
    if not command and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Invalid("a shell needs a terminal", hint=f"`{call.command('shell', ref)} -- CMD` runs one command")
    here_only(call, "a shell")
    sandbox, engine_id = await look(call, lambda engine: _find(engine, ref))
    inside = await enter(
        sandbox, engine_id, call.paths, call.settings, argv=command, window=None if command else window()
    )
    try:
        if not command:
            say(f"in {sandbox.name} ({sandbox.task_key}); exit or ctrl+d leaves it, the sandbox goes on")
            code = await lend(inside)
        elif call.as_json:
            code = await _told(inside, sandbox)
        else:
            code = await _passed_on(inside)
    finally:
        await inside.close()
    raise click.exceptions.Exit(code)


async def _find(engine: "Engine", ref: str) -> "tuple[SandboxView, str]":
    from engine.local.shell import live_sandbox

    return await live_sandbox(engine, ref), (await engine.info()).id


async def _passed_on(inside: "Inside") -> int:
    """Both streams as they come: neutral on a terminal line by line, untouched into a file or a pipe."""
    from engine.model import Stream
    from tui.formats import clean

    targets = {Stream.OUT: sys.stdout, Stream.ERR: sys.stderr}
    painted = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in targets}
    unfinished = dict.fromkeys(targets, "")

    async def take(stream: Stream, data: bytes) -> None:
        target = targets[stream]
        if not target.isatty():
            target.buffer.write(data)
        else:
            whole, newline, unfinished[stream] = (unfinished[stream] + painted[stream].decode(data)).rpartition("\n")
            target.write(clean(whole) + newline)
        target.flush()

    await inside.carry(take)
    for stream, rest in unfinished.items():
        targets[stream].write(clean(rest))
        targets[stream].flush()
    return await inside.ended()


async def _told(inside: "Inside", sandbox: "SandboxView") -> int:
    """One document with everything, each stream cut at a bound."""
    from engine.model import Stream

    found = {Stream.OUT: bytearray(), Stream.ERR: bytearray()}

    async def take(stream: Stream, data: bytes) -> None:
        found[stream] += data[: KEPT - len(found[stream])]

    await inside.carry(take)
    code = await inside.ended()
    out, err = (bytes(found[stream]).decode(errors="replace") for stream in (Stream.OUT, Stream.ERR))
    put_json({"sandbox": sandbox.name, "run": sandbox.run, "exit_code": code, "out": out, "err": err})
    return code
