"""Every method of the protocol over a real socket: what comes back equals what the engine said."""

import engine_samples as samples
import pytest
from engine_stub import StubEngine

from engine.api import Answer, CreateGoal, GoalOrder, LogQuery, SandboxOrder, StopMode, SweepOrder
from engine.client import RemoteEngine
from engine.errors import NotFound
from engine.model import AnswerKind, Runtime, Stream

ANSWER = Answer(
    version=2, answer=AnswerKind.CHANGES, feedback=samples.HARD, by="me", via="tui", undoable=True, shown_seconds=1.25
)
SWEEP = SweepOrder(dry_run=True, logs_older_than=3600)
CREATE = CreateGoal(
    source=samples.HARD, path="/srv/goal.yaml", variables={"who": samples.HARD}, runtime=Runtime.DOCKER, max_parallel=3
)
REFS = [
    "g-1/build",
    "g-1/why",
    "g-1/logs/stream",
    ".",
    "..",
    "../../x",
    "a b",
    "a\nb",
    "%2F",
    "%",
    "?x=1",
    "#",
    "ü🚀",
    "\x00",
]


async def test_each_query_comes_back_equal(stub: StubEngine, remote: RemoteEngine) -> None:
    assert await remote.info() == await stub.info()
    assert await remote.status() == await stub.status()
    assert await remote.status(samples.GOAL.id) == await stub.status(samples.GOAL.id)
    assert await remote.tree("g") == samples.TREE
    assert await remote.task("t") == samples.TASK
    assert await remote.run("r") == samples.RUN
    assert await remote.why("t") == samples.WHY
    assert await remote.decisions() == (samples.DECISION,)
    assert await remote.decision("d") == samples.CARD
    assert await remote.sandboxes() == (samples.SANDBOX,)
    assert await remote.diff("r") == samples.DIFF
    assert await remote.logs("r", LogQuery(tail=3, stream=Stream.ERR)) == samples.PAGE
    assert ("logs", "r", LogQuery(tail=3, stream=Stream.ERR)) in stub.calls


async def test_each_command_arrives_equal(stub: StubEngine, remote: RemoteEngine) -> None:
    assert await remote.create_goal(CREATE) == samples.GOAL
    assert await remote.start_goal(samples.GOAL.id) == samples.GOAL
    assert await remote.cancel(samples.GOAL.id, samples.HARD, "me") == samples.GOAL
    assert await remote.cancel(samples.TASK.id) == samples.GOAL
    assert await remote.answer("d-1", ANSWER) == samples.DECISION
    assert await remote.undo("d-1", "me") == samples.DECISION
    for goal_order in GoalOrder:
        assert await remote.order_goal("g-1", goal_order, samples.HARD) == samples.GOAL
    assert await remote.retry("g-1/build", fresh=True, by="me") == samples.GOAL
    assert await remote.skip("g-1/build", "me") == samples.GOAL
    assert (await remote.switch_dispatch(False, "me")).dispatch is False
    assert await remote.interrupt("r-1", samples.HARD) == samples.RUN
    for order in SandboxOrder:
        assert await remote.order_sandbox("ph-1", order, samples.HARD) == samples.OUTCOME
    assert await remote.gc(SWEEP) == samples.SWEEP
    await remote.stop(StopMode.DRAIN)
    commands = [call for call in stub.calls if call[0] not in ("info", "status", "task")]
    assert commands == [
        ("create_goal", CREATE),
        ("start_goal", samples.GOAL.id),
        ("cancel", samples.GOAL.id, samples.HARD, "me"),
        ("cancel", samples.TASK.id, "", "operator"),
        ("answer", "d-1", ANSWER),
        ("undo", "d-1", "me"),
        *[("order_goal", "g-1", order, samples.HARD) for order in GoalOrder],
        ("retry", "g-1/build", True, "me"),
        ("skip", "g-1/build", "me"),
        ("switch_dispatch", False, "me"),
        ("interrupt", "r-1", samples.HARD),
        *[("order_sandbox", "ph-1", order, samples.HARD) for order in SandboxOrder],
        ("gc", SWEEP),
        ("stop", StopMode.DRAIN),
    ]


async def test_views_keep_their_enums(remote: RemoteEngine) -> None:
    node = (await remote.tree("g")).children[0]
    assert (node.kind, node.state) == (samples.TREE.children[0].kind, samples.TREE.children[0].state)
    assert (await remote.task("t")).not_before == samples.NOON
    assert (await remote.task("t")).not_before.utcoffset() is not None  # type: ignore[union-attr]


async def test_r45_any_ref_travels_as_one_name(stub: StubEngine, remote: RemoteEngine) -> None:
    for ref in REFS:
        stub.calls.clear()
        await remote.task(ref)
        await remote.why(ref)
        await remote.logs(ref, LogQuery())
        assert [call[:2] for call in stub.calls] == [("task", ref), ("why", ref), ("logs", ref)]


async def test_an_empty_ref_names_nothing(stub: StubEngine, remote: RemoteEngine) -> None:
    with pytest.raises(NotFound):
        await remote.task("")
    assert stub.calls == [("info",)]


async def test_a_goal_is_never_cancelled_through_the_route_of_a_task(stub: StubEngine, remote: RemoteEngine) -> None:
    with pytest.raises(NotFound):
        await remote.cancel("goal-that-is-not")
    assert not [call for call in stub.calls if call[0] == "cancel"]


async def test_the_deepest_tree_a_goal_file_can_hold_comes_back(
    remote: RemoteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = samples.TREE
    for _ in range(60):
        tree = tree.model_copy(update={"children": (tree,)})
    monkeypatch.setattr(samples, "TREE", tree)
    assert await remote.tree("g") == tree
