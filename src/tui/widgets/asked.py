"""What is asked, as lines: a tool with its arguments, figures, the options by number, the fields of a form."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from engine.api import DecisionView
from engine.model import FormField
from tui.formats import bar, clean, one_line, plural
from tui.themes import Line, Piece, Tone
from tui.widgets.lines import fold

NUMBERED = 9  # options that have a number at a time
LONGEST = 20_000  # characters of an argument that are painted; the rest is announced
MOST = 100  # arguments and figures that are painted
BESIDE = frozenset({"tool", "arguments", "tier", "danger", "run", "run_n", "paths"})  # painted by name, not as figures


class Pick(NamedTuple):
    """The option that is marked, and which nine options have the numbers."""

    option: str | None = None
    page: int = 0


UNPICKED = Pick()


def asked(decision: DecisionView, width: int, pick: Pick = UNPICKED) -> list[Line]:
    """Everything an answer rests on that is no text and no diff; empty when there is nothing of that."""
    return [
        *_tool(decision.evidence, width),
        *_figures(decision.evidence, width),
        *_options(decision, width, pick),
        *_fields(decision, width),
    ]


def numbered(decision: DecisionView, page: int) -> Sequence[str]:
    """The options that have the numbers 1 to 9."""
    return decision.choices[page * NUMBERED : (page + 1) * NUMBERED]


def _options(decision: DecisionView, width: int, pick: Pick) -> Iterator[Line]:
    chosen = pick.option if decision.chosen is None else decision.chosen
    if decision.choices:
        yield [("options", Tone.DIM)]
    for at, option in enumerate(decision.choices):
        number = at - pick.page * NUMBERED + 1
        key = str(number) if 1 <= number <= NUMBERED else " "
        mark: Piece = ("● ", Tone.ASK) if option == chosen else ("○ ", Tone.FAINT)
        tone = Tone.STRONG if option == chosen else Tone.PLAIN
        yield from fold([mark, (f"{key} ", Tone.KEY), (one_line(option, visible=True), tone)], width, 4)
    if len(decision.choices) > NUMBERED:
        yield [("  0 ", Tone.KEY), ("numbers for the next ones", Tone.DIM)]


def _fields(decision: DecisionView, width: int) -> Iterator[Line]:
    if decision.fields:
        yield [("to be filled in", Tone.DIM)]
    for field in decision.fields:
        line: list[Piece] = [("· ", Tone.FAINT), *field_head(field)]
        if field.options:
            line.append((": " + ", ".join(one_line(option, visible=True) for option in field.options), Tone.DIM))
        if field.name in decision.filled:
            line.append((f" = {one_line(str(decision.filled[field.name]), visible=True)}", Tone.ASK))
        yield from fold(line, width, 2)


def field_head(field: FormField) -> list[Piece]:
    """`Reviewer (text, required)`."""
    needed = "required" if field.required else "may stay empty"
    name = one_line(field.label or field.name, visible=True)
    return [(name, Tone.STRONG), (f" ({field.type.value}, {needed})", Tone.DIM)]


def _tool(evidence: Mapping[str, object], width: int) -> Iterator[Line]:
    tool, run = evidence.get("tool"), evidence.get("run_n")
    if tool is not None:
        line: list[Piece] = [("tool ", Tone.DIM), (one_line(_text(tool), visible=True), Tone.STRONG)]
        if run is not None:
            line.append((f" · asked by run #{one_line(_text(run))}", Tone.DIM))
        if evidence.get("tier"):
            line.append((f" · the run calls it {one_line(_text(evidence['tier']), visible=True)}", Tone.DIM))
        yield from fold(line, width, 5)
    arguments = evidence.get("arguments")
    marks = list(_marks(evidence.get("danger")))
    for _, _, _, why in _once(marks):
        yield from fold([("dangerous: ", Tone.BAD), (one_line(why, visible=True), Tone.BAD)], width, 2)
    given = list(arguments.items()) if isinstance(arguments, Mapping) else []
    for name, value in given[:MOST]:
        yield [(one_line(str(name), visible=True), Tone.DIM)]
        spans = [(start, end) for whose, start, end, _ in marks if whose == name]
        yield from _argument(_text(value), spans, width)
    if len(given) > MOST:
        yield [(f"… {plural(len(given) - MOST, 'more argument')}", Tone.WARN)]


Mark = tuple[str, int, int, str]


def _marks(danger: object) -> Iterator[Mark]:
    """(argument, start, end, why) of what is well formed; the offsets are characters of the argument's text."""
    for mark in danger if isinstance(danger, Sequence) and not isinstance(danger, str) else ():
        if isinstance(mark, Mapping):
            start, end = mark.get("start"), mark.get("end")
            if isinstance(start, int) and isinstance(end, int) and 0 <= start < end:
                yield str(mark.get("argument", "")), start, end, str(mark.get("why", ""))


