"""The one table of actions: complete, without clashes, reachable, remappable, and equal to the docs (R127)."""

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from textual.dom import DOMNode

import tui
from engine.errors import Invalid
from tui.actions import ACTIONS, Action, Danger, Scope, by_id, check_keymap, keys_page
from tui.actions.keys import NEVER, clashes
from tui.app import PilothouseApp
from tui.cli.main import VERBS
from tui.screens.ask import Form
from tui.screens.base import Dialog
from tui.screens.batch import Batch
from tui.screens.card import Card
from tui.screens.decisions import DecisionsScreen
from tui.screens.finding import Finding
from tui.screens.goals import GoalsScreen
from tui.screens.reader import DiffReader
from tui.screens.ruling import Trial
from tui.screens.sandboxes import SandboxesScreen
from tui.widgets.canvas import Canvas
from tui.widgets.detail import Detail
from tui.widgets.log_pane import LogPane
from ui.scenes import shop
from ui.steering import at_the_keys

ROOT = Path(__file__).resolve().parents[2]
OWNERS: dict[Scope, type[DOMNode]] = {
    Scope.EVERYWHERE: PilothouseApp,
    Scope.MOVE: Canvas,
    Scope.FIND: Finding,
    Scope.GOALS: GoalsScreen,
    Scope.DETAIL: Detail,
    Scope.DECISIONS: DecisionsScreen,
    Scope.CARD: Card,
    Scope.BATCH: Batch,
    Scope.RULE: Trial,
    Scope.DIFF: DiffReader,
    Scope.LOGS: LogPane,
    Scope.SANDBOXES: SandboxesScreen,
    Scope.DIALOG: Dialog,
    Scope.FORM: Form,
}
VERBS_ONLY = {  # what a screen has no use for: it is a screen, or it is about files, leftovers and other processes
    "serve", "demo", "plan", "tree", "events", "wait", "export", "backup", "gc", "rm", "drain", "image", "doctor",
    "init", "attach", "metrics", "set", "ledger", "signal", "agents", "message", "lease", "leases",
    "checkpoints", "mcp", "web", "notify", "schedule", "template",
}  # fmt: skip
TURNED = {"resume": "pause", "thaw": "freeze", "start": "pause"}  # the same key takes it back, or lets it begin
UI_ONLY = re.compile(
    r"(move|find|detail|diff|dialog|form)\..*"
    r"|everywhere\.(help|command_palette|last|refresh|copy|command)"
    r"|goals\.(answer|details|fold|unfold|toggle_fold|subtree|human|failed)"
    r"|decisions\.(details|evidence|mark|unmark|mine)"
    r"|card\.(next|previous|up|down|page|choose|more_options|fill).*"
    r"|rule\.widen"
    r"|logs\..*"
)


def ids(action: Action) -> str:
    return action.id


@pytest.mark.parametrize("action", ACTIONS, ids=ids)
def test_r127_every_action_has_code_and_a_key_where_it_lives(action: Action) -> None:
    owner = OWNERS[action.scope]
    assert callable(getattr(owner, f"action_{action.method}", None)), f"{owner.__name__} has no action_{action.method}"
    bound = {binding.id for binding in owner._merged_bindings or () for binding in [binding[1]]}
    assert action.id in bound


@pytest.mark.parametrize("action", ACTIONS, ids=ids)
def test_r127_every_action_has_a_verb_or_is_for_screens_only(action: Action) -> None:
    if action.verb is None:
        assert UI_ONLY.fullmatch(action.id), "neither a verb nor on the list of what only a screen needs"
    else:
        assert action.verb in VERBS


def test_r127_every_verb_is_an_action_too_or_for_the_command_line_only() -> None:
    acted = {action.verb for action in ACTIONS if action.verb is not None}
    assert acted | VERBS_ONLY | set(TURNED) == set(VERBS)
    assert not acted & (VERBS_ONLY | set(TURNED))
    assert set(TURNED.values()) <= acted


def test_ids_are_unique_and_no_key_means_two_things_at_once() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    assert list(clashes({action.id: action.keys for action in ACTIONS})) == []


def test_no_key_is_bound_that_terminals_send_as_another() -> None:
    assert not {key for action in ACTIONS for key in action.keys.split(",")} & set(NEVER)


def test_r123_no_binding_has_priority() -> None:
    for owner in OWNERS.values():
        for _, binding in owner._merged_bindings or ():
            assert not binding.priority, f"{owner.__name__}: {binding.key}"


def test_nothing_but_the_table_binds_a_key_in_our_code() -> None:
    ours = [
        file for file in (ROOT / "src" / "tui").rglob("*.py") if "actions" not in file.parts and "cli" not in file.parts
    ]
    for file in ours:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\bBinding\(|def key_", text), f"{file} binds a key of its own"


def test_r127_the_page_of_keys_is_generated() -> None:
    assert (ROOT / "docs" / "keys.md").read_text(encoding="utf-8") == keys_page(), "write keys_page() to docs/keys.md"


def test_r127_every_module_is_reached_from_the_app() -> None:
    code = "import tui.app, sys; print(' '.join(name for name in sys.modules if name.startswith('tui.')))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    ours = {
        module.name for module in pkgutil.walk_packages(tui.__path__, "tui.") if not module.name.startswith("tui.cli")
    }
    assert ours <= loaded


def test_formats_load_no_screen_library() -> None:
    code = "import tui.formats, sys; print('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("keymap", "says"),
    [
        ({"goals.explode": "x"}, "goals.explode"),
        ({"goals.cancel": "ctrl+h"}, "backspace"),
        ({"goals.cancel": "ctrl+["}, "escape"),
        ({"goals.cancel": "i"}, "goals.why"),
        ({"goals.cancel": "u"}, "everywhere.undo"),
        ({"move.down": "a"}, "goals.answer"),
    ],
)
def test_a_keymap_that_cannot_be_is_refused_in_words(keymap: dict[str, str], says: str) -> None:
    with pytest.raises(Invalid, match=r"ui\.keymap") as refused:
        check_keymap(keymap)
    assert says in refused.value.message


async def test_r123_no_binding_of_the_running_app_has_priority() -> None:
    async with at_the_keys(shop()) as seat:
        assert [key for key, binding in seat.app._bindings if binding.priority] == []


async def test_keys_are_remapped_by_id_and_shown_so() -> None:
    async with at_the_keys(shop(), keymap={"goals.why": "ctrl+w,v", "goals.human": "W"}) as seat:
        await seat.shows("w why", "human_approval")
        await seat.press("i")
        assert len(seat.app.screen_stack) == 1, "the old key does nothing"
        await seat.press("j", "j", "j", "j", "v")
        await seat.shows("waits for a human to answer")


def test_deciding_actions_are_marked_as_such() -> None:
    deciding = {action.id for action in ACTIONS if action.danger is Danger.DECIDES}
    assert deciding == {
        *(f"{scope}.{kind}" for scope in ("decisions", "card") for kind in ("approve", "reject", "changes")),
        *("batch.approve", "batch.reject", "rule.make"),
    }
    assert by_id("goals.answer").danger is Danger.NONE
