"""The command palette: every action that is possible here, every goal and decision by name."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.message import Message
from textual.types import IgnoreReturnCallbackType

from tui.actions import Danger, by_id, display
from tui.formats import one_line, short, shorten, state_words
from tui.messages import Overview, ShowCard, ShowNode

WIDEST = 90  # cells of a name
MOST = 5  # decisions, and goals, that stand above the actions before anything is typed


class Host(Protocol):
    """What the palette needs of the app."""

    @property
    def overview(self) -> Overview: ...

    def run_listed(self, name: str) -> None:
        """Run an action by id on the screen below."""
        ...

    def post_message(self, message: Message) -> bool: ...


class Entry(NamedTuple):
    """A line of the palette: clean texts, the key or state beside them, and what it does."""

    name: str
    text: str
    aside: str
    run: IgnoreReturnCallbackType

    @property
    def whole(self) -> str:
        return f"{self.name}  {self.text}"


class Everything(Provider):
    """Foreign names stand in it as plain content, never as markup."""

    @property
    def host(self) -> Host:
        return cast(Host, self.app)

    async def discover(self) -> Hits:
        for entry in (*list(self._decisions())[:MOST], *list(self._goals())[:MOST], *self._actions()):
            yield DiscoveryHit(_content(entry), entry.run, entry.whole)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in (*self._actions(), *self._decisions(), *self._goals()):
            score = matcher.match(entry.whole)
            if score > 0:
                yield Hit(score, _content(entry), entry.run, entry.whole)

    def _decisions(self) -> Iterator[Entry]:
        for decision in self.host.overview.decisions:
            text = shorten(one_line(decision.question), WIDEST)
            yield Entry(
                f"decision {short(decision.id)}", text, str(decision.state), _sender(self.host, ShowCard(decision.id))
            )

    def _goals(self) -> Iterator[Entry]:
        for goal in self.host.overview.goals:
            text = shorten(one_line(goal.title), WIDEST)
            yield Entry(f"goal {short(goal.id)}", text, state_words(goal), _sender(self.host, ShowNode(goal.id)))

    def _actions(self) -> Iterator[Entry]:
        seen: set[str] = set()
        for key, active in self.screen.active_bindings.items():
            name = active.binding.id or ""
            if (
                name in seen
                or not name
                or not active.enabled
                or name.startswith(("move.", "everywhere.command_palette"))
            ):
                continue
            seen.add(name)
            action = by_id(name)
            if action.danger is not Danger.DECIDES:  # enter never decides, here neither
                yield Entry(action.label, action.help, display(key), _runner(self.host, name))


def _content(entry: Entry) -> Content:
    text = Content.styled(f"  {entry.text}", "not bold $foreground 70%")
    return Content.assemble(
        Content.styled(entry.name, "bold"), text, Content.styled(f"  {entry.aside}", "not bold $accent")
    )


def _sender(host: Host, message: Message) -> IgnoreReturnCallbackType:
    return lambda: host.post_message(message)


def _runner(host: Host, name: str) -> IgnoreReturnCallbackType:
    return lambda: host.run_listed(name)
