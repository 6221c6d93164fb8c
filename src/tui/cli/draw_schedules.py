"""Schedules and templates as people read them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tui.cli.output import paint, table
from tui.formats import duration, one_line, until

if TYPE_CHECKING:
    from engine.api import ScheduleView, StartView
    from engine.local.planning import Template
    from engine.model.schedules import ScheduleTerms


def schedule_lines(found: "Sequence[ScheduleView]") -> Iterator[str]:
    """A table with the next start and the last result of each; what keeps one from starting under it."""
    if not found:
        return
    now = datetime.now(UTC)
    rows = [("NAME", "STARTS", "WHEN", "NEXT START", "IN", "LAST")]
    for view in found:
        zone = view.terms.zone if view.terms else "UTC"
        coming = "paused" if view.paused else moment(view.next_start, zone) if view.next_start else "–"
        left = until(view.next_start, now).removeprefix("in ")
        what, when = (_what(view.terms), _when(view.terms)) if view.terms else ("unreadable", "–")
        rows.append((view.name, what, when, coming, left, _last(view.last, zone)))
    yield from table(rows)
    for view in found:
        yield from (paint(line, "yellow") for line in _remarks(view))


def moment(at: datetime, zone: str) -> str:
    """A time by the clock of a zone, which is named."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return at.astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M %Z")
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a zone that only the engine's machine knows
        return at.astimezone(UTC).strftime("%a %Y-%m-%d %H:%M UTC")


def _what(terms: "ScheduleTerms") -> str:
    return one_line(terms.goal or f"template {terms.template}")


def _when(terms: "ScheduleTerms") -> str:
    parts = [*terms.windows, *([f"cron {terms.cron}"] if terms.cron else [])]
    parts += [f"every {duration(terms.every)}"] if terms.every else []
    return one_line(", ".join(parts))


def _last(last: "StartView | None", zone: str) -> str:
    if last is None:
        return "–"
    goal = f" {last.goal} {last.goal_state}" if last.goal else ""
    return f"{last.state}{goal}, {moment(last.slot, zone)}"


def _remarks(view: "ScheduleView") -> Iterator[str]:
    if view.problem:
        yield one_line(f"! {view.name} starts nothing: {view.problem}")
    if view.override is not None and view.override_until is not None:
        zone = view.terms.zone if view.terms else "UTC"
        word = "started" if view.override == "start" else "stopped"
        yield f"! {view.name} was {word} by hand, until {moment(view.override_until, zone)}"
    if view.last is not None and view.last.cause and view.last.state != "started":
        yield one_line(f"! {view.name} {view.last.state}: {view.last.cause.splitlines()[0]}")


def template_lines(found: "Sequence[Template]") -> Iterator[str]:
    """A table of templates; variables without a default are marked."""
    rows = [("NAME", "ORIGIN", "VARIABLES", "ABOUT")]
    for one in found:
        names = " ".join(variable.name + ("" if variable.default is not None else "*") for variable in one.variables)
        about = f"unreadable: {one.problem}" if one.problem else one.about or one.title
        rows.append((one.name, one.origin, one_line(names) or "–", one_line(about)))
    yield from table(rows)
