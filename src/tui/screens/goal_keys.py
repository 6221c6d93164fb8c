"""The keys of the goal tree: folding, going to what needs attention, searching, a new goal."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.api import CreateGoal
from engine.errors import Invalid, InvalidGoalFile
from engine.model import TaskState
from tui.formats import clean
from tui.screens.ask import PathForm
from tui.screens.finding import Finding
from tui.screens.forking import Forking
from tui.screens.node_work import NodeWork
from tui.screens.reader import Reader
from tui.screens.subject import Subject, subject_of
from tui.themes import Line, Tone
from tui.widgets.goal_tree import FAILED, GoalTree
from tui.widgets.lines import fold

NEEDS_ROW = {"fold", "unfold", "toggle_fold", "subtree", "details", "human", "failed"}
LARGEST = 2_000_000  # characters of a goal file


class GoalKeys(Finding, Forking, NodeWork):
    """What keys do to the tree; the painting is in the subclass."""

    hits: Sequence[str] = ()

    @property
    def goals(self) -> GoalTree:
        return self.query_one(GoalTree)

    def subject(self) -> Subject | None:
        ref = self.goals.cursor
        spot = self.goals.spot(ref)
        return subject_of(self.goals.goal(ref), spot.node if spot is not None else None, self.deck.feed.overview)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`n` means new only while no search is on; most keys need a row."""
        if action in ("next", "previous"):
            return self.is_finding
        if action in ("new", "task") and self.is_finding:
            return False
        if action == "new":
            return not self.is_finding
        if action == "fork" and self.is_laid_out:
            subject = self.subject()
            return subject is not None and subject.what == "task"
        if action in NEEDS_ROW and self.is_laid_out:
            return self.goals.cursor is not None
        return super().check_action(action, parameters)

    def action_fold(self) -> None:
        ref, spot = self.goals.cursor, self.goals.spot(self.goals.cursor)
        if ref is None or spot is None:
            return
        if self.goals.is_folded(ref) or not self.goals.has_below(ref):
            self.goals.go(spot.parent)
        else:
            self.goals.fold(ref, True)

    def action_unfold(self) -> None:
        ref = self.goals.cursor
        if ref is not None and not self.goals.is_folded(ref) and self.goals.has_below(ref):
            self.goals.action_down()
        else:
            self.goals.fold(ref, False)

    def action_toggle_fold(self) -> None:
        ref = self.goals.cursor
        if ref is not None:
            self.goals.fold(ref, not self.goals.is_folded(ref))

    def action_subtree(self) -> None:
        ref = self.goals.cursor
        if ref is not None:
            self.goals.fold(ref, not self.goals.is_folded(ref), below=True)

    def action_human(self) -> None:
        tasks = [decision.task for decision in self.deck.feed.overview.decisions]
        self._to_next([*self.goals.those({TaskState.WAITING, TaskState.REVIEW}), *tasks], "nothing waits for a human")

    def action_failed(self) -> None:
        self._to_next(self.goals.those(FAILED), "nothing has failed")

    def _to_next(self, refs: Sequence[str], none: str) -> None:
        """To the first of these after the cursor, in tree order, around the end."""
        order = self.goals.order()
        places = sorted({order[ref] for ref in refs if ref in order})
        if not places:
            self.say(none)
            return
        here = order.get(self.goals.cursor or "", -1)
        there = next((place for place in places if place > here), places[0])
        self.goals.reveal(list(order)[there])

    def look_for(self, words: str) -> None:
        self.hits = self.goals.matches(words) if words else ()
        self.frame(self.deck.feed.overview)

    def hop(self, step: int) -> None:
        order = self.goals.order()
        places = [order[ref] for ref in self.hits if ref in order]
        if not places:
            return
        here = order.get(self.goals.cursor or "", 0)
        later = [place for place in places if (place > here if step > 0 else place < here)]
        there = (later or places)[0 if step > 0 else -1]
        self.goals.reveal(list(order)[there])

    def settle(self) -> None:
        self.goals.focus()

    def action_new(self) -> None:
        self.work(self._new)

    async def _new(self) -> None:
        """A goal from a file; what is wrong with it is shown with file and line, and nothing is stored."""
        title: Line = [("New goal from a goal file", Tone.HEAD)]
        typed = ""
        while typed is not None:
            typed = await self.app.push_screen_wait(PathForm(self.deck, title, "create and start it", typed))
            if typed is None:
                return
            try:
                goal = await self.deck.engine.create_goal(await asyncio.to_thread(_read, typed))
            except InvalidGoalFile as invalid:
                self.app.push_screen(Reader(self.deck, [(" not a goal file", Tone.BAD)], _problems(invalid)))
                return
            except Invalid as invalid:
                self.tell(invalid)
            else:
                self.deck.feed.refresh()
                self.say(f"{goal.title} has been created")
                self.wanted_goal = goal.id
                return


def _read(typed: str) -> CreateGoal:
    path = Path(typed).expanduser().absolute()
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Invalid(f"{path}: {reason}", hint="name a goal file, such as goal.yaml") from error
    if len(source) > LARGEST:
        raise Invalid(f"{path}: longer than {LARGEST:,} characters")
    return CreateGoal(source=source, path=str(path))


def _problems(invalid: InvalidGoalFile) -> Callable[[int], Sequence[Line]]:
    rows = clean(f"{invalid.message}\n\n{invalid.hint}").split("\n")[:200]
    return lambda width: [line for row in rows for line in fold([(row, Tone.PLAIN)], width, 2)]
