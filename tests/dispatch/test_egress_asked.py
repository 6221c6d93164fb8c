"""A host that is not listed is a question: its connection waits, and an answer alone lets it through (F152, R81)."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from contacts import asked, choose, contacts, dial, reaching, side_by_side, tried
from near import World, egress
from scripted import Bench
from voices import Voice, heard_again, seen, voice_of

from engine.api import AddRule, RuleDraft, RuleEffect, SandboxOrder
from engine.dispatch.egress import contacts as rooms
from engine.model import DecisionKind, Risk

Opened = Callable[..., Awaitable[Bench]]


@pytest.fixture
async def bench(opened: Opened, outside: World) -> Bench:
    return await opened(undo_window=0, reach=outside.reach)


async def again(bench: Bench, voice: Voice, key: str) -> Voice:
    """End this run by an operator's order; the voice of the run that its task gets then."""
    await bench.engine.order_sandbox(voice.env["PILOTHOUSE_RUN"], SandboxOrder.KILL)
    await seen(bench, "run.ended")
    task = voice.env["PILOTHOUSE_TASK"]
    await bench.engine.retry(task)
    await seen(bench, "run.started", 1 + len([e for e in await bench.events() if e.type == "run.ended"]))
    return voice_of(bench, key)


async def test_f152_the_first_contact_is_asked_about_and_waits(bench: Bench, outside: World) -> None:
    to = f"web.test:{outside.port}"
    (one,) = await reaching(bench, ask=True)
    async with dial(one, to) as line:
        (decision,) = await asked(bench)
        assert (decision.question, decision.choices) == (f"May it reach {to}?", ("once", "goal", "never"))
        assert decision.risk is Risk.HIGH, "a port of unknown kind"
        signs = bench.engine._parts.context.exchange.signs[one.run]
        assert list(signs.waits) == [f"ask:{decision.id}"], "it waits, and is neither idle nor stalled"
        assert (outside.open, outside.looked_up) == (0, []), "nothing goes out before the answer, no lookup either"
        card = await bench.engine.decision(decision.id)
        assert card.contact is not None
        assert (card.contact.to, card.contact.tries, card.contact.verdict) == (to, 1, "asked")
        why = await bench.engine.why(one.env["PILOTHOUSE_TASK"])
        assert f"wants to reach {to}: it waits for the answer to {decision.id}" in why.reasons
        await choose(bench, decision, "once")
        assert await line.status() == 200
        assert signs.waits == {}
    assert (await tried(one, to))[0] == 200
    assert await bench.engine.decisions() == []


async def test_f152_contacts_with_one_host_share_one_question(bench: Bench, outside: World) -> None:
    to = f"web.test:{outside.port}"
    (one,) = await reaching(bench, ask=True)
    async with dial(one, to) as first, dial(one, to) as second, dial(one, to.upper()) as third:
        (decision,) = await asked(bench)
        await tries(bench, one, 3)
        assert len(await bench.engine.decisions()) == 1
        await choose(bench, decision, "goal")
        assert [await line.status() for line in (first, second, third)] == [200, 200, 200]
    verdicts = [event.data["verdict"] for event in await bench.events() if event.type == "sandbox.egress"]
    assert verdicts == ["asked", "allowed"]


async def tries(bench: Bench, voice: Voice, times: int) -> None:
    async with asyncio.timeout(10):
        while sum(contact.tries for contact in await contacts(bench, voice)) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("option", "first", "later"), [("once", 200, "asked"), ("goal", 200, 200), ("never", 403, 403)]
)
async def test_f152_an_answer_holds_for_the_run_for_the_goal_or_against_it(
    bench: Bench, outside: World, option: str, first: int, later: int | str
) -> None:
    to = f"web.test:{outside.port}"
    (one,) = await reaching(bench, ask=True)
    async with dial(one, to) as line:
        (decision,) = await asked(bench)
        await choose(bench, decision, option)
        assert await line.status() == first
    assert (await tried(one, to))[0] == first
    two = await again(bench, one, "one")
    async with dial(two, to) as line:
        if later == "asked":
            (other,) = await asked(bench)
            assert other.id != decision.id
        else:
            assert await line.status() == later
            assert await bench.engine.decisions() == []


async def test_f152_never_stands_above_the_list_of_another_task(bench: Bench, outside: World) -> None:
    to = f"web.test:{outside.port}"
    asks, lists = await side_by_side(bench, {"one": egress(ask=True), "two": egress(to)})
    async with dial(asks, to) as line:
        (decision,) = await asked(bench)
        assert (await tried(lists, to))[0] == 200
        await choose(bench, decision, "never")
        assert (await line.refused())[1] == f"{to} is refused: the answer to {decision.id} is never, in this goal"
    assert (await tried(lists, to))[0] == 403


