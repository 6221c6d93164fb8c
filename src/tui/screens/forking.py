"""A new goal from a checkpoint of the task under the cursor: which one is asked first."""

from collections.abc import Sequence

from engine.api import CreateGoal
from engine.api.agents import CheckpointView
from tui.formats import one_line, short
from tui.screens.ask import Confirm
from tui.screens.ordering import Ordering
from tui.screens.subject import Subject
from tui.themes import Line, Tone

SHOWN = 3  # checkpoints to choose from, the newest first
WIDEST = 16  # characters of a name on its button


class Forking(Ordering):
    """The newest checkpoints are offered; `pilothouse fork` takes any."""

    wanted_goal: str | None = None  # one that was just created: the cursor goes there when it appears

    def action_fork(self) -> None:
        subject = self.subject()
        if subject is not None and subject.what == "task":
            self.work(self._fork, subject)

    async def _fork(self, subject: Subject) -> None:
        kept = await self.deck.engine.checkpoints(subject.ref)
        if not kept:
            self.say(f"{subject.label} has kept no checkpoint")
            return
        chosen = await self.app.push_screen_wait(_question(subject, kept))
        checkpoint = next((view for view in kept if f"from-{view.id}" == chosen), None)
        if checkpoint is not None:
            request = CreateGoal(again=checkpoint.goal, checkpoint=checkpoint.id, by=self.deck.operator)
            goal = await self.deck.engine.create_goal(request)
            self.deck.feed.refresh()
            self.say(f"{goal.title} starts over, {checkpoint.task_key} from {checkpoint.name}")
            self.wanted_goal = goal.id


def _question(subject: Subject, kept: Sequence[CheckpointView]) -> Confirm:
    newest = list(reversed(kept))[:SHOWN]
    older = f" {len(kept) - SHOWN} older ones: pilothouse fork." if len(kept) > SHOWN else ""
    text: list[Line] = [
        [(one_line(subject.label), Tone.STRONG), (f"  {short(subject.ref)}", Tone.DIM)],
        [("A new goal of the same file in which it begins with that state. Everything in it runs again.", Tone.PLAIN)],
        [(f"This goal stays as it is.{older}", Tone.DIM)],
    ]
    choices = [(f"from-{view.id}", f"{view.id} {one_line(view.name)[:WIDEST]}") for view in newest]
    return Confirm("Fork from which checkpoint?", text, [("back", "Keep it at that"), *choices])
