"""Decisions on the command line beyond yes and no: choose, fill, put off, pass on, note, rules, the ledger."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_process import Pilothouse, Terminal
from goal_files import goal_file

from engine.dispatch.decisions.lifecycle import open_decision
from engine.dispatch.steps import TASKS
from engine.ids import random_id
from engine.local.opening import open_local
from engine.model import AnswerKind, DecisionKind, FieldType, FormField
from engine.settings import Settings
from engine.store import Tx
from engine.store.rows import task_from

Open = Callable[..., Terminal]
PROCESS = ("--runtime", "process", "--allow-unconfined")
REVIEWED = """\
goal: Ask
tasks:
  - {id: work, run: echo done, requires_approval: true}
"""
FIELDS = (
    FormField(name="who", label="Who is it for"),
    FormField(name="count", type=FieldType.INTEGER),
    FormField(name="sure", type=FieldType.FLAG, required=False),
)


@pytest.fixture
def review(inside: Pilothouse, project: Path) -> dict[str, Any]:
    """A result that waits for its review."""
    goal_file(project, REVIEWED)
    assert inside("run", "goal.yaml", "--no-ui", *PROCESS).code == 5
    [found] = inside("decisions", "--json").json
    return dict(found)


def question(project: Path, review: dict[str, Any], **more: Any) -> str:
    """A question of the task under review, as a run would have left it."""

    def unit(tx: Tx) -> str:
        row = tx.one(TASKS["get"], {"id": review["task"]})
        assert row is not None
        return open_decision(tx, random_id, task_from(dict(row)), DecisionKind.QUESTION, "Which?", subject="q", **more)

    async def leave() -> str:
        engine = await open_local(project, Settings(), visiting=True)
        try:
            return await engine._parts.context.database.write(unit)
        finally:
            await engine.close()

    return asyncio.run(leave())


def state(inside: Pilothouse, decision: str) -> dict[str, Any]:
    return next((dict(d) for d in inside("decisions", "--json").json if d["id"] == decision), {})


def test_snooze_hides_it_tells_of_it_and_makes_old_versions_stale(inside: Pilothouse, review: dict[str, Any]) -> None:
    put_off = inside("decide", review["id"], "snooze", "--for", "2h", "--version", "1")
    assert put_off.code == 0
    assert "put off, back in 1h 59m" in put_off.out
    listed = inside("decisions")
    assert (listed.out, listed.code) == ("", 0)
    assert f"{review['id']} v2 is put off" in listed.err
    assert state(inside, review["id"])["snoozed_until"]
    assert inside("decide", review["id"], "approve", "--version", "1").code == 4
    assert inside("decide", review["id"], "snooze", "--until", "news", "--version", "2").code == 0
    assert "until there is news" in inside("decisions").err
    assert inside("note", review["id"], "it is ready").code == 0
    assert review["id"] in inside("decisions").out
    assert state(inside, review["id"])["notes"][0]["text"] == "it is ready"


def test_delegate_and_note_label_and_keep(inside: Pilothouse, review: dict[str, Any]) -> None:
    assert inside("delegate", review["id"], "ben").out == f"{review['id']} is for ben\n"
    assert state(inside, review["id"])["delegate"] == "ben"
    assert inside("delegate", review["id"], "", "--json").json["delegate"] is None
    assert inside("note", f"{review['goal']}/work", "slow today", "--json").json["text"] == "slow today"
    assert inside("note", review["id"], " ").code == 2
    assert inside("delegate", "d-zzzzzzzzzz", "ben").code == 3


def test_r77_choose_and_fill_through_the_command_line(
    inside: Pilothouse, project: Path, review: dict[str, Any]
) -> None:
    asked = question(project, review, options=(AnswerKind.CHOOSE,), choices=("a", "b"))
    assert inside("decide", asked, "choose", "--option", "c", "--version", "1").code == 2
    assert inside("decide", review["id"], "approve", "--version", "1").code == 4, "a question is open (R82)"
    chosen = inside("decide", asked, "choose", "--option", "b", "--version", "1", "--json").json
    assert (chosen["state"], chosen["chosen"]) == ("answered", "b")
    form = question(project, review, options=(AnswerKind.FILL,), fields=FIELDS)
    bad = ("--field", "who=me", "--field", "count=many")
    assert inside("decide", form, "fill", *bad, "--version", "1").code == 2
    good = ("--field", "who=me = you", "--field", "count=3", "--field", "sure=yes")
    filled = inside("decide", form, "fill", *good, "--version", "1", "--json").json
    assert filled["filled"] == {"who": "me = you", "count": 3, "sure": True}
    assert inside("decide", review["id"], "approve", "--version", "1").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("approve", "--option", "a"), ("approve", "--for", "5m"), ("choose", "--field", "a=b"),
        ("fill", "--field", "a"), ("choose", "--option", "x" * 1_001),
        ("fill", "--field", "a=1", "--field", "a=2"), ("snooze", "--for", "5m", "--until", "news"),
        ("snooze", "--for", "soon"), ("snooze", "--for", "0"), ("snooze", "--until", "then"),
    ],
)  # fmt: skip
def test_words_that_do_not_go_together_are_2(
    inside: Pilothouse, words: tuple[str, ...], review: dict[str, Any]
) -> None:
    assert inside("decide", review["id"], *words, "--version", "1").code == 2
    assert state(inside, review["id"])["version"] == 1


def test_a_card_on_a_terminal_asks_for_what_is_missing(
    inside: Pilothouse, terminal: Open, project: Path, review: dict[str, Any]
) -> None:
    asked = question(project, review, options=(AnswerKind.CHOOSE,), choices=("a thing", "b"))
    screen = terminal("decide", asked, "choose")
    assert "1. a thing" in screen.expect("its words): ")
    screen.send("1\n")
    assert screen.ended() == 0
    assert "chosen a thing" in screen.out
    form = question(project, review, options=(AnswerKind.FILL,), fields=FIELDS)
    screen = terminal("decide", form, "fill")
    screen.expect("Who is it for (text): ")
    screen.send("me\n")
    screen.expect("count (integer): ")
    screen.send("4\n")
    screen.expect("may stay empty): ")
    screen.send("\n")
    assert screen.ended() == 0
    screen = terminal("decide", review["id"], "snooze")
    screen.expect("or until news: ")
    screen.send("15m\n")
    assert screen.ended() == 0
    assert state(inside, review["id"])["version"] == 2


@pytest.mark.parametrize("answer", ["choose", "fill", "snooze"])
@pytest.mark.parametrize("keys", ["\x03", "\x04"])
def test_r80_leaving_the_question_leaves_it_pending(
    inside: Pilothouse, terminal: Open, project: Path, review: dict[str, Any], answer: str, keys: str
) -> None:
    kind = AnswerKind(answer) if answer != "snooze" else AnswerKind.CHOOSE
    asked = question(project, review, options=(kind,), choices=("a",), fields=FIELDS)
    screen = terminal("decide", asked, answer)
    screen.expect({"choose": "its words): ", "fill": "(text): ", "snooze": "news: "}[answer])
    assert screen.ended(pressing=keys) == 130
    assert "still pending" in screen.out
    assert state(inside, asked)["version"] == 1


def test_the_ledger_is_shown_verified_exported_and_a_changed_export_found(
    inside: Pilothouse, project: Path, review: dict[str, Any]
) -> None:
    inside("decide", review["id"], "snooze", "--for", "1h", "--version", "1")
    inside("decide", review["id"], "approve", "--version", "2")
    shown = inside("decisions", "--history")
    assert "answered approve" in shown.out.splitlines()[1]
    assert "snoozed" in shown.out.splitlines()[2]
    assert "1 answer by people" in shown.err
    assert [row["action"] for row in inside("decisions", "--history", "--json").json] == ["answered", "snoozed"]
    assert inside("ledger", "verify", "--json").json["ok"] is True
    export = inside("ledger", "export").out
    file = project / "ledger.jsonl"
    file.write_text(export, encoding="utf-8")
    assert [json.loads(line)["seq"] for line in export.splitlines()] == [1, 2]
    assert inside("ledger", "verify", "--file", str(file)).code == 0
    file.write_text(export.replace("approve", "approvf"), encoding="utf-8")
    found = inside("ledger", "verify", "--file", str(file), "--json")
    assert (found.code, found.json["error"]["details"]["at"]) == (4, 2)
    file.write_text("no json", encoding="utf-8")
    assert inside("ledger", "verify", "--file", str(file)).code == 2


def test_a_rule_is_tried_added_listed_used_and_revoked(
    inside: Pilothouse, terminal: Open, project: Path, review: dict[str, Any]
) -> None:
    inside("decide", review["id"], "approve", "--version", "1")
    scope = ("--kind", "review", "--effect", "approve", "--task", "work", "--expires", "8h")
    tried = inside("rules", "try", *scope)
    assert "1 approved, 0 denied, 0 never answered" in tried.out
    digest = inside("rules", "try", *scope, "--json").json["hash"]
    assert inside("rules", "add", *scope).code == 2
    assert inside("rules", "add", *scope, "--rehearsed", "0" * 64).code == 4
    rule = inside("rules", "add", *scope, "--rehearsed", digest, "--json").json["id"]
    assert [r["id"] for r in inside("rules", "list", "--json").json] == [rule]
    assert inside("run", "goal.yaml", "--no-ui", *PROCESS).code == 0
    assert f"rule {rule}" in inside("decisions", "--history").out
    assert " 1 " in inside("rules", "list").out.splitlines()[1]
    assert inside("rules", "revoke", rule).code == 0
    assert inside("run", "goal.yaml", "--no-ui", *PROCESS).code == 5
    screen = terminal("rules", "add", *scope)
    screen.expect("make it a rule? [y/N]: ")
    assert screen.ended(pressing="\n") == 130
    assert [r["active"] for r in inside("rules", "list", "--json").json] == [False]


@pytest.mark.parametrize(
    "words",
    [
        ("rules", "try"), ("rules", "try", "--kind", "review"), ("rules", "revoke"),
        ("rules", "list", "--kind", "approval"),
        ("rules", "try", "--kind", "permission", "--effect", "reject"), ("ledger", "export", "--file", "x"),
        ("rules", "try", "--kind", "permission", "--effect", "approve", "--argument", "a"), ("rules", "try", "u-1"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_2(inside: Pilothouse, words: tuple[str, ...], project: Path) -> None:
    assert inside(*words).code == 2
