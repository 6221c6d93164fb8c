"""The one table of actions, and what is made of it: bindings, footer hints, help, palette, docs."""

from tui.actions.guide import keys_page
from tui.actions.keys import bindings, bindings_of, check_keymap, display, shown_keys
from tui.actions.press import KeyGuard
from tui.actions.table import ACTIONS, Action, Danger, Scope, by_id, in_scope

__all__ = [
    "ACTIONS",
    "Action",
    "Danger",
    "KeyGuard",
    "Scope",
    "bindings",
    "bindings_of",
    "by_id",
    "check_keymap",
    "display",
    "in_scope",
    "keys_page",
    "shown_keys",
]
