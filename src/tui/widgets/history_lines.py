"""The ledger of decisions as lines: what was answered, by whom, via what, how fast."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from engine.api import Attention, LedgerAction, LedgerEntry
from tui.formats import ago, duration, fit, one_line, plural, short
from tui.themes import Line, Piece, Tone
from tui.widgets.lines import fold

QUICK = 2.0  # seconds: nobody reads a card in less
TONES = {LedgerAction.ANSWERED: Tone.GOOD, LedgerAction.UNDONE: Tone.WARN, LedgerAction.EXPIRED: Tone.BAD}


def history_title(attention: Attention) -> Line:
    """`answered by people 14 · under 2 s 1 · by rules 3`."""
    quick = Tone.WARN if attention.quick else Tone.DIM
    return [
        (" history  ", Tone.HEAD),
        (f"answered by people {attention.answers:,}", Tone.PLAIN),
        (f" · under {QUICK:.0f} s {attention.quick:,}", quick),
        (f" · by rules {attention.by_rule:,}", Tone.DIM),
    ]


def history_lines(entries: Sequence[LedgerEntry], attention: Attention, width: int, now: datetime) -> list[Line]:
    """Offers of rules first, then the rows, newest first."""
    lines: list[Line] = []
    for offer in attention.offers:
        words = f"the same answer {plural(offer.times, 'time')}: {one_line(offer.question, visible=True)[:200]}"
        lines += fold([("A on its card makes a rule · ", Tone.WARN), (words, Tone.PLAIN)], width, 2)
    lines += [[]] if lines else []
    if not entries:
        lines.append([("nothing has been decided yet", Tone.DIM)])
    for entry in entries:
        lines += fold(list(_row(entry, now)), width, 20)
    return lines


def _row(entry: LedgerEntry, now: datetime) -> Iterator[Piece]:
    yield f"{ago(entry.at, now):>7} ago  ", Tone.DIM
    yield fit(short(entry.decision or entry.rule), 8), Tone.ASK
    said = one_line(entry.answer) if entry.answer else ""
    option = f" {one_line(entry.option, visible=True)[:80]}" if entry.option else ""
    words = f"{entry.action.value.replace('_', ' ')} {said}{option}".strip()
    yield fit(words, max(18, len(words) + 1)), TONES.get(entry.action, Tone.PLAIN)
    yield f"by {one_line(entry.by)}" if entry.by else "by nobody", Tone.PLAIN
    yield (f" via {one_line(entry.via)}" if entry.via else ""), Tone.DIM
    if entry.shown_seconds is not None:
        quick = entry.shown_seconds < QUICK and entry.action is LedgerAction.ANSWERED
        yield f" · looked {entry.shown_seconds:.1f} s", Tone.WARN if quick else Tone.DIM
    if entry.waited is not None:
        yield f" · waited {duration(entry.waited)}", Tone.DIM
    if entry.question:
        yield f" · {one_line(entry.question, visible=True)[:160]}", Tone.DIM
