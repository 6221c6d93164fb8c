"""From words on the command line, or at a prompt, to one answer."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.errors import Invalid
from tui.cli.call import operator
from tui.cli.output import say

if TYPE_CHECKING:
    from engine.api import Answer, DecisionCard, Snooze
    from engine.model import FormField

LONGEST = 100_000  # characters of feedback that the engine takes
NEWS = "news"


@dataclass(frozen=True)
class Said:
    """What was said on the command line. `span`: seconds a snooze lasts; None with `news`: until there is news."""

    answer: str
    feedback: str = ""
    option: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    span: float | None = None
    news: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing has to be asked."""
        match self.answer:
            case "reject" | "changes":
                return bool(self.feedback.strip())
            case "choose":
                return self.option is not None
            case "fill":
                return bool(self.fields)
            case "snooze":
                return self.span is not None or self.news
            case _:
                return True


def said(
    answer: str, feedback: str, option: str | None, pairs: Sequence[str], span: float | None, until: str | None
) -> Said:
    """What was typed, as far as it fits together; Invalid names what does not."""
    for name, given, wants in (
        ("--option", option is not None, "choose"), ("--field", bool(pairs), "fill"),
        ("--for", span is not None, "snooze"), ("--until", until is not None, "snooze"),
    ):  # fmt: skip
        if given and answer != wants:
            raise Invalid(f"{name} goes with {wants}, not with {answer}")
    if span is not None and until is not None:
        raise Invalid("--for and --until exclude each other")
    if len(feedback) > LONGEST:
        raise Invalid(f"the feedback is longer than {LONGEST:,} characters")
    return Said(answer, feedback, option, _fields(pairs), span, until == NEWS)


def feedback_from(text: str | None, file: str | None) -> str:
    """The words of --feedback or --feedback-file."""
    if text is not None and file is not None:
        raise Invalid("--feedback and --feedback-file exclude each other")
    if file is None:
        return text or ""
    try:
        return sys.stdin.read(LONGEST + 1) if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot read the feedback from {file}: {error}") from error


def request(what: Said, version: int, *, content: str | None = None, shown: float | None = None) -> "Answer | Snooze":
    """The answer, or the snooze, to this version; Invalid where something is missing."""
    from pydantic import ValidationError

    from engine.api import Answer, Snooze, mistakes
    from engine.model import AnswerKind

    if not what.complete:
        wants = {"choose": "--option X", "fill": "--field NAME=VALUE", "snooze": "--for 15m or --until news"}
        if what.answer in wants:
            raise Invalid(f"{what.answer} needs {wants[what.answer]}")
        raise Invalid(f"{what.answer} needs feedback that says why", hint="--feedback TEXT, --feedback-file F or -")
    try:
        if what.answer == "snooze":
            return Snooze(version=version, seconds=what.span, news=what.news, by=operator(), via="cli")
        return Answer(
            version=version, answer=AnswerKind(what.answer), feedback=what.feedback, option=what.option,
            fields=dict(what.fields), by=operator(), via="cli", content=content, shown_seconds=shown,
        )  # fmt: skip
    except ValidationError as error:
        raise Invalid(mistakes(error)) from error


def ask(card: "DecisionCard", what: Said) -> "Answer | Snooze":
    """Show the card and ask. Outside any event loop: Ctrl-C must end the question, and no engine is held meanwhile."""
    from tui.cli.draw import card_lines

    for line in card_lines(card):
        click.echo(line, err=True)
    begun = time.monotonic()
    _forget_typed_ahead()
    name = f"{card.decision.id} v{card.decision.version}"
    try:
        what = _confirmed(card, what, name) if what.complete else _completed(card, what, name)
    except click.Abort:
        say(f"\n{name} is still pending")
        raise
    return request(what, card.decision.version, content=card.decision.content, shown=time.monotonic() - begun)


def _confirmed(card: "DecisionCard", what: Said, name: str) -> Said:
    """Nothing is missing: one yes, or the short id where the risk is high."""
    from engine.model import Risk

    if card.decision.risk is Risk.HIGH and what.answer != "snooze":
        _short_id(card, what.answer)
    elif not click.confirm(f"{what.answer} {name}?", default=False, err=True):
        raise click.Abort
    return what


def _completed(card: "DecisionCard", what: Said, name: str) -> Said:
    """Ask for what is missing; what lets something of high risk through still needs the short id."""
    from engine.model import Risk

    match what.answer:
        case "choose":
            what = replace(what, option=_choice(card.decision.choices))
        case "fill":
            what = replace(what, fields={f.name: value for f in card.decision.fields if (value := _field(f))})
        case "snooze":
            return _span(what, name)
        case _:
            return replace(what, feedback=click.prompt(f"{what.answer} {name}; why", err=True))
    if card.decision.risk is Risk.HIGH:
        _short_id(card, what.answer)
    return what


def _short_id(card: "DecisionCard", answer: str) -> None:
    from tui.formats import short

    typed = click.prompt(f"high risk: type {short(card.decision.id)} to {answer}", err=True)
    if typed.strip() not in (short(card.decision.id), card.decision.id):
        raise click.Abort


def _choice(choices: Sequence[str]) -> str:
    """By its number on the card, or in its own words."""
    typed = click.prompt("which (its number or its words)", err=True).strip()
    if typed in choices:
        return str(typed)
    if typed.isdecimal() and 1 <= int(typed) <= len(choices):
        return choices[int(typed) - 1]
    raise click.Abort


def _field(wanted: "FormField") -> str:
    from tui.formats import one_line

    words = one_line(wanted.label or wanted.name, visible=True)
    kind = f"one of {', '.join(one_line(o) for o in wanted.options)}" if wanted.options else wanted.type.value
    if wanted.required:
        return str(click.prompt(f"{words} ({kind})", err=True))
    return str(click.prompt(f"{words} ({kind}, may stay empty)", default="", show_default=False, err=True))


def _span(what: Said, name: str) -> Said:
    from engine.units import parse_duration

    typed = click.prompt(f"snooze {name} for how long (15m, 2h), or until {NEWS}", err=True).strip()
    if typed == NEWS:
        return replace(what, news=True)
    try:
        return replace(what, span=parse_duration(typed))
    except ValueError as error:
        raise Invalid(str(error)) from error


def _fields(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Invalid(f"{pair[:80]!r} is no field", hint="write --field NAME=VALUE")
        if name in found:
            raise Invalid(f"the field {name[:80]} stands twice")
        found[name] = value
    return found


def _forget_typed_ahead() -> None:
    """What was typed or pasted before the question stood there answers nothing."""
    import termios

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
