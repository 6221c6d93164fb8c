"""An operator's orders, carried out in the store and on the sandboxes of this process (the `Orders` half of Engine)."""

from collections.abc import Callable
from typing import assert_never

from engine.api import EngineInfo, GoalOrder, GoalView, RunView, SandboxOrder, SandboxOutcome
from engine.dispatch.orders import freezing
from engine.dispatch.orders.interrupting import interrupt
from engine.dispatch.orders.retrying import retry, skip
from engine.dispatch.orders.switch import switch
from engine.dispatch.orders.whole_goal import order_goal
from engine.errors import EngineUnavailable, Invalid, NotFound
from engine.ids import SANDBOX_PREFIX
from engine.local import views
from engine.local.parts import Parts
from engine.local.refs import resolve, run_of, sandbox_of, task_of
from engine.model import DriverName, RunRecord, RunState
from engine.store import Tx, named_queries
from engine.store.rows import run_from

RUNS, TASKS = named_queries("runs"), named_queries("tasks")


class LocalOrders:
    """Orders are stored first; a visiting engine leaves what they mean for sandboxes to the one that runs next."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def order_goal(self, goal: str, order: GoalOrder, by: str = "operator") -> GoalView:
        database = self._parts.context.database
        found = await database.read(lambda c: resolve(c, goal, "g"))
        await database.write(lambda tx: order_goal(tx, found, order, by))
        return await self._goal(found)

    async def retry(self, ref: str, *, fresh: bool = False, by: str = "operator") -> GoalView:
        return await self._at_task(ref, lambda tx, task: retry(tx, task, by, fresh=fresh))

    async def skip(self, ref: str, by: str = "operator") -> GoalView:
        return await self._at_task(ref, lambda tx, task: skip(tx, task, by))

    async def switch_dispatch(self, on: bool, by: str = "operator") -> EngineInfo:
        await self._parts.context.database.write(lambda tx: switch(tx, on, by))
        return self._parts.info()

    async def order_sandbox(self, sandbox: str, order: SandboxOrder, by: str = "operator") -> SandboxOutcome:
        self._require_reach()
        context, live = self._parts.context, self._parts.live
        run = await self._run_of(sandbox, order)
        match order:
            case SandboxOrder.REMOVE:
                await freezing.remove(context, run, sandbox if run is None else run.sandbox)
            case SandboxOrder.FREEZE:
                await freezing.freeze(context, live, _owner(run, sandbox), by)
            case SandboxOrder.THAW:
                await freezing.thaw(context, live, _owner(run, sandbox), by)
            case SandboxOrder.KILL:
                await freezing.kill(context, live, _owner(run, sandbox), by)
            case _:
                assert_never(order)
        return await self._outcome(run, sandbox, order)

    async def interrupt(self, run: str, by: str = "operator") -> RunView:
        self._require_reach()
        context = self._parts.context
        row = await context.database.read(lambda c: c.execute(RUNS["get"], {"id": run_of(c, run)}).fetchone())
        found = run_from(row)
        await interrupt(context, self._parts.live, found, by)
        return await context.database.read(lambda c: views.run_view(c, found.id))

    def _require_reach(self) -> None:
        if self._parts.visiting:
            raise EngineUnavailable("no engine runs that could reach its sandboxes", hint="pilothouse serve starts one")

    async def _at_task(self, ref: str, unit: Callable[[Tx, str], None]) -> GoalView:
        """Do something to a task; answers with its goal."""
        database = self._parts.context.database
        task = await database.read(lambda c: task_of(c, ref))
        goal = str((await database.read(lambda c: c.execute(TASKS["brief"], {"id": task}).fetchone()))["goal"])
        await database.write(lambda tx: unit(tx, task))
        return await self._goal(goal)

    async def _goal(self, goal: str) -> GoalView:
        context = self._parts.context
        return await context.database.read(lambda c: views.goal_view(c, goal, context.clock.now()))

    async def _run_of(self, ref: str, order: SandboxOrder) -> RunRecord | None:
        """The run of a sandbox; None for a name no run carries, which only a removal has a use for."""
        database = self._parts.context.database
        try:
            found = await database.read(lambda c: sandbox_of(c, ref))
        except NotFound:
            if order is SandboxOrder.REMOVE and ref.startswith(SANDBOX_PREFIX):
                return None
            raise
        return await database.read(lambda c: run_from(c.execute(RUNS["get"], {"id": found}).fetchone()))

    async def _outcome(self, run: RunRecord | None, name: str, order: SandboxOrder) -> SandboxOutcome:
        if run is None:
            return SandboxOutcome(name=name, state="removed")
        view = await self._parts.context.database.read(lambda c: views.run_view(c, run.id))
        state = "frozen" if view.frozen else "removed" if order is SandboxOrder.REMOVE else view.state.value
        return SandboxOutcome(name=run.sandbox, state=state, run=run.id, task=run.task, task_key=view.key)


def _owner(run: RunRecord | None, ref: str) -> RunRecord:
    """The run, which must have a sandbox of its own."""
    if run is None or run.driver is DriverName.ENGINE or run.state is RunState.CREATED:
        raise Invalid(f"{ref} has no sandbox", hint="pilothouse sandboxes lists what is alive")
    return run
