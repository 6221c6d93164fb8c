"""Leases: one holder, a fair queue, an end, a fencing token (R102-R105)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from scripted import Bench
from timed import Leap
from voices import Voice, heard_again, meanwhile, seen, voices

from engine.api import SandboxOrder
from engine.api.agents import ReleaseLease
from engine.dispatch.agent.caller import Caller
from engine.dispatch.agent.leases import acquire
from engine.dispatch.exchange import LEASES as KEEPER
from engine.errors import StoreError
from engine.events import Event
from engine.sandbox_api.requests import Acquire

Opened = Callable[..., Awaitable[Bench]]


async def queue(bench: Bench) -> list[str]:
    return [waiter.task_key for lease in await bench.engine.leases() for waiter in lease.waiters]


async def until_queue(bench: Bench, *keys: str) -> None:
    async with asyncio.timeout(10):
        while await queue(bench) != list(keys):  # noqa: ASYNC110 - a row of the store rings no bell
            await asyncio.sleep(0.01)


async def test_r102_of_many_askers_one_holds_it_and_the_others_are_told_who(bench: Bench) -> None:
    _, (one, two, three) = await voices(bench, "one", "two", "three")
    answers = await asyncio.gather(*(voice.say("POST", "lease", {"name": "db"}) for voice in (one, two, three)))
    assert sorted(status for status, _ in answers) == [200, 409, 409]
    (held,) = await bench.engine.leases()
    for status, document in answers:
        if status == 409:
            assert f"db is held by {held.task_key} (run {held.run})" in document["detail"]
            assert document["details"]["holder"] == held.run
            assert document["hint"] == "wait for it: --wait SECONDS"
    other = next(voice for voice, (status, _) in zip((one, two, three), answers, strict=True) if status == 409)
    _, document = await other.say("POST", "lease", {"name": "db", "wait": 0.05})
    assert document["hint"] == "wait longer: --wait SECONDS"


async def test_r102_asking_twice_is_one_lease_with_one_token(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    first, again = await one.post("lease", name="db"), await one.post("lease", name="db", ttl=90)
    assert (first["fence"], again["fence"], again["ttl"]) == (1, 1, 90)


async def test_r103_first_in_first_out_within_priority_and_urgent_overtakes(bench: Bench) -> None:
    _, (holder, first, second, urgent) = await voices(bench, "holder", "first", "second", "urgent")
    fence = (await holder.post("lease", name="db"))["fence"]
    order: list[str] = []

    async def take(key: str, voice: Voice, priority: int) -> None:
        lease = await voice.post("lease", name="db", wait=20, priority=priority)
        order.append(key)
        await voice.post("lease/release", name="db", fence=lease["fence"])

    async with asyncio.TaskGroup() as group:
        group.create_task(take("first", first, 0))
        await until_queue(bench, "first")
        group.create_task(take("second", second, 0))
        await until_queue(bench, "first", "second")
        group.create_task(take("urgent", urgent, 5))
        await until_queue(bench, "urgent", "first", "second")
        await holder.post("lease/release", name="db", fence=fence)
    assert order == ["urgent", "first", "second"]


async def test_r103_whoever_goes_leaves_its_place_and_the_next_one_gets_it(bench: Bench) -> None:
    _, (holder, gone, last) = await voices(bench, "holder", "gone", "last")
    fence = (await holder.post("lease", name="db"))["fence"]
    async with meanwhile(gone.post("lease", name="db", wait=20)):
        await until_queue(bench, "gone")
        async with meanwhile(last.post("lease", name="db", wait=20)) as waiting:
            await until_queue(bench, "gone", "last")
            async with meanwhile(last.say("POST", "lease", {"name": "db", "wait": 0.05})):
                assert await queue(bench) == ["gone", "last"], "one row each"
            waits = bench.engine._parts.context.exchange.signs[last.run].waits
            assert waits == {"lease:db": "waits for db"}, "who waits for a lease is not silent (R50)"
            # the first in the queue closes its connection
            await _leave_queue(bench, gone)
            await holder.post("lease/release", name="db", fence=fence)
            assert (await waiting)["fence"] == fence + 1


async def test_r103_one_of_two_asks_that_ends_leaves_the_place_to_the_other(bench: Bench) -> None:
    _, (holder, twice, last) = await voices(bench, "holder", "twice", "last")
    fence = (await holder.post("lease", name="db"))["fence"]
    async with meanwhile(twice.post("lease", name="db", wait=20)) as waiting:
        await until_queue(bench, "twice")
        async with meanwhile(last.post("lease", name="db", wait=20)):
            await until_queue(bench, "twice", "last")
            for wait in (0, 0.05):
                assert (await twice.refused("lease", name="db", wait=wait))[0] == 409
            assert await queue(bench) == ["twice", "last"]
            waits = bench.engine._parts.context.exchange.signs[twice.run].waits
            assert waits == {"lease:db": "waits for db"}
            await holder.post("lease/release", name="db", fence=fence)
            assert (await waiting)["fence"] == fence + 1
            assert waits == {}


async def _leave_queue(bench: Bench, voice: Voice) -> None:
    await bench.engine.cancel(voice.env["PILOTHOUSE_TASK"])
    await until_queue(bench, "last")


async def test_r103_a_closed_connection_leaves_the_queue(bench: Bench) -> None:
    _, (holder, gone) = await voices(bench, "holder", "gone")
    await holder.post("lease", name="db")
    async with meanwhile(gone.post("lease", name="db", wait=20)):
        await until_queue(bench, "gone")
    await until_queue(bench)


async def test_r104_past_its_end_it_is_the_next_ones_and_the_old_token_writes_nothing(bench: Bench) -> None:
    _, (one, two) = await voices(bench, "one", "two")
    old = await one.post("lease", name="db", ttl=1)
    await seen(bench, "lease.expired")
    new = await two.post("lease", name="db")
    assert new["fence"] == old["fence"] + 1
    guarded = {"lease": "db", "fence": old["fence"]}
    for name, body in {
        "checkpoint": {"name": "c", "data": {}},
        "handoff": {"values": {"a": 1}},
        "complete": {"summary": "late"},
        "artifact": {"path": "a.txt"},
    }.items():
        status, detail = await one.refused(name, **body, **guarded)
        assert (status, detail) == (409, "db is not held with token 1"), name
    assert (await one.refused("lease/renew", name="db", fence=old["fence"]))[0] == 409
    assert (await one.refused("lease/release", name="db", fence=old["fence"]))[0] == 409
    told = (await one.get("messages"))["messages"]
    assert [(message["type"], message["body"]["name"]) for message in told] == [("lease.expired", "db")]
    await two.post("checkpoint", name="c", data={}, lease="db", fence=new["fence"])


def put_forward(bench: Bench, clock: Leap, seconds: float) -> None:
    """The clock, and whoever looks after the ends of leases looks at it."""
    clock.ahead += seconds
    bench.engine._parts.context.exchange.bells.ring(KEEPER)


async def test_r104_renewed_in_time_it_goes_on(opened: Opened) -> None:
    clock = Leap()
    bench = await opened(clock=clock)
    _, (one,) = await voices(bench, "one")
    lease = await one.post("lease", name="db", ttl=60)
    for _ in range(4):  # longer than it would last by itself
        put_forward(bench, clock, 40)
        await one.post("lease/renew", name="db", fence=lease["fence"])
    assert [event for event in await bench.events() if event.type == "lease.expired"] == []
    assert (await one.get("status"))["leases"][0]["name"] == "db"
    put_forward(bench, clock, 61)
    await seen(bench, "lease.expired")


async def test_r104_a_lease_given_to_an_ask_that_is_gone_ends_by_its_time(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Leap()
    bench = await opened(clock=clock)
    _, (one, two) = await voices(bench, "one", "two")
    exchange = bench.engine._parts.context.exchange
    follow = exchange.follow

    def closing(events: Sequence[Event], now: float) -> None:
        follow(events, now)
        if any(event.type == "lease.acquired" for event in events):
            asking.cancel()  # it is stored, and whoever asked has not heard of it

    monkeypatch.setattr(exchange, "follow", closing)
    asking = asyncio.create_task(acquire(caller_of(bench, one), Acquire(name="db", ttl=60)))
    with pytest.raises(asyncio.CancelledError):
        await asking
    monkeypatch.undo()
    assert (await two.refused("lease", name="db"))[0] == 409
    put_forward(bench, clock, 61)
    await seen(bench, "lease.expired")
    await two.post("lease", name="db")


def caller_of(bench: Bench, voice: Voice) -> Caller:
    (live,) = [live for live in bench.engine._parts.live if live.id == voice.run]
    assert live._door._open is not None
    return live._door._open.caller


async def test_r105_the_end_of_a_run_frees_what_it_holds(bench: Bench) -> None:
    _, (one, two) = await voices(bench, "one", "two")
    await one.post("lease", name="a")
    await one.post("lease", name="b")
    async with meanwhile(two.post("lease", name="a", wait=20)) as waiting:
        await until_queue(bench, "two")
        await bench.engine.order_sandbox(one.run, SandboxOrder.KILL)
        assert (await waiting)["fence"] == 2
    (left,) = await bench.engine.leases()
    assert (left.name, left.task_key) == ("a", "two")


async def test_r105_a_store_that_refuses_gives_no_lease(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _, (one,) = await voices(bench, "one")

    async def refuse(_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(bench.engine._parts.context.database, "write", refuse)
    status, detail = await one.refused("lease", name="db")
    monkeypatch.undo()
    assert (status, detail) == (503, "the disk is full")
    assert await bench.engine.leases() == ()


async def test_r102_after_a_restart_the_holder_is_the_same_and_its_time_begins_anew(opened: Opened) -> None:
    clock = Leap()
    bench = await opened(clock=clock)
    _, (one, two) = await voices(bench, "one", "two")
    lease = await one.post("lease", name="db", ttl=60)
    clock.ahead += 40
    await bench.engine.close()
    again = await opened(clock=clock)
    await heard_again(again, one, two)
    put_forward(again, clock, 40)
    assert (await two.refused("lease", name="db"))[0] == 409
    await one.post("lease/renew", name="db", fence=lease["fence"])
    put_forward(again, clock, 61)
    await seen(again, "lease.expired")
    await two.post("lease", name="db")


async def test_f101_an_operator_takes_it_away_with_a_reason_and_the_holder_is_told(bench: Bench) -> None:
    _, (one, two) = await voices(bench, "one", "two")
    old = await one.post("lease", name="db")
    async with meanwhile(two.post("lease", name="db", wait=20)) as waiting:
        await until_queue(bench, "two")
        await bench.engine.release_lease("db", ReleaseLease(reason="stuck", by="ann"))
        assert (await waiting)["fence"] == old["fence"] + 1
    (message,) = (await one.get("messages"))["messages"]
    assert (message["type"], message["body"]["reason"]) == ("lease.released", "stuck")
    released = [event for event in await bench.events() if event.type == "lease.released"]
    assert (released[0].data["by"], released[0].data["reason"]) == ("ann", "stuck")
