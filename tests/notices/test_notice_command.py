"""The operator's own program: argv, stdin, bounded, and nothing of it left (R46, R115)."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import psutil
import pytest
from notice_bench import Open, ask

from engine.api import NoticeView
from engine.events import Event, EventType
from engine.model import NoticeState
from engine.notify.command import MARK, Command
from engine.notify.undelivered import Undelivered

WRITER = """
import json, os, sys
told = {"stdin": json.load(sys.stdin), "argv": sys.argv[1:]}
told["variables"] = {name: value for name, value in os.environ.items() if name.startswith(("PILOTHOUSE_", "NTFY"))}
with open("told.json", "w") as file:
    json.dump(told, file)
"""


def carrying(mark: str) -> list[int]:
    """Live processes that were started for this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


async def test_r115_the_command_gets_argv_a_document_and_variables_and_no_shell(
    opened: Open, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTFY_TOKEN", "secret")
    hostile = "$(touch pwned); `id` && true"
    engine = await opened(command=(sys.executable, "-c", WRITER, hostile))
    title = "Ship $(touch pwned2)"
    asked = await ask(engine, title=title)
    async with asyncio.timeout(20):
        async for update in engine.subscribe(0):
            if isinstance(update, Event) and update.type is EventType.NOTICE_SENT:
                break
    told = json.loads((project / "told.json").read_text())
    assert told["argv"] == [hostile]
    assert told["stdin"]["decision"] == asked.id
    assert told["stdin"]["severity"] == "normal"
    assert told["stdin"]["project"] == str(project)
    assert title in told["stdin"]["text"]
    assert told["variables"]["PILOTHOUSE_TITLE"] == f"Decision needed: {title} / ok"
    assert told["variables"]["PILOTHOUSE_DECISION"] == asked.id
    assert "NTFY_TOKEN" not in told["variables"]
    assert {path.name for path in await asyncio.to_thread(lambda: list(project.iterdir()))} <= {
        ".pilothouse",
        "told.json",
    }


async def test_a_program_that_is_not_there_fails_once_and_is_said(opened: Open) -> None:
    engine = await opened(command=("/no/such/program",))
    await ask(engine)
    async with asyncio.timeout(20):
        async for update in engine.subscribe(0):
            if isinstance(update, Event) and update.type is EventType.NOTICE_FAILED:
                break
    [view] = await engine.notices()
    assert isinstance(view, NoticeView)
    assert (view.state, view.attempts) == (NoticeState.FAILED, 1)
    assert "program cannot be started: No such file" in view.message
    assert any("notify.command" in notice for notice in (await engine.info()).notices)


async def test_r46_a_command_that_hangs_ends_in_time_with_all_its_processes(tmp_path: Path) -> None:
    script = "trap '' TERM; setsid sleep 1000 & sleep 1000 & yes"
    started = time.monotonic()
    with pytest.raises(Undelivered, match="did not end within"):
        await Command(["sh", "-c", script], tmp_path, seconds=0.3).run(b"{}", {}, "mark-1")
    assert time.monotonic() - started < 5
    assert carrying("mark-1") == []


async def test_what_a_command_leaves_running_ends_with_it_and_holds_nobody_up(tmp_path: Path) -> None:
    started = time.monotonic()
    await Command(["sh", "-c", "setsid sleep 1000 & exit 0"], tmp_path).run(b"{}" * 100_000, {}, "mark-2")
    assert time.monotonic() - started < 5
    assert carrying("mark-2") == []


async def test_r46_a_command_ends_with_the_engine_that_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "up")
    command = Command(["sh", "-c", "echo up > up; sleep 1000"], tmp_path)
    running = asyncio.create_task(command.run(b"{}", {}, "mark-3"))
    assert await asyncio.to_thread((tmp_path / "up").read_text) == "up\n"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert carrying("mark-3") == []


async def test_only_the_beginning_of_what_a_failing_command_says_is_kept(tmp_path: Path) -> None:
    script = "import sys; sys.stdout.write('why ' + 'x' * 10_000_000); sys.exit(4)"
    with pytest.raises(Undelivered, match="ended with 4: why x") as failed:
        await Command([sys.executable, "-c", script], tmp_path).run(b"{}", {"PILOTHOUSE_TEXT": "a\0b"}, "mark-4")
    assert len(failed.value.message) < 600
