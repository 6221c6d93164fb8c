"""The page of keys in the docs, made from the action table."""

from tui.actions.keys import shown_keys
from tui.actions.table import TITLES, Action, Danger, Scope, in_scope

_HEAD = """\
# Keys

This page is made from the action table (`tui.actions.table`); a test keeps the two equal. Change a key by its id in
`pilothouse.toml` (several keys: separate them with commas):

```toml
[ui.keymap]
"goals.cancel" = "X"
```

† asks first, with the safe button in focus. ! decides: only on the decision that has the focus, with the version that
was painted, not within 0.3 s of its appearance, never by a held key, a paste or `enter`. A dialog knows its own keys
and `?` only. `ctrl+h`, `ctrl+m`, `ctrl+i` and `ctrl+[` cannot be used: terminals send them as other keys.
"""


def keys_page() -> str:
    """The whole of docs/keys.md."""
    return _HEAD + "".join(_section(scope) for scope in Scope)


def _section(scope: Scope) -> str:
    rows = [_row(action) for action in in_scope(scope)]
    return "\n".join(
        [f"\n## {TITLES[scope]}\n", "| keys | id | does | same on the command line |", "|---|---|---|---|", *rows, ""]
    )


def _row(action: Action) -> str:
    danger = f" {action.danger}" if action.danger is not Danger.NONE else ""
    verb = f"`pilothouse {action.verb}`" if action.verb else "–"
    return f"| {_code(shown_keys(action.keys))} | `{action.id}` | {action.help}{danger} | {verb} |"


def _code(keys: str) -> str:
    return " ".join(f"`{key}`" for key in keys.split(" "))
