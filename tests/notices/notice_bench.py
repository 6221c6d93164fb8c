"""What tests of notices say: a goal that asks."""

from collections.abc import Awaitable, Callable

from engine.api import CreateGoal, DecisionView
from engine.local.engine import LocalEngine

Open = Callable[..., Awaitable[LocalEngine]]


async def ask(engine: LocalEngine, gate: str = "", title: str = "Ship the greeting") -> DecisionView:
    """A goal at its human gate."""
    source = f"goal: {title}\ntasks:\n  - {{id: ok, gate: {{kind: human_approval, question: Ship it?{gate}}}}}\n"
    source += '  - {id: after, needs: [ok], run: "true"}\n'
    goal = await engine.create_goal(CreateGoal(source=source, allow_unconfined=True))
    async for _ in engine.subscribe():
        for decision in await engine.decisions():
            if decision.goal == goal.id:
                return decision
    raise AssertionError("the stream ended")
