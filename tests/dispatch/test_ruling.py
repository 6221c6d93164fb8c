"""Rules answer what was rehearsed, within their scope, and nothing else (R83, R85)."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from asked import SetClock, answer, ask, bash, gate, running, told, view
from pydantic import ValidationError
from scripted import Bench, goal_file

from engine.api import AddRule, LedgerAction, Rule, RuleDraft
from engine.dispatch.decisions.patterns import fits, fits_argument
from engine.errors import Conflict, Invalid, NotFound, StaleVersion
from engine.events import EventType
from engine.model import AnswerKind, DecisionKind, DecisionState, RunRecord

Open = Callable[..., Awaitable[Bench]]
PYTEST = {"kind": "permission", "effect": "approve", "tool": "Bash", "arguments": {"command": "pytest *"}}


def draft(**changes: object) -> RuleDraft:
    return RuleDraft.model_validate({**PYTEST, **changes})


async def make(bench: Bench, **changes: object) -> Rule:
    wanted = draft(**changes)
    rehearsed = await bench.engine.rehearse(wanted)
    return await bench.engine.add_rule(AddRule(draft=wanted, rehearsed=rehearsed.hash, by="ann"))


async def answered_by(bench: Bench, run: RunRecord, **request: object) -> str:
    """Who answered a request at once; empty while it is pending."""
    seen = await view(bench, await ask(bench, run, **request))
    return seen.by or "" if seen.state is DecisionState.ANSWERED else ""


async def test_a_rehearsal_says_what_was_approved_and_denied_and_changes_nothing(bench: Bench) -> None:
    run = await running(bench)
    for key, (command, kind) in enumerate(
        [("pytest -q", AnswerKind.APPROVE), ("pytest -x", AnswerKind.REJECT), ("make", AnswerKind.APPROVE)]
    ):
        asked = await ask(bench, run, **bash(command, key=str(key)))
        await bench.engine.answer(asked, answer(await view(bench, asked), kind, feedback="so"))
    open_one = await ask(bench, run, **bash("pytest tests"))
    await ask(bench, run, **bash("pytest -q; rm -rf ~"))
    found = await bench.engine.rehearse(draft())
    assert (found.approved, found.denied, found.unanswered) == (1, 1, 1)
    assert found.matches[0].decision == open_one
    assert (await bench.engine.rehearse(draft())).hash == found.hash
    assert await bench.engine.rules() == []


async def test_a_rule_is_made_only_of_the_rehearsal_that_was_shown(bench: Bench) -> None:
    run = await running(bench)
    shown = await bench.engine.rehearse(draft())
    with pytest.raises(StaleVersion):
        await bench.engine.add_rule(AddRule(draft=draft(tool="*"), rehearsed=shown.hash))
    with pytest.raises(StaleVersion):
        await bench.engine.add_rule(AddRule(draft=draft(), rehearsed=""))
    await ask(bench, run, **bash("pytest -q"))
    with pytest.raises(StaleVersion, match="history as it is"):
        await bench.engine.add_rule(AddRule(draft=draft(), rehearsed=shown.hash))
    with pytest.raises(Invalid, match="expired already"):
        await make(bench, expires=datetime(2020, 1, 1, tzinfo=UTC))
    assert await bench.engine.rules() == []


async def test_a_rule_answers_in_the_transaction_that_asks_under_its_own_name(bench: Bench) -> None:
    run = await running(bench)
    rule = await make(bench, reason="tests are harmless")
    asked = await ask(bench, run, **bash("pytest -q"))
    seen = await view(bench, asked)
    assert (seen.state, seen.answer, seen.by, seen.via) == (
        DecisionState.ANSWERED, AnswerKind.APPROVE, f"rule {rule.id}", "rule",
    )  # fmt: skip
    assert (seen.rule, seen.feedback) == (rule.id, "tests are harmless")
    [row] = await bench.engine.history(decision=asked)
    assert (row.action, row.rule, row.by, row.via) == (LedgerAction.ANSWERED, rule.id, f"rule {rule.id}", "rule")
    opened, done = [e for e in await bench.events() if e.data.get("decision") == asked]
    assert (opened.type, done.type, done.seq) == (
        EventType.DECISION_OPENED,
        EventType.DECISION_ANSWERED,
        opened.seq + 1,
    )
    assert [(r.id, r.uses, r.active) for r in await bench.engine.rules()] == [(rule.id, 1, True)]


@pytest.mark.parametrize(
    "request_",
    [
        bash("pytest -q; make"),
        bash("pytest $(touch x)"),
        bash("pytest\n-q x"),
        bash("pytest ../../other/"),
        bash("xpytest -q"),
        bash("sudo pytest -q"),
        bash("pytest --sudo sudo ls"),
        {"kind": "permission", "tool": "Shell", "arguments": {"command": "pytest -q"}},
        {"kind": "permission", "tool": "Bash", "arguments": {"command": "pytest -q", "env": "X=1"}},
        {"kind": "permission", "tool": "Bash", "arguments": {}},
        {"kind": "permission", "tool": "Bash", "arguments": {"command": ["pytest", "-q"]}},
        {"kind": "question", "question": "pytest -q"},
        {"kind": "egress", "tool": "connect", "arguments": {"to": "pypi.org:443"}},
    ],
)
async def test_r83_what_a_rule_does_not_fit_asks_a_human(bench: Bench, request_: dict[str, object]) -> None:
    run = await running(bench)
    await make(bench)
    assert await answered_by(bench, run, **request_) == ""


async def test_r83_a_rule_never_answers_a_high_risk_or_a_gate_of_a_goal_file(bench: Bench) -> None:
    for kind in ("approval", "choice", "form", "question", "failure", "budget"):
        with pytest.raises(ValidationError):
            draft(kind=kind)
    run = await running(bench)
    await make(bench, tool="*", arguments={"command": "*", "path": "*"})
    await make(bench, kind="review", tool="*", arguments={})
    assert await answered_by(bench, run, **bash("rm -rf build")) == ""
    assert await answered_by(bench, run, kind="permission", tool="Mystery", arguments={"path": "a"}) == ""
    assert (await gate(bench)).state is DecisionState.PENDING


async def test_a_rule_stays_in_its_goals_and_tasks(bench: Bench) -> None:
    await make(bench, goal="Ship *", task="work")
    here, there = await running(bench, title="Ship it"), await running(bench, title="Break it")
    assert await answered_by(bench, here, **bash("pytest -q")) != ""
    assert await answered_by(bench, there, **bash("pytest -q")) == ""


async def test_a_rule_ends_by_time_by_count_and_by_hand(opened: Open) -> None:
    bench = await opened()
    run = await running(bench)
    until = datetime.now(UTC) + timedelta(hours=1)
    timed = await make(bench, arguments={"command": "pytest a*"}, expires=until)
    counted = await make(bench, arguments={"command": "pytest b*"}, max_uses=2)
    revoked = await make(bench, arguments={"command": "pytest c*"})
    assert await answered_by(bench, run, **bash("pytest a1")) == f"rule {timed.id}"
    given = [await answered_by(bench, run, **bash(f"pytest b{n}")) for n in range(3)]
    assert given == [f"rule {counted.id}"] * 2 + [""]
    assert await answered_by(bench, run, **bash("pytest c1")) == f"rule {revoked.id}"
    assert not (await bench.engine.revoke_rule(revoked.id[:-1], "ben")).active
    assert await answered_by(bench, run, **bash("pytest c2")) == ""
    with pytest.raises(Conflict, match="revoked already"):
        await bench.engine.revoke_rule(revoked.id)
    with pytest.raises(NotFound):
        await bench.engine.revoke_rule("u-zzzzzzzzzz")
    await bench.engine.close()
    later = await opened(clock=SetClock(timedelta(hours=2)))
    assert await answered_by(later, await running(later), **bash("pytest a2")) == ""
    assert [(r.id, r.active) for r in await later.engine.rules()].count((timed.id, False)) == 1
    actions = [e.action for e in await later.engine.history() if not e.decision]
    assert actions == [LedgerAction.RULE_REVOKED, *[LedgerAction.RULE_ADDED] * 3]
    assert len(await told(later, EventType.RULE_ADDED)) == 3


async def test_a_rejecting_rule_goes_first_and_says_why(bench: Bench) -> None:
    with pytest.raises(ValidationError, match="needs a reason"):
        draft(effect="reject")
    run = await running(bench)
    await make(bench)
    no = await make(bench, effect="reject", arguments={"command": "pytest *slow*"}, reason="too slow here")
    seen = await view(bench, await ask(bench, run, **bash("pytest slow_ones")))
    assert (seen.answer, seen.by, seen.feedback) == (AnswerKind.REJECT, f"rule {no.id}", "too slow here")
    reach = await make(
        bench, kind="egress", effect="reject", tool="connect", arguments={"to": "*.test:443"}, reason="no"
    )
    refused = await view(bench, await ask(bench, run, kind="egress", tool="connect", arguments={"to": "a.test:443"}))
    assert (refused.chosen, refused.rule) == ("never", reach.id)


async def test_a_rule_accepts_a_result_that_goes_to_review(bench: Bench) -> None:
    rule = await make(bench, kind="review", tool="*", arguments={}, task="docs")
    goal = await bench.goal(goal_file({"id": "docs", "run": "exit 0", "requires_approval": True}))
    assert (await bench.ended(goal.id)).state == "done"
    [row] = [e for e in await bench.engine.history() if e.kind == DecisionKind.REVIEW]
    assert (row.by, row.action) == (f"rule {rule.id}", LedgerAction.ANSWERED)


async def test_a_rule_whose_stored_text_was_changed_answers_nothing(bench: Bench) -> None:
    run = await running(bench)
    await make(bench, arguments={"command": "pytest -q"})
    database = bench.engine._parts.context.database
    await database.write(lambda tx: tx.run("UPDATE rules SET draft = replace(draft, 'pytest -q', 'make *')"))
    assert await answered_by(bench, run, **bash("make install")) == ""
    assert [r.active for r in await bench.engine.rules()] == [False]


async def test_a_rule_is_offered_after_the_same_answers_in_a_row(bench: Bench) -> None:
    run = await running(bench)
    for n in range(3):
        asked = await ask(bench, run, **bash("pytest -q", key=str(n)))
        await bench.engine.answer(asked, answer(await view(bench, asked)))
    [offer] = (await bench.engine.attention()).offers
    assert (offer.times, offer.draft.arguments, offer.draft.effect) == (3, {"command": "pytest -q"}, "approve")
    rehearsed = await bench.engine.rehearse(offer.draft)
    assert rehearsed.approved == 3
    await bench.engine.add_rule(AddRule(draft=offer.draft, rehearsed=rehearsed.hash))
    assert (await bench.engine.attention()).offers == ()
    assert await answered_by(bench, run, **bash("pytest -q", key="3")) != ""


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True), ("", "", True), ("", "a", False), ("a*c", "abc", True), ("a*c", "abcd", False),
        ("a?c", "abc", True), ("a?c", "ac", False), ("*b*b*", "abab", True), ("[a]", "a", False), ("[a]", "[a]", True),
        ("a.c", "abc", False), ("**", "x", True), ("*x", "y" * 50, False),
    ],
)  # fmt: skip
def test_patterns_know_two_wildcards_and_nothing_else(pattern: str, text: str, expected: bool) -> None:
    assert fits(pattern, text) is expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("make *", "make a b", True), ("make *", "make a; b", False), ("make *; ls", "make a; ls", True),
        ("make *", "make a | tee x", False), ("make *", "make a\nb", False), ("a(*)", "a(b)", True),
        ("src/*", "src/a/b.py", True), ("src/*", "src/../b", False), ("src/../*", "src/../b", True),
        ("src/*", "src/..b", True), ("*", "..", False), ("make *", "make \\; ls", False),
    ],
)  # fmt: skip
def test_r83_a_wildcard_stands_for_nothing_a_shell_would_act_on(pattern: str, text: str, expected: bool) -> None:
    assert fits_argument(pattern, text) is expected


def test_r126_a_hostile_pattern_costs_bounded_time() -> None:
    began = time.thread_time()
    assert not fits("*a" * 250, "a" * 20_000 + "b")
    assert time.thread_time() - began < 5