async def test_f152_nothing_is_allowed_by_time_and_the_question_stays(
    bench: Bench, outside: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "LONGEST_WAIT", 0.2)
    to = f"web.test:{outside.port}"
    (one,) = await reaching(bench, ask=True)
    status, words = await tried(one, to)
    (decision,) = await bench.engine.decisions()
    assert (status, words) == (504, f"{to}: it waits for the answer to {decision.id}")
    assert bench.engine._parts.context.exchange.signs[one.run].waits == {}
    await choose(bench, decision, "once")
    assert (await tried(one, to))[0] == 200


async def test_f152_a_program_that_goes_leaves_the_question_and_its_run_waits_no_more(
    bench: Bench, outside: World
) -> None:
    (one,) = await reaching(bench, ask=True)
    async with dial(one, f"web.test:{outside.port}"):
        (decision,) = await asked(bench)
    signs = bench.engine._parts.context.exchange.signs[one.run]
    async with asyncio.timeout(10):
        while signs.waits:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [d.id for d in await bench.engine.decisions()] == [decision.id]


async def test_f152_nothing_is_allowed_by_the_end_of_the_run(bench: Bench, outside: World) -> None:
    (one,) = await reaching(bench, ask=True)
    async with dial(one, f"web.test:{outside.port}") as line:
        await asked(bench)
        await bench.engine.cancel(one.env["PILOTHOUSE_TASK"])
        assert not (await line.rest()).startswith(b"HTTP/1.1 200")
        await seen(bench, "run.ended")
    assert await bench.engine.decisions() == []
    assert outside.looked_up == []


async def test_r81_over_a_restart_it_is_the_same_question_and_nothing_was_let_through(
    opened: Opened, outside: World
) -> None:
    bench = await opened(undo_window=0, reach=outside.reach)
    to = f"web.test:{outside.port}"
    (one,) = await reaching(bench, ask=True)
    async with dial(one, to) as line:
        (before,) = await asked(bench)
        await bench.engine.close()
        assert await line.rest() == b""
    second = await opened(undo_window=0, reach=outside.reach)
    await heard_again(second, one)
    async with dial(one, to) as line:
        (after,) = await asked(second)
        assert after.id == before.id
        assert outside.looked_up == []
        await choose(second, after, "once")
        assert await line.status() == 200
    opened_ones = [event for event in await second.events() if event.type == "decision.opened"]
    assert len(opened_ones) == 1


async def test_an_answer_that_may_be_undone_lets_nothing_through_yet(opened: Opened, outside: World) -> None:
    bench = await opened(undo_window=300, reach=outside.reach)
    (one,) = await reaching(bench, ask=True)
    async with dial(one, f"web.test:{outside.port}") as line:
        (decision,) = await asked(bench)
        await choose(bench, decision, "goal", undoable=True)
        await bench.engine.undo(decision.id)
        (pending,) = await bench.engine.decisions()
        await bench.engine.cancel(one.env["PILOTHOUSE_TASK"])
        assert not (await line.rest()).startswith(b"HTTP/1.1 200")
    assert pending.state == "pending"
    assert outside.looked_up == []


async def test_one_task_asks_about_so_many_hosts_at_a_time(
    bench: Bench, outside: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.dispatch.egress.judging.MOST_ASKED", 1)
    (one,) = await reaching(bench, ask=True)
    async with dial(one, f"web.test:{outside.port}"):
        await asked(bench)
        status, words = await tried(one, f"other.test:{outside.port}")
        assert status == 403
        assert "1 questions of its task wait" in words


@pytest.mark.parametrize(("effect", "status"), [(RuleEffect.APPROVE, 200), (RuleEffect.REJECT, 403)])
async def test_r83_a_rule_may_answer_for_an_everyday_contact(
    bench: Bench, outside: World, effect: RuleEffect, status: int
) -> None:
    arguments = {"to": "*.test:443"}
    draft = RuleDraft(kind=DecisionKind.EGRESS, effect=effect, tool="connect", arguments=arguments, reason="known")
    rehearsed = await bench.engine.rehearse(draft)
    await bench.engine.add_rule(AddRule(draft=draft, rehearsed=rehearsed.hash))
    (one,) = await reaching(bench, ask=True)
    found, words = await tried(one, "web.test:443")
    assert found == (502 if status == 200 else 403), "nothing listens at 443 here"
    assert await bench.engine.decisions() == []
    (contact,) = await contacts(bench, one)
    assert contact.verdict == ("allowed" if status == 200 else "refused"), words
