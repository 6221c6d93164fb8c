"""Every gate kind of a goal file, with what it takes and what it refuses (R63)."""

import pytest
from goal_texts import only_problem, parsed, problems, task

from engine.model import FieldType, GateKind, GateSpec

SOUND = {
    GateKind.HUMAN_APPROVAL: "{kind: human_approval, question: Ship it?}",
    GateKind.CHOICE: "{kind: choice, question: Where?, options: [here, there]}",
    GateKind.FORM: "{kind: form, fields: [{name: n, type: integer}, {name: c, type: choice, options: [a, b]}]}",
    GateKind.GH_CI: "{kind: gh_ci, repo: o/r, pr: 12}",
    GateKind.GH_REVIEW: "{kind: gh_review, repo: o/r, pr: 12, head_sha: abcdef0, poll: off}",
    GateKind.PR_REVIEW: "{kind: pr_review, pr_url: 'https://github.com/o/r/pull/7', name: bot}",
    GateKind.WEBHOOK: "{kind: webhook, name: deploy.done, key: k1, deadline: 1h, on_deadline: escalate}",
    GateKind.TIMER: "{kind: timer, wait: 10m}",
    GateKind.ALL: "{kind: all, gates: [{kind: human_approval}, {kind: timer, wait: 1s}]}",
    GateKind.ANY: "{kind: any, gates: [{kind: all, gates: [{kind: timer, wait: 1s}]}]}",
    GateKind.N_OF: "{kind: n_of, n: 1, gates: [{kind: human_approval}, {kind: webhook, name: x}]}",
}


def gate(text: str) -> GateSpec:
    found = task(parsed(f"goal: g\ntasks:\n- id: a\n  gate: {text}\n"), "a").gate
    assert found is not None
    return found


@pytest.mark.parametrize("kind", list(GateKind))
def test_r63_every_kind_the_schema_knows_can_be_written(kind: GateKind) -> None:
    assert gate(SOUND[kind]).kind is kind


def test_r63_an_unknown_kind_is_refused_with_its_line() -> None:
    said = only_problem("goal: g\ntasks:\n- id: a\n  gate: {kind: nonsense}\n")
    assert said.startswith("4: `kind` is `nonsense`; write `human_approval`, `choice`, `form`, `gh_ci`")


def test_r65_a_pull_request_is_known_by_its_address_too() -> None:
    read = gate(SOUND[GateKind.PR_REVIEW])
    assert (read.repo, read.pr, read.name, read.poll) == ("o/r", 7, "bot", True)
    assert gate(SOUND[GateKind.GH_REVIEW]).poll is False


def test_members_and_fields_are_read_whole() -> None:
    read = gate(SOUND[GateKind.N_OF])
    assert ([member.kind for member in read.gates], read.n) == ([GateKind.HUMAN_APPROVAL, GateKind.WEBHOOK], 1)
    fields = gate(SOUND[GateKind.FORM]).fields
    assert [(field.name, field.type, field.required) for field in fields] == [
        ("n", FieldType.INTEGER, True),
        ("c", FieldType.CHOICE, True),
    ]


def test_variables_work_in_every_part_of_a_gate() -> None:
    text = "goal: g\nvars: {n: 3, where: here}\ntasks:\n- id: a\n  gate: "
    pull = "{kind: any, gates: [{kind: gh_ci, repo: 'o/{{ where }}', pr: '{{ n }}'}]}\n"
    found = task(parsed(text + pull), "a").gate
    assert found is not None
    assert (found.gates[0].repo, found.gates[0].pr) == ("o/here", 3)
    found = task(parsed(text + "{kind: choice, options: ['{{ where }}', there]}\n"), "a").gate
    assert found is not None
    assert found.options == ("here", "there")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{kind: choice}", "a choice has no `options`"),
        ("{kind: choice, options: [a]}", "a choice has 1 options"),
        ("{kind: choice, options: [a, a]}", "the option `a` stands there twice"),
        ("{kind: form}", "a form has no list of `fields`"),
        ("{kind: form, fields: [{type: text}]}", "a field has no `name`"),
        ("{kind: form, fields: [{name: a, type: date}]}", "`type` is `date`; write `text`"),
        ("{kind: form, fields: [{name: a}, {name: a}]}", "the field `a` stands there twice"),
        ("{kind: form, fields: [{name: a, options: [x, y]}]}", "`options` in a field of type `text`"),
        ("{kind: gh_ci}", "a gate of kind `gh_ci` does not say where"),
        ("{kind: gh_ci, repo: o/r}", "a gate of kind `gh_ci` has no `pr`"),
        ("{kind: gh_ci, repo: nonsense, pr: 1}", "`nonsense` is no repository on GitHub"),
        ("{kind: gh_ci, repo: o/r, pr: x}", "`pr` is `x`; write a whole number"),
        ("{kind: gh_ci, pr_url: 'https://github.com/o/r'}", "`https://github.com/o/r` is no pull request"),
        ("{kind: gh_ci, repo: o/r, pr: 1, head_sha: main}", "`main` is no commit"),
        ("{kind: gh_review, repo: o/r, head_sha: abcdef0}", "a gate of kind `gh_review` has no `pr`"),
        ("{kind: gh_ci, repo: o/r, pr: 1, poll: maybe}", "`poll` is `maybe`; write true or false"),
        ("{kind: webhook}", "a webhook gate has no `name`"),
        ("{kind: timer}", "a timer has no `wait`"),
        ("{kind: timer, wait: 1s, deadline: 1h}", "`deadline` has no meaning in a gate of kind `timer`"),
        ("{kind: timer, wait: 1s, options: [a, b]}", "`options` has no meaning in a gate of kind `timer`"),
        ("{kind: choice, options: [a, b], deadline: 1h, on_deadline: approve}", "a deadline cannot approve a gate of"),
        (
            "{kind: form, fields: [{name: n, type: text}], deadline: 1h, on_deadline: approve}",
            "a deadline cannot approve a gate of",
        ),
        ("{kind: all}", "a gate of kind `all` has no list of `gates`"),
        ("{kind: any, gates: []}", "a gate of kind `any` has no list of `gates`"),
        ("{kind: n_of, gates: [{kind: human_approval}]}", "a gate of kind `n_of` has no `n`"),
        ("{kind: n_of, n: 2, gates: [{kind: human_approval}]}", "`n` is `2`; write a whole number from 1 to 1"),
        ("{kind: all, gates: [x]}", "a member of `gates` is not a mapping"),
        ("{kind: all, gates: [{kind: human_approval, rework: b}]}", "`rework` inside `gates`"),
        ("{kind: all, gates: [{kind: nonsense}]}", "`kind` is `nonsense`"),
        ("{kind: webhook, name: x, match: {a: b}}", "`match` is not available in this version"),
    ],
)
def test_r63_what_a_kind_does_not_take_is_refused_with_its_line(text: str, said: str) -> None:
    rows = problems(f"goal: g\ntasks:\n- id: a\n  gate: {text}\n")
    assert any(row.startswith(f"4: {said}") for row in rows), rows


def test_gates_in_each_other_have_a_bound() -> None:
    text = "{kind: timer, wait: 1s}"
    for _ in range(6):
        text = f"{{kind: all, gates: [{text}]}}"
    assert "4: the gate is too large" in only_problem(f"goal: g\ntasks:\n- id: a\n  gate: {text}\n")
