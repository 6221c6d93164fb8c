"""What a run says of itself, leaves to others and keeps: reports, handoffs, artefacts, checkpoints, letters."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import Bench, goal_file
from voices import Voice, heard_again, meanwhile, seen, voice_of, voices

from engine.api import Answer
from engine.api.agents import RestoreCheckpoint
from engine.dispatch.runs import doorway
from engine.errors import StaleVersion
from engine.model import AnswerKind

Opened = Callable[..., Awaitable[Bench]]
DEEP: dict[str, object] = {
    "n": [1, 1.0, -0.0, 1e-300, 2**53, True, False, None, "1", ""],
    "é\u0301 🚢": {"a": [[], {}]},
}


async def test_f98_its_summary_outputs_and_handoff_are_in_the_inputs_of_what_needs_it(bench: Bench) -> None:
    goal = await bench.goal(
        goal_file({"id": "one", "run": "hang one"}, {"id": "two", "run": "hang two", "needs": ["one"]})
    )
    await bench.until(goal.id, lambda _, states: states["one"] == "running")
    one = voice_of(bench, "one")
    await one.post("handoff", values={"port": 80, "host": "a"})
    await one.post("handoff", values={"port": 81})
    await one.post("complete", summary="built it", outputs={"lines": 12})
    bench.driver.finish("hang one")
    await bench.until(goal.id, lambda _, states: states["two"] == "running")
    given = (await voice_of(bench, "two").get("inputs"))["dependencies"]["one"]
    assert (given["summary"], given["outputs"]) == ("built it", {"lines": 12})
    assert given["handoff"] == {"host": "a", "port": 81}
    assert (await bench.engine.run(one.run)).message == "built it"


async def test_r14_a_handoff_and_a_checkpoint_come_back_equal_over_a_restart(opened: Opened) -> None:
    first = await opened()
    goal = await first.goal(
        goal_file({"id": "one", "run": "hang one"}, {"id": "two", "run": "hang two", "needs": ["one"]})
    )
    await first.until(goal.id, lambda _, states: states["one"] == "running")
    one = voice_of(first, "one")
    await one.post("handoff", values=DEEP)
    await one.post("checkpoint", name="half", data=DEEP)
    await one.post("complete", outputs=DEEP)
    first.driver.finish("hang one")
    await first.until(goal.id, lambda _, states: states["two"] == "running")
    await first.engine.close()
    second = await opened()
    await heard_again(second, voice_of(second, "two"))
    (kept,) = await second.engine.checkpoints(f"{goal.id}/one")
    found = (await second.engine.checkpoint(kept.id)).data
    given = (await voice_of(second, "two").get("inputs"))["dependencies"]["one"]
    for value in (found, given["handoff"], given["outputs"]):
        assert dict(sorted(value.items())) == dict(sorted(DEEP.items()))
        assert repr(sorted(value.items())) == repr(sorted(DEEP.items())), "True is 1 and 1 is 1.0 for =="


async def test_f98_fail_is_a_failure_whatever_the_exit_code(bench: Bench) -> None:
    goal, (one,) = await voices(bench, "one")
    await one.post("fail", reason="the spec contradicts itself")
    bench.driver.finish("hang one")
    await bench.ended(goal)
    run = await bench.engine.run(one.run)
    assert (run.exit_code, run.failure_class) == (0, "agent")
    assert run.message == "the agent gave up: the spec contradicts itself"
    assert (await bench.states(goal))["one"] == "failed"


async def test_artifacts_are_plain_files_of_the_work_folder(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    work = bench.driver.work_folder(one.run)
    (work / "out").mkdir()
    (work / "out" / "a.txt").write_text("kept")
    (work / "link").symlink_to("/etc/passwd")
    os.mkfifo(work / "pipe")
    (work / "far").symlink_to("/etc")
    kept = await one.post("artifact", path="/workspace/out/a.txt")
    assert kept["kept"] == [{"name": "out/a.txt", "size": 4}]
    target = bench.engine._parts.context.paths.run_artifacts(one.run)
    assert (target / "out" / "a.txt").read_text() == "kept"
    for path in ("link", "pipe", "far/passwd", "../outside", "/etc/passwd", "nothing"):
        assert (await one.refused("artifact", path=path))[0] == 400, path
    assert sorted(path.name for path in target.rglob("*")) == ["a.txt", "out"]


async def test_r109_restoring_replaces_the_state_guarded_by_version_and_is_an_event(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    first = await one.post("checkpoint", name="start", data={"a": 1, "b": 2})
    second = await one.post("checkpoint", name="later", data={"a": 3, "c": 4}, version=first["version"])
    assert (await one.refused("checkpoint", name="x", data={}, version=first["version"]))[0] == 409
    with pytest.raises(StaleVersion):
        await bench.engine.restore_checkpoint(first["checkpoint"], RestoreCheckpoint(version=first["version"]))
    back = await bench.engine.restore_checkpoint(first["checkpoint"], RestoreCheckpoint(version=second["version"]))
    assert back.current == second["version"] + 1
    state = await one.get("checkpoints")
    assert (state["state"], state["version"]) == ({"a": 1, "b": 2}, back.current), "c is gone"
    (event,) = [event for event in await bench.events() if event.type == "checkpoint.restored"]
    assert event.data["checkpoint"] == first["checkpoint"]
    assert (await one.refused("checkpoint/restore", checkpoint=first["checkpoint"], version=1))[0] == 409


async def test_f102_the_next_run_gets_the_state_of_the_one_before(bench: Bench) -> None:
    goal, (first,) = await voices(bench, "one", retries=1)
    await first.post("checkpoint", name="half", data={"done": [1, 2]})
    await first.post("fail", reason="again")
    bench.driver.finish("hang one")
    await bench.until(goal, lambda _, states: states["one"] == "running" and voice_of(bench, "one").run != first.run)
    second = voice_of(bench, "one")
    assert (await second.get("inputs"))["state"] == {"version": 1, "state": {"done": [1, 2]}}
    assert [view.run for view in await bench.engine.checkpoints(f"{goal}/one")] == [first.run]


async def answered(bench: Bench, decision: str, **answer: Any) -> None:
    card = await bench.engine.decision(decision)
    await bench.engine.answer(decision, Answer(version=card.decision.version, **answer))


async def test_f84_the_answer_to_a_question_comes_back_and_its_run_waits_meanwhile(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    asked = await one.post("ask", question="Which one?", options=["red", "blue"])
    assert (await one.post("ask", question="Which one?", options=["red", "blue"]))["id"] == asked["id"]
    signs = bench.engine._parts.context.exchange.signs[one.run]
    assert list(signs.waits) == [f"ask:{asked['id']}"]
    async with meanwhile(one.get(f"answer/{asked['id']}?wait=20")) as waiting:
        await answered(bench, asked["id"], answer=AnswerKind.CHOOSE, option="blue")
        got = await waiting
    assert (got["state"], got["text"], got["open"]) == ("answered", "blue", False)
    assert signs.waits == {}


async def test_r81_over_a_restart_the_same_question_is_the_same_decision(opened: Opened) -> None:
    bench = await opened()
    _, (one,) = await voices(bench, "one")
    asked = await one.post("ask", question="Go on?")
    await bench.engine.close()
    again = await opened()
    await heard_again(again, one)
    assert (await one.post("ask", question="Go on?"))["id"] == asked["id"]
    await answered(again, asked["id"], answer=AnswerKind.FILL, fields={"answer": "yes, do"})
    assert (await one.get(f"answer/{asked['id']}?wait=20"))["text"] == "yes, do"


async def test_r111_an_agent_reads_no_answer_but_its_own_and_asks_for_no_contact(bench: Bench) -> None:
    _, (one, two) = await voices(bench, "one", "two")
    asked = await one.post("ask", question="Secret?")
    assert (await two.say("GET", f"answer/{asked['id']}"))[0] == 404
    assert (await one.refused("ask", kind="egress", tool="connect", arguments={"to": "a:1"}))[0] == 400


def letters(voice: Voice) -> Path:
    return Path(voice.env["PILOTHOUSE_OUTBOX"])


async def reply(voice: Voice, name: str) -> dict[str, Any]:
    path = letters(voice).with_name("replies") / name
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(path.exists):  # noqa: ASYNC110 - a file rings no bell
            await asyncio.sleep(0.02)
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def put_down(voice: Voice, name: str, content: str) -> None:
    temporary = letters(voice) / f"{name}.tmp"
    temporary.write_text(content)
    temporary.rename(letters(voice) / f"{name}.json")


async def test_f98_a_letter_in_the_outbox_does_the_same(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    put_down(one, "a", '{"op": "progress", "message": "by letter"}')
    (event,) = await seen(bench, "task.progress")
    assert event.data["message"] == "by letter"
    put_down(one, "q", '{"op": "ask", "question": "Go on?"}')
    assert (await reply(one, "q.json"))["open"] is True
    assert list(letters(one).glob("*.json")) == []


async def test_f98_a_letter_put_down_just_before_the_end_counts(bench: Bench) -> None:
    goal, (one,) = await voices(bench, "one")
    put_down(one, "last", '{"op": "complete", "summary": "by letter"}')
    bench.driver.finish("hang one")
    await bench.ended(goal)
    assert (await bench.engine.run(one.run)).message == "by letter"


async def test_case_42_links_pipes_and_huge_files_in_the_outbox_are_refused(bench: Bench, tmp_path: Path) -> None:
    _, (one,) = await voices(bench, "one")
    outbox = letters(one)
    secret = tmp_path / "secret.json"
    secret.write_text('{"op": "progress", "message": "foreign"}')
    (outbox / "link.json").symlink_to(secret)
    os.mkfifo(outbox / "pipe.json")
    with (outbox / "huge.json").open("wb") as huge:
        huge.truncate(20 * 1024**3)
    (outbox / "folder.json").mkdir()
    (outbox / "verdict.json").write_text('{"verdict": "approved"}')
    put_down(one, "bad", "{")
    put_down(one, "good", '{"op": "progress", "message": "own"}')
    for name in ("link", "pipe", "huge", "bad"):
        assert (await reply(one, f"{name}.json"))["status"] == 400, name
    (event,) = await seen(bench, "task.progress")
    assert event.data["message"] == "own"
    assert secret.exists()
    assert sorted(path.name for path in outbox.iterdir()) == ["folder.json", "verdict.json"]


async def test_f98_no_letter_is_lost_when_its_run_ends_while_it_is_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal, (one,) = await voices(bench, "one")
    began, go_on = asyncio.Event(), asyncio.Event()
    carry_out = doorway.order

    async def slow(*args: Any) -> dict[str, object]:
        began.set()
        await go_on.wait()
        return await carry_out(*args)

    monkeypatch.setattr(doorway, "order", slow)
    put_down(one, "last", '{"op": "complete", "summary": "by letter"}')
    async with asyncio.timeout(10):
        await began.wait()
    bench.driver.finish("hang one")
    asyncio.get_running_loop().call_later(0.3, go_on.set)  # by then its end has come to the door
    await bench.ended(goal)
    assert (await bench.engine.run(one.run)).message == "by letter"
