"""Scenes a FrozenEngine shows: a shop with two goals, two decisions, live sandboxes and their logs."""

from datetime import timedelta

from engine.api import (
    DecisionCard,
    SandboxView,
    WaitingOn,
    Why,
)
from engine.model import (
    DecisionKind,
    DriverName,
    GoalState,
    OnDeadline,
    Risk,
    RunState,
    TaskKind,
    TaskState,
)
from ui.frozen import NOON, FrozenEngine, before
from ui.pieces import D_EXPORT, D_SHIP, NIGHT, OLD, SHIP, change, decision, goal, kept, lines, node, run, task


def shop() -> FrozenEngine:
    """Two active goals, one that has ended; one decision of high risk, one review."""
    engine = FrozenEngine()
    _ship(engine)
    _night(engine)
    engine.goals[OLD] = goal(
        OLD,
        "Try the deploy script",
        state=GoalState.FAILED,
        progress=(3, 5),
        cause="smoke failed: exit 1",
        started_at=before(hours=6),
        ended_at=before(hours=5, minutes=48),
        exit_code=1,
    )
    _the_rest(engine)
    return engine


def _the_rest(engine: FrozenEngine) -> None:
    """A view of every task that has none yet."""
    for ref, tree in engine.trees.items():
        stack = list(tree.children)
        while stack:
            leaf = stack.pop()
            stack.extend(leaf.children)
            said = Why(id=leaf.id, key=leaf.key, state=leaf.state, summary=leaf.cause or str(leaf.state), reasons=())
            engine.whys.setdefault(leaf.id, said)
            kind = TaskKind.GROUP if leaf.children else TaskKind.WORK
            view = task(leaf.id, leaf.key, TaskState(leaf.state), goal=ref, kind=kind, cause=leaf.cause)
            engine.tasks.setdefault(leaf.id, view)


def _ship(engine: FrozenEngine) -> None:
    wait = WaitingOn(
        kind="decision", id=D_SHIP, task="t-ship000000", label="Ship it?", until=NOON + timedelta(minutes=19)
    )
    engine.goals[SHIP] = goal(
        SHIP,
        "Ship the greeting",
        waiting=True,
        waiting_on=(wait,),
        progress=(5, 6),
        counts={TaskState.DONE: 5, TaskState.WAITING: 1},
        repo="/srv/shop",
        branch="pilothouse/g-7fk2m0q7xw",
    )
    engine.kept = tuple(kept(SHIP, "t-build00000", n) for n in range(1, 5))
    engine.runs["r-build00000"] = run("r-build00000", "t-build00000", "build")
    _ship_tree(engine)
    _ship_tasks(engine)
    _ship_card(engine)


def _ship_tree(engine: FrozenEngine) -> None:
    spent = {"runs": 1, "started_at": before(minutes=48), "ended_at": before(minutes=47, seconds=19)}
    checks = tuple(node(f"t-{name}0000", name, TaskState.DONE, **spent) for name in ("lint", "types", "tests"))
    engine.trees[SHIP] = node(
        SHIP,
        "ship-the-greeting",
        TaskState.WAITING,
        kind="goal",
        children=(
            node("t-build00000", "build", TaskState.DONE, **spent),
            node(
                "t-checks0000",
                "checks",
                TaskState.DONE,
                kind=TaskKind.GROUP,
                order="parallel",
                require="all",
                children=checks,
            ),
            node("t-write00000", "write", TaskState.DONE, title="Write the greeting", **{**spent, "runs": 2}),
            node(
                "t-ship000000",
                "ship",
                TaskState.WAITING,
                kind=TaskKind.GATE,
                gate="human_approval",
                decision=D_SHIP,
                started_at=before(minutes=41),
                deadline=NOON + timedelta(minutes=19),
            ),
        ),
    )


def _ship_tasks(engine: FrozenEngine) -> None:
    engine.tasks["t-ship000000"] = task(
        "t-ship000000",
        "ship",
        TaskState.WAITING,
        kind=TaskKind.GATE,
        command=None,
        image=None,
        needs=(("checks", TaskState.DONE), ("write", TaskState.DONE)),
        blocks=(("publish", TaskState.PENDING), ("announce", TaskState.PENDING)),
        decision=D_SHIP,
        started_at=before(minutes=41),
    )
    engine.tasks["t-build00000"] = task(
        "t-build00000", "build", TaskState.DONE, runs=(engine.runs["r-build00000"],), started_at=before(minutes=48)
    )
    engine.whys["t-ship000000"] = Why(
        id="t-ship000000",
        key="ship",
        state="waiting",
        summary="waits for a human to answer d-32k9",
        reasons=("opened when checks and write were done", "its deadline is in 19m, then it fails"),
    )
    engine.whys["t-build00000"] = Why(
        id="t-build00000", key="build", state="done", summary="done: exit 0 after 41s", reasons=("run #1 exit 0",)
    )
    engine.diffs["t-ship000000"] = engine.diffs[SHIP] = change()