def _once(marks: Sequence[Mark]) -> Iterator[Mark]:
    """One mark for each reason."""
    seen: set[str] = set()
    for mark in marks:
        if mark[3] not in seen:
            seen.add(mark[3])
            yield mark


def _argument(text: str, spans: Sequence[tuple[int, int]], width: int) -> Iterator[Line]:
    """Every character of it, the dangerous ones marked; line ends and what shows nothing are shown."""
    row: list[Piece] = [("│ ", Tone.FAINT)]
    for part, dangerous in _cut(text[:LONGEST], spans):
        tone = Tone.ALERT if dangerous else Tone.PLAIN
        shown = clean(part, visible=True).replace("\t", "␉").replace("\n", "␊\n")
        *ended, rest = shown.split("\n")
        for line in ended:
            yield from _chop([*row, (line, tone)], width)
            row = [("│ ", Tone.FAINT)]
        row.append((rest, tone))
    yield from _chop(row, width)
    if len(text) > LONGEST:
        yield [(f"│ … {plural(len(text) - LONGEST, 'more character')}", Tone.WARN)]


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """The text in parts, with whether each is a dangerous one; spans may touch and overlap."""
    at = 0
    for start, end in sorted(spans):
        if end > at:
            yield text[at : max(at, start)], False
            yield text[max(at, start) : end], True
            at = end
    yield text[at:], False


def _chop(line: Line, width: int) -> Iterator[Line]:
    """Cut at the width and nowhere else, so that no space of an argument goes."""
    row: list[Piece] = []
    left = width
    for text, tone in line:
        part = ""
        for character in text:
            cells = cell_len(character)
            if cells > left and (row or part):
                yield [*row, (part, tone)]
                row, part, left = [("│ ", Tone.FAINT)], "", width - 2
            part += character
            left -= cells
        row.append((part, tone))
    yield row


def _figures(evidence: Mapping[str, object], width: int) -> Iterator[Line]:
    """What else was measured: a name and a value; `used` of a `limit` as a bar."""
    used, limit = evidence.get("used"), evidence.get("limit")
    if isinstance(used, int | float) and isinstance(limit, int | float) and limit > 0:
        share = min(100, max(0, int(100 * used / limit)))
        tone = Tone.BAD if used >= limit else Tone.WARN
        yield [("used ", Tone.DIM), (bar(share, 100, 20), tone), (f" {used:,g} of {limit:,g}", Tone.PLAIN)]
        evidence = {name: value for name, value in evidence.items() if name not in ("used", "limit")}
    figures = [(name, value) for name, value in evidence.items() if name not in BESIDE and value not in (None, "")]
    for name, value in figures[:MOST]:
        label = one_line(name, visible=True).replace("_", " ")
        many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        for row in many[:MOST]:
            text = one_line(_text(row)[:LONGEST], visible=True)
            yield from fold([(f"{label} ", Tone.DIM), (text, Tone.PLAIN)], width, 2)
    if len(figures) > MOST:
        yield [(f"… {plural(len(figures) - MOST, 'more figure')}", Tone.WARN)]


def _text(value: object) -> str:
    """An argument as the text that the marks are of."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
