"""Colours: one dark theme of our own, and the tones everything is painted in."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from engine.model import GoalState, Risk, RunState, Stream, TaskState, Verdict

PILOTHOUSE = Theme(
    name="pilothouse",
    primary="#7fa8c9",  # the sea before dawn: what moves, what has focus
    secondary="#8c9bb0",
    accent="#e2b714",  # the lamp: what waits for a human
    success="#8bb174",
    warning="#dd9a5b",
    error="#dd7079",
    foreground="#c8d0dc",
    background="#0f1318",
    surface="#141920",
    panel="#1c232d",
    dark=True,
    variables={
        "block-cursor-background": "#233142",
        "block-cursor-foreground": "#e6ebf2",
        "block-cursor-text-style": "none",
        "border": "#3a4757",
        "border-blurred": "#263040",
        "footer-key-foreground": "#e2b714",
        "input-selection-background": "#7fa8c9 30%",
        "scrollbar": "#263040",
        "scrollbar-hover": "#3a4757",
        "scrollbar-active": "#7fa8c9",
        "scrollbar-background": "#0f1318",
        "scrollbar-background-hover": "#0f1318",
        "scrollbar-background-active": "#0f1318",
        "scrollbar-corner-color": "#0f1318",
    },
)


class Tone(StrEnum):
    """What a piece of text means; its colour comes from the theme."""

    PLAIN = "plain"
    DIM = "dim"
    FAINT = "faint"
    STRONG = "strong"
    HEAD = "head"
    KEY = "key"
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    BUSY = "busy"
    ASK = "ask"
    ALERT = "alert"
    ADDED = "added"
    REMOVED = "removed"
    HUNK = "hunk"
    HIT = "hit"


_VARIABLES = {
    Tone.PLAIN: ("foreground", 1.0),
    Tone.DIM: ("foreground", 0.62),
    Tone.FAINT: ("foreground", 0.38),
    Tone.STRONG: ("foreground", 1.0),
    Tone.HEAD: ("foreground", 1.0),
    Tone.KEY: ("accent", 1.0),
    Tone.GOOD: ("success", 1.0),
    Tone.BAD: ("error", 1.0),
    Tone.WARN: ("warning", 1.0),
    Tone.BUSY: ("primary", 1.0),
    Tone.ASK: ("accent", 1.0),
    Tone.ALERT: ("error", 1.0),
    Tone.ADDED: ("success", 1.0),
    Tone.REMOVED: ("error", 1.0),
    Tone.HUNK: ("primary", 0.8),
    Tone.HIT: ("accent", 1.0),
}
_BOLD = {Tone.STRONG, Tone.HEAD, Tone.ASK, Tone.ALERT, Tone.HIT}


def looks(variables: Mapping[str, str]) -> dict[Tone, Style]:
    """The style of every tone under a theme, without a background.

    Made from the theme's variables: as component classes of every widget they would cost more than the painting.
    """
    ground = Color.parse(variables.get("background", "#000000"))
    styles = {}
    for tone, (name, strength) in _VARIABLES.items():
        colour = Color.parse(variables.get(name, "#c0c0c0"))
        is_named = colour.ansi is not None or ground.ansi is not None  # a terminal's own colour cannot be mixed
        mixed = colour if is_named or strength == 1.0 else ground.blend(colour, strength)
        styles[tone] = Style(
            color=mixed.rich_color,
            bold=tone in _BOLD or None,
            dim=(is_named and strength < 1.0) or None,
            reverse=tone is Tone.ALERT or None,
            underline=tone is Tone.HIT or None,
        )
    return styles


Piece = tuple[str, Tone | Style]
Line = Sequence[Piece]
"""One line of clean text in pieces. Foreign text passes `formats.clean` before it becomes one."""

STATE_TONES: dict[str, Tone] = {
    TaskState.PENDING: Tone.DIM,
    TaskState.CLAIMED: Tone.BUSY,
    TaskState.RUNNING: Tone.BUSY,
    TaskState.WAITING: Tone.ASK,
    TaskState.REVIEW: Tone.ASK,
    TaskState.BLOCKED: Tone.WARN,
    TaskState.DONE: Tone.GOOD,
    TaskState.FAILED: Tone.BAD,
    TaskState.CANCELLED: Tone.DIM,
    TaskState.SKIPPED: Tone.DIM,
    GoalState.DRAFT: Tone.DIM,
    GoalState.ACTIVE: Tone.BUSY,
    GoalState.PAUSED: Tone.WARN,
    GoalState.DRAINING: Tone.WARN,
    RunState.CREATED: Tone.DIM,
    RunState.STARTING: Tone.BUSY,
    RunState.ENDED: Tone.DIM,
}
RISK_TONES = {Risk.LOW: Tone.DIM, Risk.NORMAL: Tone.PLAIN, Risk.HIGH: Tone.BAD}
VERDICT_TONES = {Verdict.ALLOWED: Tone.GOOD, Verdict.ASKED: Tone.ASK, Verdict.REFUSED: Tone.BAD}
STREAM_TONES = {Stream.OUT: Tone.FAINT, Stream.ERR: Tone.WARN, Stream.GAP: Tone.WARN, Stream.NOTE: Tone.BUSY}