def _ship_card(engine: FrozenEngine) -> None:
    tail = lines(["collecting ...", "warning: unused import os", "42 passed in 3.10s"], errors=(1,))
    engine.cards[D_SHIP] = DecisionCard(
        decision=decision(
            D_SHIP, "Ship it?", risk=Risk.HIGH, deadline=NOON + timedelta(minutes=19), on_deadline=OnDeadline.FAIL
        ),
        blocks=("publish", "announce"),
        diff=change(),
        last_run=engine.runs["r-build00000"],
        last_lines=tuple(tail),
    )
    engine.lines["r-build00000"] = tail
    engine.ended.add("r-build00000")
    engine.order.append(D_SHIP)


def _night(engine: FrozenEngine) -> None:
    engine.goals[NIGHT] = goal(
        NIGHT,
        "Nightly features",
        progress=(4, 9),
        counts={
            TaskState.DONE: 4,
            TaskState.RUNNING: 1,
            TaskState.PENDING: 2,
            TaskState.REVIEW: 1,
            TaskState.FAILED: 1,
        },
        created_at=before(minutes=12),
        started_at=before(minutes=12),
    )
    _night_tree(engine)
    _night_runs(engine)
    _night_card(engine)
    engine.boxes.append(
        SandboxView(
            name="ph-1c9e77aa-r-login00000",
            driver=DriverName.DOCKER,
            container_id="c0ffee",
            goal=NIGHT,
            task="t-login00000",
            task_key="login",
            run="r-login00000",
            state=RunState.RUNNING,
            started_at=before(minutes=2),
            memory=512 * 1024**2,
            cpus=1.0,
            network="none",
            image="pilothouse/sandbox:1",
        )
    )


def _night_tree(engine: FrozenEngine) -> None:
    live = {"runs": 1, "started_at": before(minutes=2)}
    engine.trees[NIGHT] = node(
        NIGHT,
        "nightly",
        TaskState.RUNNING,
        kind="goal",
        children=(
            node("t-login00000", "login", TaskState.RUNNING, **live),
            node(
                "t-search0000",
                "search",
                TaskState.PENDING,
                runs=1,
                not_before=NOON + timedelta(seconds=30),
                cause="backoff",
            ),
            node("t-export0000", "export", TaskState.REVIEW, runs=1, decision=D_EXPORT, started_at=before(minutes=6)),
            node("t-smoke00000", "smoke", TaskState.FAILED, runs=3, cause="out of memory: the limit is 512 MB"),
            node("t-mail000000", "mail", TaskState.BLOCKED, cause="needs smoke, which failed"),
            node("t-docs000000", "docs", TaskState.SKIPPED),
            node("t-tidy000000", "tidy", TaskState.CANCELLED, cause="by operator"),
        ),
    )


def _night_runs(engine: FrozenEngine) -> None:
    engine.runs["r-login00000"] = run(
        "r-login00000",
        "t-login00000",
        "login",
        goal=NIGHT,
        state=RunState.RUNNING,
        cause=None,
        exit_code=None,
        started_at=before(minutes=2),
        ended_at=None,
        duration=None,
    )
    engine.runs["r-export0000"] = run("r-export0000", "t-export0000", "export", goal=NIGHT)
    engine.tasks["t-login00000"] = task(
        "t-login00000",
        "login",
        TaskState.RUNNING,
        goal=NIGHT,
        runs=(engine.runs["r-login00000"],),
        started_at=before(minutes=2),
    )
    engine.whys["t-login00000"] = Why(
        id="t-login00000", key="login", state="running", summary="runs for 2m in docker", reasons=()
    )
    engine.lines["r-login00000"] = lines(
        [
            "collecting ...",
            "\x1b[33mwarning\x1b[0m: unused import os",
            *(f"tests/test_login.py::test_{n} PASSED" for n in range(60)),
        ],
        errors=(1,),
    )


def _night_card(engine: FrozenEngine) -> None:
    engine.cards[D_EXPORT] = DecisionCard(
        decision=decision(
            D_EXPORT,
            "Is the export right?",
            kind=DecisionKind.REVIEW,
            goal=NIGHT,
            goal_title="Nightly features",
            task="t-export0000",
            task_key="export",
            risk=Risk.LOW,
            opened_at=before(minutes=6),
            blocks=3,
        ),
        blocks=("mail", "docs", "tidy"),
        diff=change(),
        last_run=engine.runs["r-export0000"],
        last_lines=tuple(lines(["wrote 120 rows"])),
    )
    engine.order.append(D_EXPORT)
