"""Every kind of gate opens, shows what it waits for, and ends by its own signal, answer or clock (R62-R64, R74)."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from asked import SetClock, put_forward
from outside import AFTER, CI, gated, gates, open_gates, send, task, told
from scripted import Bench, goal_file
from test_handoff import inputs_of

from engine.api import Answer, DecisionView
from engine.dispatch.gates.deadlines import fire_deadlines
from engine.errors import Conflict, Invalid, NotFound
from engine.events import EventType
from engine.headless import OnGate
from engine.headless.gates import only_a_human_helps
from engine.model import AnswerKind, GateKind, GoalState

Open = Callable[..., Awaitable[Bench]]

KINDS: dict[GateKind, dict[str, object]] = {
    GateKind.HUMAN_APPROVAL: {"kind": "human_approval"},
    GateKind.CHOICE: {"kind": "choice", "options": ["here", "there"]},
    GateKind.FORM: {"kind": "form", "fields": [{"name": "version"}]},
    GateKind.GH_CI: CI,
    GateKind.GH_REVIEW: {**CI, "kind": "gh_review"},
    GateKind.PR_REVIEW: {"kind": "pr_review", "pr_url": "https://github.com/o/r/pull/12", "name": "bot", "poll": "off"},
    GateKind.WEBHOOK: {"kind": "webhook", "name": "deploy.done"},
    GateKind.TIMER: {"kind": "timer", "wait": "1h"},
    GateKind.ALL: {"kind": "all", "gates": [{"kind": "webhook", "name": "deploy.done"}]},
    GateKind.ANY: {"kind": "any", "gates": [{"kind": "webhook", "name": "deploy.done"}, {"kind": "human_approval"}]},
    GateKind.N_OF: {"kind": "n_of", "n": 1, "gates": [{"kind": "webhook", "name": "deploy.done"}]},
}


@pytest.fixture
async def bench(opened: Open) -> Bench:
    return await opened(clock=SetClock())


async def decision(bench: Bench) -> DecisionView:
    (found,) = await bench.engine.decisions()
    return found


async def resolve(bench: Bench, kind: GateKind) -> None:
    """The way this kind is meant to pass."""
    match kind:
        case GateKind.HUMAN_APPROVAL:
            await bench.engine.answer((await decision(bench)).id, Answer(version=1, answer=AnswerKind.APPROVE))
        case GateKind.CHOICE:
            choice = Answer(version=1, answer=AnswerKind.CHOOSE, option="there")
            await bench.engine.answer((await decision(bench)).id, choice)
        case GateKind.FORM:
            filled = Answer(version=1, answer=AnswerKind.FILL, fields={"version": "1.2"})
            await bench.engine.answer((await decision(bench)).id, filled)
        case GateKind.GH_CI | GateKind.GH_REVIEW:
            assert (await send(bench, kind, repo="o/r", pr="12")).matched
        case GateKind.PR_REVIEW:
            assert (await send(bench, kind, pr_url="https://github.com/o/r/pull/12", name="bot")).matched
        case GateKind.WEBHOOK | GateKind.ALL | GateKind.ANY | GateKind.N_OF:
            assert (await send(bench, "webhook", name="deploy.done")).matched
        case GateKind.TIMER:
            put_forward(bench, timedelta(hours=1))


@pytest.mark.parametrize("kind", list(GateKind))
async def test_case_21_r63_every_kind_opens_shows_itself_and_passes_its_own_way(bench: Bench, kind: GateKind) -> None:
    goal = await gated(bench, KINDS[kind])
    view = (await bench.engine.status(goal)).goals[0]
    assert view.waiting
    assert view.waiting_on, "status says what it waits for"
    node = next(node for node in (await bench.engine.tree(goal)).children if node.key == "gate")
    assert node.gate == kind
    assert f"gate {kind} is open" in " ".join((await bench.engine.why(f"{goal}/gate")).reasons)
    await resolve(bench, kind)
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert (await gates(bench, goal))[0]["state"] == "passed"
    assert not await bench.engine.decisions()


@pytest.mark.parametrize("kind", [kind for kind in GateKind if kind is not GateKind.TIMER])
async def test_r62_r64_neither_an_engine_restart_nor_the_success_of_the_rest_opens_a_gate(
    opened: Open, kind: GateKind
) -> None:
    first = await opened()
    goal = await gated(first, KINDS[kind], {"id": "work", "run": "exit 0"})
    before = await gates(first, goal)
    await first.engine.close()
    second = await opened()
    await second.until(goal, lambda view, _: view.waiting)
    assert await gates(second, goal) == before
    assert (await second.states(goal))["after"] == "pending"


@pytest.mark.parametrize("kind", list(GateKind))
async def test_r62_a_cancelled_goal_cancels_its_gate_and_every_member(bench: Bench, kind: GateKind) -> None:
    goal = await gated(bench, KINDS[kind])
    await bench.engine.cancel(goal)
    assert {row["state"] for row in await gates(bench, goal)} == {"cancelled"}
    assert not await bench.engine.decisions()
    outcome = await send(bench, "webhook", name="deploy.done")
    assert (outcome.matched, outcome.queued) == ((), True)


EMPTY_ANSWERS: list[dict[str, object]] = [
    {"answer": AnswerKind.CHOOSE}, {"answer": AnswerKind.CHOOSE, "option": ""}, {"answer": ""}, {"answer": None}, {},
    {"answer": AnswerKind.CHOOSE, "option": "HERE"}, {"answer": AnswerKind.FILL},
    {"answer": AnswerKind.FILL, "fields": {"version": ""}}, {"answer": AnswerKind.FILL, "fields": {"other": "1"}},
]  # fmt: skip
EMPTY_SIGNALS: list[dict[str, object]] = [
    {}, {"name": ""}, {"name": "deploy"}, {"repo": "", "pr": 12}, {"repo": "o/r"}, {"repo": "o/r", "pr": 0}, {"pr": 12},
    {"data": {}}, {"repo": "o/r", "pr": 13}, {"name": "bot"}, {"key": ""},
]  # fmt: skip


async def test_r62_what_is_empty_or_malformed_passes_no_gate_of_any_kind(bench: Bench) -> None:
    goals = [await gated(bench, gate) for gate in KINDS.values()]
    before = [await gates(bench, goal) for goal in goals]
    asked = await bench.engine.decisions()
    assert {one.kind for one in asked} == {"approval", "choice", "form"}
    for one in asked:
        for given in EMPTY_ANSWERS:
            with pytest.raises((Invalid, ValueError)):
                await bench.engine.answer(one.id, Answer.model_validate({"version": 1, **given}))
    for kind in GateKind:
        for said in EMPTY_SIGNALS:
            with suppress(ValueError):  # refused at the door, or it reaches no gate
                assert not (await send(bench, kind, **said)).matched, (kind, said)
    assert [await gates(bench, goal) for goal in goals] == before
    assert {(await bench.states(goal))["after"] for goal in goals} == {"pending"}


@pytest.mark.parametrize("kind", [GateKind.ALL, GateKind.ANY, GateKind.N_OF, GateKind.TIMER])
async def test_r64_no_signal_fits_what_its_members_or_time_resolve(bench: Bench, kind: GateKind) -> None:
    """Such a gate names nothing, so that every signal of its kind would fit it."""
    with pytest.raises(ValueError, match="by its `gate` id only"):
        await send(bench, kind)


async def test_r62_r74_a_deadline_lets_no_gate_of_any_kind_through(bench: Bench) -> None:
    kinds = [kind for kind in GateKind if kind is not GateKind.TIMER]
    goals = {kind: await gated(bench, {**KINDS[kind], "deadline": "1h"}) for kind in kinds}
    context = bench.engine._parts.context
    await fire_deadlines(context.database, context.clock.now() + timedelta(hours=2))
    for kind, goal in goals.items():
        assert (await bench.ended(goal)).exit_code == 7, kind
        rows = await gates(bench, goal)
        assert (rows[0]["state"], rows[0]["actor"]) == ("failed", "deadline"), kind
        assert "passed" not in {row["state"] for row in rows}, kind
        assert "done" not in (await bench.states(goal)).values(), kind


@pytest.mark.parametrize("kind", [GateKind.HUMAN_APPROVAL, GateKind.CHOICE, GateKind.FORM])
async def test_r67_a_human_gate_is_reached_by_its_id_and_no_other_way(bench: Bench, kind: GateKind) -> None:
    goal = await gated(bench, KINDS[kind])
    with pytest.raises(ValueError, match="by its `gate` id only"):
        await send(bench, kind)
    (gate,) = await open_gates(bench, goal)
    data = {"option": "here", "fields": {"version": "1"}}
    if kind is not GateKind.HUMAN_APPROVAL:
        with pytest.raises(Invalid):
            await send(bench, kind, gate=gate["id"])
    assert (await send(bench, kind, gate=gate["id"], data=data)).matched == (gate["id"],)
    assert (await bench.ended(goal)).state is GoalState.DONE
    with pytest.raises(Conflict):
        await send(bench, kind, gate=gate["id"], data=data)


@pytest.mark.parametrize("kind", [GateKind.HUMAN_APPROVAL, GateKind.GH_CI, GateKind.WEBHOOK])
async def test_a_failing_signal_fails_the_gate_with_its_words(bench: Bench, kind: GateKind) -> None:
    goal = await gated(bench, KINDS[kind])
    words = {"feedback": "too red", "summary": "too red"}
    (gate,) = await open_gates(bench, goal)
    await send(bench, kind, "fail", gate=gate["id"], data=words)
    ended = await bench.ended(goal)
    assert (ended.state, ended.exit_code) == (GoalState.FAILED, 6)
    assert "too red" in (await bench.engine.why(f"{goal}/gate")).summary


async def test_a_gate_id_takes_a_prefix_or_the_task_and_must_be_of_the_kind(bench: Bench) -> None:
    goal = await gated(bench, KINDS[GateKind.WEBHOOK])
    (gate,) = await open_gates(bench, goal)
    with pytest.raises(Invalid, match="is a gate of kind webhook, not gh_ci"):
        await send(bench, "gh_ci", gate=gate["id"])
    with pytest.raises(NotFound):
        await send(bench, "webhook", gate="x-0000000000")
    with pytest.raises(Conflict, match="waits for name"):
        await send(bench, "webhook", gate=gate["id"], name="other")
    assert (await send(bench, "webhook", gate=f"{goal}/gate")).matched == (gate["id"],)


async def test_r64_a_compound_gate_is_resolved_by_its_members_only(bench: Bench) -> None:
    goal = await gated(bench, KINDS[GateKind.ANY])
    root = (await open_gates(bench, goal))[0]
    with pytest.raises(Invalid, match="members"):
        await send(bench, "any", gate=root["id"])
    assert (await bench.states(goal))["gate"] == "waiting"


async def test_r74_a_timer_names_itself_as_the_actor(bench: Bench) -> None:
    goal = await gated(bench, KINDS[GateKind.TIMER])
    put_forward(bench, timedelta(hours=1))
    await bench.ended(goal)
    (resolved,) = await told(bench, EventType.GATE_RESOLVED)
    assert (resolved.data["actor"], resolved.data["state"]) == ("timer", "passed")


@pytest.mark.parametrize(
    ("kind", "then", "state"),
    [
        (GateKind.CHOICE, "fail", "failed"),
        *((kind, "fail", "failed") for kind in (GateKind.WEBHOOK, GateKind.GH_CI, GateKind.ALL)),
        *((kind, "approve", "done") for kind in (GateKind.WEBHOOK, GateKind.GH_CI, GateKind.ALL)),
    ],
)
async def test_r74_a_deadline_ends_any_kind_and_is_the_actor(
    bench: Bench, kind: GateKind, then: str, state: str
) -> None:
    goal = await bench.goal(goal_file(task({**KINDS[kind], "deadline": "1s", "on_deadline": then}), AFTER))
    ended = await bench.ended(goal.id)
    assert (await bench.states(goal.id))["gate"] == state
    assert ended.exit_code == (7 if then == "fail" else 0)
    root = (await gates(bench, goal.id))[0]
    assert root["actor"] == "deadline"


@pytest.mark.parametrize("then", ["remind", "escalate"])
async def test_r74_a_reminder_or_escalation_leaves_the_gate_open_and_tells(bench: Bench, then: str) -> None:
    goal = await bench.goal(goal_file(task({"kind": "human_approval", "deadline": "1s", "on_deadline": then}), AFTER))
    await bench.until(goal.id, lambda view, _: view.waiting)
    (gate,) = await open_gates(bench, goal.id)
    await bench.engine._parts.context.clock.sleep(0)
    async for update in bench.engine.subscribe(0):
        if getattr(update, "type", None) is EventType.GATE_DEADLINE:
            break
    (fired,) = await told(bench, EventType.GATE_DEADLINE)
    assert (fired.data["then"], fired.data["actor"], fired.data["gate"]) == (then, "deadline", gate["id"])
    asked = await decision(bench)
    assert (asked.risk, asked.version) == (("high", 2) if then == "escalate" else ("normal", 1))
    assert "without a deadline" in " ".join((await bench.engine.why(f"{goal.id}/gate")).reasons)
    await bench.engine.answer(asked.id, Answer(version=asked.version, answer=AnswerKind.APPROVE))
    assert (await bench.ended(goal.id)).state is GoalState.DONE


async def test_what_was_chosen_and_filled_reaches_the_tasks_that_need_the_gate(bench: Bench) -> None:
    where = {"id": "where", "gate": KINDS[GateKind.CHOICE]}
    form = {"id": "form", "gate": KINDS[GateKind.FORM]}
    use = {"id": "use", "run": "hang", "needs": ["where", "form"]}
    goal = await bench.goal(goal_file({"id": "both", "order": "parallel", "tasks": [where, form, use]}))
    await bench.until(goal.id, lambda view, states: (states["where"], states["form"]) == ("waiting", "waiting"))
    for asked in await bench.engine.decisions():
        answer = (
            Answer(version=1, answer=AnswerKind.CHOOSE, option="there", by="somebody")
            if asked.kind == "choice"
            else Answer(version=1, answer=AnswerKind.FILL, fields={"version": "1.2"})
        )
        await bench.engine.answer(asked.id, answer)
    await bench.until(goal.id, lambda _, states: states["use"] == "running")
    found = inputs_of(bench.driver, "hang")["dependencies"]
    assert found["where"]["gate"] == {"kind": "choice", "answer": "choose", "option": "there", "by": "somebody"}
    assert found["form"]["gate"]["fields"] == {"version": "1.2"}
    bench.driver.finish()
    await bench.ended(goal.id)


async def test_r129_only_a_human_helps_knows_gates_without_a_decision(bench: Bench) -> None:
    human = await gated(bench, KINDS[GateKind.HUMAN_APPROVAL])
    outside = await gated(bench, KINDS[GateKind.WEBHOOK])
    either = await gated(bench, KINDS[GateKind.ANY])
    decisions = await bench.engine.decisions()
    stuck = {
        goal: only_a_human_helps((await bench.engine.status(goal)).goals[0], decisions)
        for goal in (human, outside, either)
    }
    assert stuck == {human: True, outside: False, either: False}
    assert OnGate.FAIL  # with which `run` would end at the first alone
