"""Agents of one goal talk to each other, and the registry tells who is there (R106-R108, F99, F100)."""

import asyncio
from collections.abc import Awaitable, Callable

from scripted import Bench
from voices import heard_again, meanwhile, seen, voices

from engine.api import SandboxOrder
from engine.api.agents import TellAgent
from engine.dispatch.agent import post

Opened = Callable[..., Awaitable[Bench]]


async def test_r106_delivered_and_failed_are_the_subscribers_and_each_gets_it_once(bench: Bench) -> None:
    _, (sender, full, first, second) = await voices(bench, "sender", "full", "first", "second")
    context = bench.engine._parts.context

    def fill(tx: object) -> None:
        letter = post.Letter(sender.env["PILOTHOUSE_GOAL"], "message", "noise", {}, "test")
        for n in range(post.INBOX):
            post.post(tx, letter, [full.run], post.EventType.MESSAGE_SENT, f"noise-{n}")  # type: ignore[arg-type]

    await context.database.write(fill)
    sent = await sender.post("message", kind="broadcast", type="news", body={"n": 1}, key="k1")
    assert (sent["subscribers"], sent["delivered"]) == (3, 2)
    assert list(sent["failed"]) == [full.run]
    again = await sender.post("message", kind="broadcast", type="news", body={"n": 1}, key="k1")
    assert again["message"] == sent["message"], "a repeated POST is one message"
    for voice in (first, second):
        (message,) = (await voice.get("messages"))["messages"]
        assert (message["type"], message["from"], message["body"]) == ("news", "sender", {"n": 1})
        assert (await voice.get("messages"))["messages"] == []


async def test_r107_a_request_is_answered_and_an_urgent_one_overtakes(bench: Bench) -> None:
    _, (asker, worker) = await voices(bench, "asker", "worker")
    await asker.post("message", to="worker", type="note", body={"text": "later"})
    async with meanwhile(
        asker.post("message", kind="request", to="worker", type="sum", body={"a": 1}, priority="urgent", deadline=20)
    ) as waiting:
        await seen(bench, "message.requested")
        urgent, note = (await worker.get("messages?wait=10"))["messages"]
        assert (urgent["type"], urgent["urgent"], note["type"]) == ("sum", True, "note")
        await worker.post("message", kind="response", answers=urgent["message"], type="sum", body={"sum": 1})
        assert (await waiting)["answer"]["body"] == {"sum": 1}
    late = await worker.refused("message", kind="response", answers=urgent["message"], body={})
    assert late[0] == 409, "one response"


async def test_r107_an_unknown_and_an_ended_target_fail_at_once(bench: Bench) -> None:
    _, (asker, worker) = await voices(bench, "asker", "worker")
    asked = {"kind": "request", "type": "sum", "deadline": 600}
    assert (await asker.refused("message", to="nobody", **asked))[0] == 404
    await bench.engine.order_sandbox(worker.run, SandboxOrder.KILL)
    assert (await asker.refused("message", to="worker", **asked))[0] == 404
    assert (await asker.refused("message", to=worker.run, **asked))[0] == 404


async def test_r101_r107_a_request_ends_by_its_deadline_and_with_the_other_side(bench: Bench) -> None:
    _, (asker, worker) = await voices(bench, "asker", "worker")
    status, detail = await asker.refused("message", kind="request", to="worker", type="sum", deadline=0.1)
    assert (status, "nobody answered in time" in detail) == (504, True)
    asked = {"kind": "request", "to": "worker", "type": "sum", "deadline": 600}
    async with meanwhile(asker.refused("message", **asked)) as waiting, asyncio.timeout(10):
        await seen(bench, "message.requested", 2)
        await bench.engine.order_sandbox(worker.run, SandboxOrder.KILL)
        assert (await waiting)[0] == 504


async def test_r107_an_answer_arrives_over_a_restart_of_the_engine(opened: Opened) -> None:
    bench = await opened()
    _, (asker, worker) = await voices(bench, "asker", "worker")
    asked = {"kind": "request", "to": "worker", "type": "sum", "deadline": 30, "key": "once"}
    async with meanwhile(asker.post("message", **asked)):
        (request,) = (await worker.get("messages?wait=10"))["messages"]
    await bench.engine.close()
    again = await opened()
    await heard_again(again, asker, worker)
    async with meanwhile(asker.post("message", **asked)) as waiting:
        await worker.post("message", kind="response", answers=request["message"], body={"sum": 3})
        assert (await waiting)["answer"]["body"] == {"sum": 3}


async def test_r108_a_heartbeat_touches_liveness_only(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    await one.post("register", role="tester", capabilities=["pytest"], state="busy", load=0.5)
    before = await bench.events()
    await one.post("heartbeat")
    (agent,) = await bench.engine.agents()
    assert await bench.events() == before
    assert (agent.role, agent.state, agent.load, agent.capabilities) == ("tester", "busy", 0.5, ("pytest",))
    assert agent.silent is not None
    assert agent.silent < 5


async def test_r108_busy_and_idle_agents_are_found_by_what_they_can(bench: Bench) -> None:
    _, (one, two) = await voices(bench, "one", "two")
    await two.post("register", role="tester", capabilities=["pytest"], state="idle")
    found = (await one.get("agents?capability=pytest"))["agents"]
    assert [(agent["name"], agent["state"]) for agent in found] == [("two", "idle")]
    assert [agent["name"] for agent in (await one.get("agents?state=busy"))["agents"]] == ["one"]
    await bench.engine.order_sandbox(two.run, SandboxOrder.KILL)
    assert [agent.name for agent in await bench.engine.agents()] == ["one"]


async def test_an_operators_words_lie_in_the_agents_inbox(bench: Bench) -> None:
    goal, (one,) = await voices(bench, "one")
    told = await bench.engine.tell_agent(f"{goal}/one", TellAgent(text="look at the tests", by="ann"))
    (message,) = (await one.get("messages?wait=5"))["messages"]
    assert (message["message"], message["from"], message["body"]) == (
        told.message,
        "ann",
        {"text": "look at the tests"},
    )
