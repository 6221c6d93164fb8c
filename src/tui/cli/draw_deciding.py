"""How decisions look in full, and what was done to them: facts of a card, the ledger, rules and rehearsals."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from engine.api import Attention, DecisionCard, DecisionView, LedgerEntry, Rehearsal, Rule, VerdictView
from engine.model import DecisionKind, Risk
from tui.cli.output import paint, table
from tui.formats import ago, duration, hour, one_line, plural, short, until

MOST_LINES = 100  # of a feedback, and findings


def put_off(decision: DecisionView) -> bool:
    """Whether it is hidden for a while."""
    return decision.snoozed_for_news or decision.snoozed_until is not None


def put_off_words(decision: DecisionView, now: datetime) -> str:
    """`put off, back in 14m` or `put off until there is news`."""
    if decision.snoozed_for_news:
        latest = f", at the latest {until(decision.snoozed_until, now)}" if decision.snoozed_until else ""
        return f"put off until there is news{latest}"
    return f"put off, back {until(decision.snoozed_until, now)}"


def card_facts(card: DecisionCard) -> Iterator[str]:
    """What else there is to know before answering; removed control characters are shown."""
    d, now = card.decision, datetime.now(UTC)
    if d.risk_reason:
        yield f"{d.risk.value} because {one_line(d.risk_reason, visible=True)}"
    if d.delegate:
        yield f"for {one_line(d.delegate, visible=True)}"
    if put_off(d):
        yield put_off_words(d, now)
    if d.approved_by:
        yield f"approved by {one_line(d.approved_by, visible=True)}; it needs a second name"
    if d.reminders:
        yield f"told of {plural(d.reminders, 'time')}" + (", escalated" if d.escalated else "")
    for asked in card.open_questions:
        words = f"open question {asked.decision} of {asked.task_key}: {asked.question}"
        yield paint(one_line(words, visible=True), "yellow")
    for said in card.verdicts:
        yield from _verdict(said)
    yield from _request(d)
    yield from _clash(d)
    if card.contact is not None:
        yield f"run {card.contact.run_n} has tried it {plural(card.contact.tries, 'time')}"
    yield from _possible(d)
    for note in d.notes:
        yield f"note by {one_line(note.by, visible=True)}, {ago(note.at, now)} ago: {one_line(note.text, visible=True)}"
    if card.since is not None:
        yield f"since the last look {plural(len(card.since.files), 'file')} changed: " + ", ".join(
            one_line(file.path, visible=True) for file in card.since.files[:10]
        )


def _verdict(said: VerdictView) -> Iterator[str]:
    """Who said what of which run, then what it asks for, line by line."""
    head = f"{said.task_key} #{said.n} {said.outcome}" + (f": {said.summary}" if said.summary else "")
    yield paint(one_line(head, visible=True), "green" if said.passed else "red")
    for text in said.feedback.splitlines()[:MOST_LINES]:
        yield f"  {one_line(text, visible=True)}"
    for finding in said.findings[:MOST_LINES]:
        yield f"  - {one_line(str(finding), visible=True)}"
    for check in said.checks[:MOST_LINES]:
        yield f"  - {one_line(check.name, visible=True)} {'passed' if check.passed else 'failed'}"


def _request(d: DecisionView) -> Iterator[str]:
    """The tool call or contact, its dangerous parts marked."""
    arguments = d.evidence.get("arguments")
    if "tool" not in d.evidence or not isinstance(arguments, dict):
        return
    yield f"tool {one_line(str(d.evidence['tool']), visible=True)}"
    for name, value in arguments.items():
        yield f"  {one_line(str(name), visible=True)}: {one_line(str(value), visible=True)}"
    marks = d.evidence.get("danger")
    for mark in marks if isinstance(marks, list) else ():
        if isinstance(mark, dict):
            text = str(arguments.get(str(mark.get("argument")), ""))[int(mark["start"]) : int(mark["end"])]
            yield paint(f"! {one_line(text, visible=True)}: {one_line(str(mark.get('why')))}", "red")


def _clash(d: DecisionView) -> Iterator[str]:
    """The files of a conflict with what stands against what, and where the change is kept, or how to merge it."""
    files = d.evidence.get("files")
    if d.kind is DecisionKind.CONFLICT and isinstance(files, list):
        yield from (paint(f"! {one_line(str(file), visible=True)}", "red") for file in files)
        by_hand, kept = d.evidence.get("by_hand"), d.evidence.get("kept_in")
        if by_hand:
            yield f"where {one_line(str(d.evidence.get('into')), visible=True)} is checked out, this merges it by hand:"
            yield f"  {one_line(str(by_hand), visible=True)}"
        elif kept:
            yield f"its change is kept in the branch {one_line(str(kept), visible=True)}"


def _possible(d: DecisionView) -> Iterator[str]:
    for number, choice in enumerate(d.choices, 1):
        yield f"  {number}. {one_line(choice, visible=True)}"
    for field in d.fields:
        kind = f"one of {', '.join(field.options)}" if field.options else field.type.value
        need = "" if field.required else ", may stay empty"
        label = f"  {field.label}" if field.label else ""
        yield one_line(f"  {field.name} ({kind}{need}){label}", visible=True)


def history_lines(entries: Sequence[LedgerEntry]) -> list[str]:
    """A table of what was done, newest first."""
    if not entries:
        return []
    rows = [("SEQ", "AT", "DECISION", "WHAT", "BY", "VIA", "SHOWN", "WAITED", "QUESTION")]
    for e in entries:
        what = f"{e.action.value} {e.answer}".strip() + (f" {e.option}" if e.option else "")
        shown = "–" if e.shown_seconds is None else f"{e.shown_seconds:.1f}s"
        waited = "–" if e.waited is None else duration(e.waited)
        name = f"{e.decision} v{e.version}" if e.decision else e.rule
        words = f"{e.question}" + (f" ({e.note})" if e.note and e.decision else "")
        day = e.at.astimezone().strftime("%Y-%m-%d")
        rows.append(
            (str(e.seq), f"{day} {hour(e.at)}", name, one_line(what), one_line(e.by), one_line(e.via), shown, waited,
             one_line(words))
        )  # fmt: skip
    return table(rows)


def attention_lines(found: Attention) -> Iterator[str]:
    """How answers were given, and the rules that could have given them."""
    if found.answers:
        share = 100 * found.quick // found.answers
        given = f"{plural(found.answers, 'answer')} by people, {found.quick} in under 2 s ({share} %)"
        yield f"{given}; {found.by_rule} by rule"
    if found.pending.get(Risk.HIGH):
        yield f"{found.pending[Risk.HIGH]} pending of high risk"
    for offer in found.offers:
        yield one_line(f"answered alike {offer.times} times: {offer.question} (a rule could: `pilothouse rules try`)")


def rule_lines(rules: Sequence[Rule]) -> list[str]:
    """A table of rules."""
    if not rules:
        return []
    rows = [("ID", "STATE", "EFFECT", "KIND", "USES", "EXPIRES", "SCOPE")]
    now = datetime.now(UTC)
    for rule in rules:
        d = rule.draft
        uses = f"{rule.uses}/{d.max_uses}" if d.max_uses is not None else str(rule.uses)
        state = "revoked" if rule.revoked_at else "active" if rule.active else "over"
        rows.append((rule.id, state, d.effect.value, d.kind.value, uses, until(d.expires, now) or "–", _scope(rule)))
    return table(rows)


def _scope(rule: Rule) -> str:
    d = rule.draft
    parts = [
        f"{name} {value}" for name, value in (("goal", d.goal), ("task", d.task), ("tool", d.tool)) if value != "*"
    ]
    parts += [f"{name}={pattern}" for name, pattern in d.arguments.items()]
    return one_line(", ".join(parts) or "everything of its kind")


def rehearsal_lines(found: Rehearsal) -> Iterator[str]:
    """What a rule would have answered, what was said then, and the hash that `rules add` takes."""
    now = datetime.now(UTC)
    yield f"{found.approved} approved, {found.denied} denied, {found.unanswered} never answered"
    yield from table(
        [
            (short(m.decision), m.answer.value if m.answer else "–", ago(m.opened_at, now), one_line(m.question))
            for m in found.matches
        ]
    )
    if found.denied and found.draft.effect.value == "approve":
        yield paint(f"! it would approve what was denied {plural(found.denied, 'time')}", "red")
    yield f"hash {found.hash}"
