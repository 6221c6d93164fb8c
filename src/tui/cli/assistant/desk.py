"""Where tools get their engine: for each call the one that runs, or a short-lived one, like every verb."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from engine.errors import Invalid
from tui.cli.call import Call
from tui.cli.goalfile import read_goal_file
from tui.cli.session import engine_for, look

if TYPE_CHECKING:
    from engine.api import Engine
    from tui.cli.assistant.arguments import GoalText

T = TypeVar("T")


class Desk:
    """One project, or one engine elsewhere. An engine that was started anew between two calls is found again."""

    def __init__(self, call: Call) -> None:
        self.call = call

    async def look(self, query: "Callable[[Engine], Awaitable[T]]") -> T:
        """The answer to a question that changes nothing."""
        return await look(self.call, query)

    async def order(self, order: "Callable[[Engine], Awaitable[T]]") -> T:
        """Give an order, once."""
        async with engine_for(self.call) as engine:
            return await order(engine)

    def goal_text(self, given: "GoalText") -> tuple[str, str]:
        """The text of a goal file, and its path; an empty one where the text was given. Blocks."""
        if given.source is not None:
            return given.source, ""
        root = self.call.paths.root.resolve()
        file = Path(root, given.file or "").resolve()
        if not file.is_relative_to(root):
            raise Invalid(f"{given.file} is not in the project {root}", hint="give the goal file as `source`")
        return read_goal_file(str(file))
