"""Notices of a real engine over a real HTTP server: once each, in words, and quiet while somebody looks (F111)."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from notice_bench import Open, ask
from ntfy_server import NtfyServer

from engine.api import Answer, CreateGoal, NoticeView, Presence
from engine.events import Event, EventType
from engine.local.engine import LocalEngine
from engine.local.notifying import Notifier
from engine.model import AnswerKind, NoticeState


async def until(engine: LocalEngine, kind: EventType) -> Event:
    async with asyncio.timeout(20):
        async for update in engine.subscribe(0):
            if isinstance(update, Event) and update.type is kind:
                return update
    raise AssertionError("the stream ended")


async def settled(engine: LocalEngine, state: NoticeState, message: str = "", number: int = 1) -> Sequence[NoticeView]:
    """Once so many notices stand so; what is put off is no event, so it is looked at."""
    async with asyncio.timeout(20):
        while True:
            found = [one for one in await engine.notices() if one.state is state and message in one.message]
            if len(found) >= number:
                return found
            await asyncio.sleep(0.01)


async def test_a_decision_is_told_with_who_what_why_and_when(opened: Open, ntfy: NtfyServer, project: Path) -> None:
    (project / "token").write_text("tk_very_secret\n")
    engine = await opened(url=ntfy.url, token_file="token", click="https://dock/d/{decision}")
    asked = await ask(engine, ", deadline: 2h, on_deadline: fail", title="Ship ☂ the greeting")
    [message] = await ntfy.got(1)
    assert message.path == "/topic"
    assert message.headers["authorization"] == "Bearer tk_very_secret"
    assert message.headers["priority"] == "3"
    assert message.headers["click"] == f"https://dock/d/{asked.id}"
    assert message.headers["title"].startswith("=?UTF-8?B?")
    assert asked.deadline is not None
    due = f"at {asked.deadline:%Y-%m-%d %H:%M} UTC it fails"
    for words in ("Ship ☂ the greeting / ok", "Ship it?", "blocks 1 task", due):
        assert words in message.body
    told = await until(engine, EventType.NOTICE_SENT)
    assert (told.data["subject"], told.data["stage"], told.data["channel"]) == (asked.id, "opened", "url")
    assert "tk_very_secret" not in "".join(str(event) for event in await engine.events())


async def test_r85_a_notice_goes_out_once_whatever_restarts(opened: Open, ntfy: NtfyServer) -> None:
    engine = await opened(url=ntfy.url)
    await ask(engine)
    await until(engine, EventType.NOTICE_SENT)
    await engine.close()
    again = await opened(url=ntfy.url)
    second = await ask(again, title="Another")
    messages = await ntfy.got(2)
    assert len(messages) == 2
    assert second.id in messages[1].body


async def test_what_was_not_told_before_an_end_is_told_by_the_next_engine(opened: Open, ntfy: NtfyServer) -> None:
    ntfy.mode = "500"
    engine = await opened(url=ntfy.url, retry=600)
    asked = await ask(engine)
    await settled(engine, NoticeState.DUE, "500")
    await engine._parts.context.database.write(lambda tx: tx.run("UPDATE notices SET next_at = at"))
    await engine.close()
    ntfy.mode = "well"
    await opened(url=ntfy.url)
    [message] = await ntfy.got(1)
    assert asked.id in message.body


async def test_r85_what_was_on_its_way_when_an_engine_died_is_not_sent_twice(opened: Open, ntfy: NtfyServer) -> None:
    engine = await opened(url=ntfy.url)
    await ask(engine)
    await until(engine, EventType.NOTICE_SENT)
    await engine._parts.context.database.write(lambda tx: tx.run("UPDATE notices SET state = 'sending'"))
    await engine.close()
    again = await opened(url=ntfy.url)
    await settled(again, NoticeState.UNKNOWN)
    assert len(ntfy.messages) == 1


async def test_r69_a_service_in_trouble_is_asked_again_and_said(opened: Open, ntfy: NtfyServer) -> None:
    ntfy.mode = "500"
    engine = await opened(url=ntfy.url)
    await ask(engine)
    await ntfy.tried_at_least(2)
    assert any("127.0.0.1 answered 500" in notice for notice in (await engine.info()).notices)
    ntfy.mode = "well"
    await ntfy.got(1)
    await until(engine, EventType.NOTICE_SENT)
    assert not any("do not arrive" in notice for notice in (await engine.info()).notices)


@pytest.mark.parametrize("mode", ["401", "500"])
async def test_a_notice_that_never_arrives_ends_as_failed_and_harms_nothing(
    mode: str, opened: Open, ntfy: NtfyServer
) -> None:
    ntfy.mode = mode
    engine = await opened(url=ntfy.url)
    asked = await ask(engine)
    failed = await until(engine, EventType.NOTICE_FAILED)
    assert failed.data["subject"] == asked.id
    assert ntfy.tried == (1 if mode == "401" else 6)
    answer = Answer(version=asked.version, answer=AnswerKind.APPROVE, by="ann")
    assert (await engine.answer(asked.id, answer)).answer is AnswerKind.APPROVE


async def test_f113_nobody_is_told_while_somebody_looks_and_everybody_once_they_left(
    opened: Open, ntfy: NtfyServer
) -> None:
    engine = await opened(url=ntfy.url)
    await engine.report_presence(Presence(attachment="a1", idle=3.0))
    asked = await ask(engine)
    [kept] = await settled(engine, NoticeState.DUE, "somebody looks")
    left = (kept.next_at - datetime.now(UTC)).total_seconds()
    assert 0 < left < 60, "a report counts for a short while only"
    assert ntfy.tried == 0
    await engine.report_presence(Presence(attachment="a1", idle=None))
    await engine._parts.context.database.write(lambda tx: tx.run("UPDATE notices SET next_at = at"))
    engine._parts.notifier.look_again()
    [message] = await ntfy.got(1)
    assert asked.id in message.body


async def test_f113_what_was_answered_meanwhile_is_not_told(opened: Open, ntfy: NtfyServer) -> None:
    engine = await opened(url=ntfy.url)
    await engine.report_presence(Presence(attachment="a1", focus="", idle=100.0))
    asked = await ask(engine)
    await settled(engine, NoticeState.DUE, "somebody looks")
    await engine.answer(asked.id, Answer(version=asked.version, answer=AnswerKind.APPROVE, by="ann"))
    await engine._parts.context.database.write(lambda tx: tx.run("UPDATE notices SET next_at = at"))
    engine._parts.notifier.look_again()
    await settled(engine, NoticeState.DROPPED, "answered")
    assert ntfy.tried == 0


async def test_quiet_hours_keep_what_is_not_urgent(opened: Open, ntfy: NtfyServer) -> None:
    now = datetime.now(UTC).astimezone()
    begin, end = now - timedelta(hours=1), now + timedelta(hours=1)
    engine = await opened(url=ntfy.url, quiet=f"{begin:%H:%M}-{end:%H:%M}")
    await ask(engine)
    [kept] = await settled(engine, NoticeState.DUE, "quiet hours")
    assert abs((kept.next_at - end.replace(second=0, microsecond=0)).total_seconds()) < 1
    asked = await ask(engine, ", risk: high", title="Delete it all")
    [message] = await ntfy.got(1)
    assert message.headers["priority"] == "5"
    assert asked.id in message.body


async def test_goals_are_told_of_by_severity(opened: Open, ntfy: NtfyServer) -> None:
    engine = await opened(url=ntfy.url)
    for word in ("true", "false"):
        source = f'goal: Say {word}\ntasks:\n  - {{id: a, run: "{word}"}}\n'
        await engine.create_goal(CreateGoal(source=source, allow_unconfined=True))
    [message] = await ntfy.got(1)
    assert message.headers["title"] == "Goal failed: Say false"
    await until(engine, EventType.NOTICE_SENT)
    assert [view.notice.title for view in await engine.notices()] == ["Goal failed: Say false"]


async def test_many_at_once_are_told_in_one(opened: Open, ntfy: NtfyServer) -> None:
    engine = await opened(url=ntfy.url)
    await engine.report_presence(Presence(attachment="a1", idle=0.0))
    gates = "\n".join(f"  - {{id: g{n}, gate: {{kind: human_approval}}}}" for n in range(8))
    source = f"goal: Eight\npolicy: {{order: parallel}}\ntasks:\n{gates}\n"
    await engine.create_goal(CreateGoal(source=source, allow_unconfined=True))
    await settled(engine, NoticeState.DUE, "looks", 8)
    await engine.report_presence(Presence(attachment="a1"))
    await engine._parts.context.database.write(lambda tx: tx.run("UPDATE notices SET next_at = at"))
    engine._parts.notifier.look_again()
    [message] = await ntfy.got(1)
    assert message.headers["title"] == "Pilothouse: 8 things to tell"
    assert message.body.endswith("and 5 more")


async def test_a_trial_goes_through_every_channel_also_of_a_visiting_engine(
    opened: Open, ntfy: NtfyServer, project: Path
) -> None:
    engine = await opened(visiting=True, url=ntfy.url, command=("sh", "-c", "cat > told.json; exit 3"))
    outcomes = {outcome.channel: outcome.message for outcome in await engine.try_notices("ann")}
    assert outcomes == {"url": "", "command": "sh ended with 3"}
    assert "sent by ann" in ntfy.messages[0].body
    assert '"stage": "test"' in (project / "told.json").read_text()


async def test_a_fault_of_its_own_is_said_and_harms_nothing_else(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Notifier) -> float | None:
        raise RuntimeError("of its own")

    monkeypatch.setattr(Notifier, "_pass", broken)
    engine = await opened(bell=True)
    asked = await ask(engine)
    assert "notices: RuntimeError: of its own" in (await engine.info()).notices
    answer = Answer(version=asked.version, answer=AnswerKind.APPROVE, by="ann")
    assert (await engine.answer(asked.id, answer)).answer is AnswerKind.APPROVE
