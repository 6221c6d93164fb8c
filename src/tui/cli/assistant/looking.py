"""Tools that look: each is one question to the engine."""

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from engine.api import (
    DecisionCard,
    DecisionView,
    Diff,
    GoalView,
    LedgerEntry,
    LogPage,
    LogQuery,
    PlanView,
    SandboxView,
    Status,
    TaskView,
    TreeNode,
    Why,
)
from engine.api.agents import AgentView, LeaseView
from engine.events import Event
from tui.cli.assistant import arguments as given
from tui.cli.assistant.desk import Desk
from tui.cli.assistant.tool import Tool


class EventPage(BaseModel):
    """`next`: ask for events after this one to go on."""

    events: tuple[Event, ...]
    next: int


async def goals(desk: Desk, asked: given.Goals) -> Sequence[GoalView]:
    found = (await desk.look(lambda engine: engine.status())).goals
    newest = sorted(found, key=lambda goal: goal.created_at, reverse=True)
    return [goal for goal in newest if asked.state in (None, goal.state)][: asked.limit]


async def status(desk: Desk, asked: given.OfGoal) -> Status:
    return await desk.look(lambda engine: engine.status(asked.goal))


async def tree(desk: Desk, asked: given.OneGoal) -> TreeNode:
    return await desk.look(lambda engine: engine.tree(asked.goal))


async def task(desk: Desk, asked: given.One) -> TaskView:
    return await desk.look(lambda engine: engine.task(asked.ref))


async def why(desk: Desk, asked: given.One) -> Why:
    return await desk.look(lambda engine: engine.why(asked.ref))


async def decisions(desk: Desk, _: given.Nothing) -> Sequence[DecisionView]:
    return await desk.look(lambda engine: engine.decisions())


async def decision(desk: Desk, asked: given.OneDecision) -> DecisionCard:
    return await desk.look(lambda engine: engine.decision(asked.decision))


async def history(desk: Desk, asked: given.History) -> Sequence[LedgerEntry]:
    return await desk.look(lambda engine: engine.history(asked.limit, decision=asked.decision))


async def logs(desk: Desk, asked: given.Logs) -> LogPage:
    tail = asked.tail if asked.after is None else None
    query = LogQuery(after=asked.after, tail=tail, grep=asked.grep, stream=asked.stream, limit=asked.tail)
    return await desk.look(lambda engine: engine.logs(asked.ref, query))


async def events(desk: Desk, asked: given.Events) -> EventPage:
    after = asked.after
    if after is None:
        after = max(0, (await desk.look(lambda engine: engine.info())).seq - asked.limit)
    found = tuple(await desk.look(lambda engine: engine.events(after, asked.limit)))
    return EventPage(events=found, next=found[-1].seq if found else after)


async def diff(desk: Desk, asked: given.Change) -> Diff:
    change = await desk.look(lambda engine: engine.diff(asked.ref))
    return change.model_copy(update={"text": ""}) if asked.stat else change


async def agents(desk: Desk, asked: given.OfGoal) -> Sequence[AgentView]:
    return await desk.look(lambda engine: engine.agents(asked.goal))


async def sandboxes(desk: Desk, _: given.Nothing) -> Sequence[SandboxView]:
    return await desk.look(lambda engine: engine.sandboxes())


async def leases(desk: Desk, _: given.Nothing) -> Sequence[LeaseView]:
    return await desk.look(lambda engine: engine.leases())


async def plan(desk: Desk, asked: given.GoalText) -> PlanView:
    from engine.local.planning import read_plan

    def read() -> PlanView:
        source, path = desk.goal_text(asked)
        root = desk.call.paths.root
        return read_plan(source, path or str(root / "goal.yaml"), asked.variables, desk.call.settings)

    return await asyncio.to_thread(read)


LOOKING: Sequence[Tool[Any]] = (
    Tool("goals", "List goals with their state and progress", given.Goals, tuple[GoalView, ...], goals),
    Tool("status", "The engine and its goals, or one goal: state, progress, what it waits for", given.OfGoal, Status,
         status),
    Tool("tree", "The task tree of a goal", given.OneGoal, TreeNode, tree),
    Tool("task", "One task in full: limits, needs, runs, notes", given.One, TaskView, task),
    Tool("why", "The proof of what holds a goal or task, or how and why it ended", given.One, Why, why),
    Tool("decisions", "What waits for a human, most urgent first", given.Nothing, tuple[DecisionView, ...], decisions),
    Tool("decision", "One decision with its evidence: the question, the change, the last lines, what it blocks",
         given.OneDecision, DecisionCard, decision),
    Tool("history", "What was done to decisions, by whom and through which door", given.History,
         tuple[LedgerEntry, ...], history),
    Tool("logs", "Lines of a run's log, or of a task's newest run", given.Logs, LogPage, logs, newest=True, log=True),
    Tool("events", "What happened, event by event", given.Events, EventPage, events),
    Tool("diff", "The change of a run, a task, a goal, or what a decision would let through", given.Change, Diff, diff),
    Tool("agents", "Live agents: role, busy or idle, last sign of life", given.OfGoal, tuple[AgentView, ...], agents),
    Tool("sandboxes", "Live sandboxes: limits, use, activity", given.Nothing, tuple[SandboxView, ...], sandboxes),
    Tool("leases", "Leases: who holds what, and who waits", given.Nothing, tuple[LeaseView, ...], leases),
    Tool("plan", "Validate a goal file and show what it would do; nothing is stored or run", given.GoalText, PlanView,
         plan),
)  # fmt: skip
