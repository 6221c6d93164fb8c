"""The ways between the screens: by number, by message, by name, and the way out."""

from collections.abc import Sequence
from typing import Any, TypeVar

from textual.app import App

from engine.api import StopMode
from engine.errors import PilothouseError
from engine.model import DecisionState
from tui.actions import Scope
from tui.app.lending import lend_editor, lend_terminal
from tui.formats import clean, short
from tui.messages import Overview, ShowCard, ShowHelp, ShowLogs, ShowNode, ShowShell
from tui.screens.base import Panel
from tui.screens.card import Card
from tui.screens.decisions import DecisionsScreen
from tui.screens.deck import Deck
from tui.screens.goals import GoalsScreen
from tui.screens.help import Help
from tui.screens.leaving import Leaving
from tui.screens.logs import LogsScreen
from tui.screens.switch import Switch
from tui.widgets.background import start

P = TypeVar("P", bound=Panel)
COMMON = (Scope.EVERYWHERE, Scope.MOVE, Scope.FIND)


class Ways(App[StopMode | None]):
    """What the keys of the scope `everywhere` do."""

    deck: Deck
    remote = False
    chosen_keys: dict[str, str]  # the operator's keymap, by action id
    _before = "goals"

    @property
    def overview(self) -> Overview:
        """The newest state of the engine, and how old it may be."""
        return self.deck.feed.overview

    def _go(self, name: str) -> None:
        if name != self.current_mode:
            self._before = self.current_mode
            self.switch_mode(name)
        elif len(self.screen_stack) > 1 and isinstance(self.screen, Panel):
            self.pop_screen()

    def on_show_card(self, message: ShowCard) -> None:
        self.push_screen(Card(self.deck, message.decision))

    def on_show_help(self, message: ShowHelp) -> None:
        self._help([Scope(scope) for scope in message.scopes])

    def on_show_node(self, message: ShowNode) -> None:
        self._go("goals")
        self._root(GoalsScreen).go_to(message.task or message.goal)

    def on_show_logs(self, message: ShowLogs) -> None:
        self._go("logs")
        self._root(LogsScreen).open_log(message.ref, message.label)

    def on_show_shell(self, message: ShowShell) -> None:
        start(self, self._shell, message.task, group="shell")

    async def _shell(self, task: str) -> None:
        """On this terminal; why it could not be is told once the screen is back."""
        status = self.overview.status
        if status is None or not self.can_suspend:
            self.notify("a shell needs a terminal of its own: `pilothouse shell`", markup=False)
            return
        code, said = await lend_terminal(self, ["--project", status.engine.project, "shell", task])
        refused = said.partition("pilothouse: ")[2]
        if code and refused:
            self.notify(clean(refused)[:500], severity="error", markup=False)

    async def edit_text(self, text: str) -> str | None:
        """The text as the operator's editor left it; None where no terminal can be lent."""
        return await lend_editor(self, text) if self.can_suspend else None

    @property
    def can_suspend(self) -> bool:
        """Whether the terminal can be lent; a screen in a test or a browser has none."""
        return self._driver is not None and self._driver.can_suspend

    def _root(self, kind: type[P]) -> P:
        """The first screen of the current mode, which may still have to be laid out."""
        screen = self.screen_stack[0]
        assert isinstance(screen, kind)
        return screen

    def action_goals(self) -> None:
        self._go("goals")

    def action_decisions(self) -> None:
        self._go("decisions")

    def action_logs(self) -> None:
        self._go("logs")

    def action_sandboxes(self) -> None:
        self._go("sandboxes")

    def action_last(self) -> None:
        self._go(self._before)

    def action_urgent(self) -> None:
        self._go("decisions")
        waiting = [row.id for row in self.overview.decisions if row.state is DecisionState.PENDING]
        if waiting:
            self._root(DecisionsScreen).go_to(waiting[0])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is something to undo only while an answer is staged."""
        if action == "undo":
            return any(row.state is DecisionState.STAGED for row in self.overview.decisions)
        return True

    def action_undo(self) -> None:
        start(self, self._undo, group="undo")

    async def _undo(self) -> None:
        try:
            decision = await self.deck.ballot.undo(self.overview, self.deck.operator)
        except PilothouseError as error:
            self.notify(clean(error.message), severity="warning", markup=False)
        else:
            self.notify(f"{short(decision.id)} waits again", markup=False)
        self.deck.feed.refresh()

    def _panel(self) -> Panel | None:
        return next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Panel)), None)

    def action_dispatch(self) -> None:
        status = self.overview.status
        if status is not None:
            self.push_screen(Switch(on=status.engine.dispatch), self._switch)

    def _switch(self, choice: object) -> None:
        if choice in ("on", "off"):
            start(self, self._dispatch, choice == "on", group="dispatch")

    async def _dispatch(self, on: bool) -> None:
        try:
            info = await self.deck.engine.switch_dispatch(on, by=self.deck.operator)
        except PilothouseError as error:
            self.notify(clean(error.message), severity="error", markup=False)
        else:
            self.notify(f"dispatch is {'on' if info.dispatch else 'off'}", markup=False)
        self.deck.feed.refresh()

    def action_copy(self) -> None:
        panel = self._panel()
        self._copy(None if panel is None else panel.copyable())

    def action_command(self) -> None:
        panel = self._panel()
        self._copy(None if panel is None else panel.command())

    def _copy(self, text: str | None) -> None:
        if text is None:
            self.notify("nothing to copy here", markup=False)
        else:
            self.copy_to_clipboard(text)
            self.notify(f"copied: {clean(text)}", markup=False, timeout=2)

    def action_help(self) -> None:
        names = {active.binding.id for active in self.screen.active_bindings.values() if active.binding.id}
        scopes = [scope for scope in Scope if any(name.startswith(f"{scope}.") for name in names)]
        self._help(sorted(scopes, key=lambda scope: scope in COMMON))

    def _help(self, scopes: Sequence[Scope]) -> None:
        self.push_screen(Help(scopes, dict(self.chosen_keys)), self._run_chosen)

    def _run_chosen(self, name: object) -> None:
        if name is not None:
            self.run_listed(str(name))

    def run_listed(self, name: str) -> None:
        """Run an action by id where one is, if it is possible there. A deciding one refuses: only its key decides."""
        for active in self.screen.active_bindings.values():
            if active.binding.id == name and active.enabled:
                self.call_next(self.run_action, active.binding.action, active.node)
                return
        self.notify("that is not possible here", markup=False)

    def action_leave(self) -> None:
        """Back one step; at the root, the way out."""
        screen: Any = self.screen
        if isinstance(screen, Panel) and screen.step_back():
            return
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self._ask_to_leave()

    async def action_quit(self) -> None:
        self._ask_to_leave()

    def _ask_to_leave(self) -> None:
        if not any(isinstance(screen, Leaving) for screen in self.screen_stack):
            status = self.overview.status
            live = 0 if status is None else status.engine.live_runs
            self.push_screen(Leaving(live, remote=self.remote), self._leave)

    def _leave(self, choice: object) -> None:
        if choice is not None:
            start(self, self._end, StopMode(str(choice)), group="leave")

    async def _end(self, mode: StopMode) -> None:
        """Our own engine is ended by who started it; somebody else's is asked to, and then left alone."""
        if self.remote and mode is not StopMode.DETACH:
            try:
                await self.deck.engine.stop(mode)
            except PilothouseError as error:
                self.notify(clean(error.message), severity="error", markup=False)
                return
            mode = StopMode.DETACH
        self.exit(mode)
