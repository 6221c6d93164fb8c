"""What a subscriber receives: a snapshot at N, then every event above N, or the word that it lagged."""

from engine.api.answers import GoalView, Status, View
from engine.api.decisions import DecisionView
from engine.api.sandboxes import SandboxView
from engine.events import Event


class Snapshot(View):
    """The whole overview at one sequence number; trees are asked for per goal."""

    seq: int
    status: Status
    decisions: tuple[DecisionView, ...]
    sandboxes: tuple[SandboxView, ...]

    @property
    def goals(self) -> tuple[GoalView, ...]:
        return self.status.goals


class Lagged(View):
    """The subscriber was too slow: `missed` events were dropped and a new snapshot follows."""

    missed: int


Update = Snapshot | Event | Lagged
