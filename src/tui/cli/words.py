"""Events in words, for people who read along."""

from collections.abc import Sequence

from engine.api import TreeNode
from engine.events import Event, EventType
from engine.headless import event_line
from engine.model import AnswerKind
from tui.cli.call import Call
from tui.cli.output import put, say
from tui.formats import hour, one_line

SHOWN = 160  # characters of one value
# What the line says already, or what only programs need: --json has everything.
LEFT_OUT = frozenset({"key", "state", "version", "container_id", "sandbox", "oom", "leaves"})


def event_words(event: Event, name: str | None = None) -> str:
    """`14:20:07 task.started build: n=1`; `name` is what the subject is called instead of its id."""
    subject = name or event.data.get("key") or event.task or event.run or event.goal or ""
    told = {key: value for key, value in event.data.items() if value not in (None, "") and key not in LEFT_OUT}
    facts = ", ".join(f"{key}={_value(value)}" for key, value in told.items() if not isinstance(value, list | dict))
    return one_line(f"{hour(event.at)} {event.type.value} {subject}" + (f": {facts}" if facts else ""))


def _value(value: object) -> str:
    text = str(value).split("\n", 1)[0]
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def answer_words(options: Sequence[object], choices: Sequence[object], fields: Sequence[str] = ()) -> list[str]:
    """What `decide` is told to let a decision through: as it stands for a yes, else an example to be filled in."""
    if AnswerKind.APPROVE in options or not options:
        return ["approve"]
    if AnswerKind.CHOOSE in options:
        return ["choose", "--option", *map(str, choices[:1])]
    return ["fill", *(word for name in fields or ("NAME",) for word in ("--field", f"{name}=VALUE"))]


class Narrator:
    """Tells each event of one goal as a line on stderr, with tasks called by their keys.

    The group of all top-level tasks has no name and moves with them: what it does is told by the goal's own events.
    """

    def __init__(self, call: Call, root: TreeNode) -> None:
        self._call = call
        self._names: dict[str, str] = {}
        self._of_group = bool(root.children)
        queue = [root]
        while queue:
            node = queue.pop()
            self._names[node.id] = node.key or node.id
            queue.extend(node.children)

    def tell(self, event: Event) -> None:
        if self._of_group and event.task is not None and event.task not in self._names:
            return
        say(event_words(event, self._names.get(event.task or "", event.goal)))
        if event.type is EventType.DECISION_OPENED:
            words = answer_words(_list(event.data.get("options")), _list(event.data.get("choices")))
            version = ("--version", str(event.data["version"]))
            say(f"    {self._call.command('decide', str(event.data['decision']), *words, *version)}")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


class JsonLines:
    """Events of one goal as JSON lines on stdout. The goal's end is held back: `run` says it once, as its last line."""

    def __init__(self) -> None:
        self._held: Event | None = None

    def tell(self, event: Event) -> None:
        if self._held is not None:  # the goal went on: a retry, after which it will end again
            put(event_line(self._held))
        self._held = event if event.type is EventType.GOAL_ENDED else None
        if self._held is None:
            put(event_line(event))
