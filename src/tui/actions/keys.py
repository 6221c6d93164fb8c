"""Keys of the action table: as Textual bindings, as people read them, and as people may change them."""

from collections.abc import Iterator, Mapping

from textual.binding import Binding

from engine.errors import Invalid
from tui.actions.table import ACTIONS, Scope, by_id, in_scope

# What terminals send as something else: backspace, enter, tab, escape (KEYMAP section 2).
NEVER = {"ctrl+h": "backspace", "ctrl+m": "enter", "ctrl+i": "tab", "ctrl+left_square_bracket": "escape"}
_NAMES = {
    "question_mark": "?",
    "colon": ":",
    "exclamation_mark": "!",
    "full_stop": ".",
    "minus": "-",
    "slash": "/",
    "at": "@",
    "number_sign": "#",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "backslash": "\\",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}
_CODES = {name: code for code, name in _NAMES.items()}
# Scopes whose keys are live at the same time, so that one key may mean one thing only among them.
TOGETHER: tuple[tuple[Scope, ...], ...] = (
    (Scope.GOALS, Scope.MOVE, Scope.EVERYWHERE),  # without FIND: `n` means new only while no search is on
    (Scope.GOALS, Scope.DETAIL),
    (Scope.DETAIL, Scope.MOVE, Scope.EVERYWHERE),
    (Scope.DECISIONS, Scope.MOVE, Scope.EVERYWHERE),
    (Scope.LOGS, Scope.MOVE, Scope.EVERYWHERE, Scope.FIND),
    (Scope.SANDBOXES, Scope.MOVE, Scope.EVERYWHERE),
    (Scope.DIFF, Scope.MOVE, Scope.DIALOG),
    (Scope.EVERYWHERE, Scope.MOVE, Scope.FIND),
    (Scope.CARD, Scope.DIALOG),
    (Scope.BATCH, Scope.MOVE, Scope.DIALOG),
    (Scope.RULE, Scope.MOVE, Scope.DIALOG),
    (Scope.FORM, Scope.DIALOG),
)

# Keys that mean one thing in the tree and another in what stands beside it: the one that has the focus has the key.
ASIDE = frozenset({frozenset({"goals.lower", "detail.tab_left"}), frozenset({"goals.raise", "detail.tab_right"})})


def bindings(*scopes: Scope) -> list[Binding]:
    """The bindings of some scopes; none has priority, so that text fields swallow letters (R123)."""
    return bindings_of(*(action.id for scope in scopes for action in in_scope(scope)))


def bindings_of(*ids: str) -> list[Binding]:
    """The bindings of some actions."""
    rows = [by_id(name) for name in ids]
    return [Binding(row.keys, row.method, row.label, id=row.id, show=False) for row in rows]


def display(key: str) -> str:
    """One key as people read it: `?`, `ctrl+d`, `→`."""
    *held, last = key.split("+")
    return "+".join((*held, _NAMES.get(last, last)))


def shown_keys(keys: str) -> str:
    """All keys of an action: `j ↓`."""
    return " ".join(display(key) for key in keys.split(","))


def check_keymap(keymap: Mapping[str, str]) -> dict[str, str]:
    """The operator's keys by action id, in Textual's names.

    Raises Invalid for an unknown id, a key no terminal sends, or one that another live action has.
    """
    rows = {action.id: action.keys for action in ACTIONS}
    unknown = sorted(set(keymap) - set(rows))
    if unknown:
        raise Invalid(f"ui.keymap: no action is called {', '.join(unknown)}", hint="docs/keys.md lists every id")
    mine = {name: ",".join(_code(key) for key in keys.split(",")) for name, keys in keymap.items()}
    for name, keys in mine.items():
        for key in keys.split(","):
            if key in NEVER:
                raise Invalid(f"ui.keymap: {name}: terminals send {key} as {NEVER[key]}", hint="choose another key")
    clash = next(clashes(rows | mine), None)
    if clash is not None:
        key, first, second = clash
        raise Invalid(f"ui.keymap: {display(key)} would be both {first} and {second}", hint="move one of them too")
    return mine


def clashes(keys_by_id: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Every key that two actions claim in scopes that are live together: (key, id, id)."""
    for scopes in (*((scope,) for scope in Scope), *TOGETHER):
        taken: dict[str, str] = {}
        for name, keys in keys_by_id.items():
            if name.partition(".")[0] not in scopes:
                continue
            for key in keys.split(","):
                if key in taken and taken[key] != name and frozenset({taken[key], name}) not in ASIDE:
                    yield key, taken[key], name
                taken[key] = name


def _code(key: str) -> str:
    *held, last = key.strip().split("+") if key.strip() != "+" else ["plus"]
    return "+".join((*held, _CODES.get(last, last)))
