"""Scenes a FrozenEngine shows: a shop with two goals, two decisions, live sandboxes and their logs."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.api import (
    DecisionCard,
    DecisionView,
    Diff,
    DiffFile,
    GoalView,
    LogLine,
    RunView,
    SandboxView,
    TaskView,
    TreeNode,
    WaitingOn,
    Why,
)
from engine.model import (
    AnswerKind,
    DecisionKind,
    DecisionState,
    DriverName,
    ExitCause,
    GoalState,
    OnFailure,
    Order,
    Risk,
    RunState,
    Stream,
    TaskKind,
    TaskState,
)
from ui.frozen import NOON, FrozenEngine, before

SHIP, NIGHT, OLD = "g-7fk2m0q7xw", "g-80ab3cdefg", "g-11aaaaaaaa"
D_SHIP, D_EXPORT = "d-32k9m1xwzq", "d-31pp0q7xwz"
BEGAN = before(minutes=2)
ALL = (AnswerKind.APPROVE, AnswerKind.REJECT, AnswerKind.CHANGES)
DIFF = """\
diff --git a/src/hello.py b/src/hello.py
index 1d12431..3fa9c1a 100644
--- a/src/hello.py
+++ b/src/hello.py
@@ -8,6 +8,7 @@ import sys
~
 def main(argv: list[str]) -> int:
-    print("hello")
+    who = argv[1] if len(argv) > 1 else "world"
+    print(f"hello {who}")
     return 0
~
~
@@ -20,3 +21,3 @@ def parse(text: str) -> int:
     try:
-        return int(text)
+        return int(text.strip())
     except ValueError:
diff --git a/tests/test_hello.py b/tests/test_hello.py
new file mode 100644
index 0000000..aa11bb2
--- /dev/null
+++ b/tests/test_hello.py
@@ -0,0 +1,4 @@
+from hello import main
+
+def test_greets_by_name(capsys):
+    assert main(["hello", "Ada"]) == 0
""".replace("~", " ")  # a context line that is empty


def node(ref: str, key: str, state: TaskState, **more: object) -> TreeNode:
    fields: dict[str, object] = {"kind": TaskKind.WORK, "title": key, "version": 3, "runs": 0}
    return TreeNode.model_validate({"id": ref, "key": key, "state": state, **fields, **more})


def goal(ref: str, title: str, **more: object) -> GoalView:
    fields: dict[str, object] = {
        "state": GoalState.ACTIVE,
        "version": 4,
        "waiting": False,
        "waiting_on": (),
        "counts": {},
        "progress": (0, 1),
        "created_at": before(hours=1),
        "started_at": before(minutes=52),
    }
    return GoalView.model_validate({"id": ref, "title": title, **fields, **more})


def run(ref: str, task: str, key: str, n: int = 1, **more: object) -> RunView:
    fields: dict[str, object] = {
        "goal": SHIP,
        "state": RunState.ENDED,
        "driver": DriverName.DOCKER,
        "sandbox": f"ph-1c9e77aa-{ref}",
        "cause": ExitCause.EXIT,
        "exit_code": 0,
        "created_at": before(minutes=48),
        "started_at": before(minutes=48),
        "ended_at": before(minutes=47, seconds=19),
        "duration": 41.0,
    }
    return RunView.model_validate({"id": ref, "task": task, "key": key, "n": n, **fields, **more})


def task(ref: str, key: str, state: TaskState, **more: object) -> TaskView:
    fields: dict[str, object] = {
        "goal": SHIP,
        "title": key,
        "kind": TaskKind.WORK,
        "version": 3,
        "cause": None,
        "command": "python -m pytest -q",
        "image": "pilothouse/sandbox:1",
        "memory": 512 * 1024**2,
        "cpus": 1.0,
        "pids": 512,
        "network": "none",
        "timeout": 1800.0,
        "order": Order.SEQUENTIAL,
        "require": "all",
        "on_failure": OnFailure.STOP,
        "retries": 2,
        "failures": 0,
        "priority": 0,
        "not_before": None,
        "needs": (),
        "blocks": (),
        "runs": (),
        "decision": None,
        "created_at": before(hours=1),
        "started_at": None,
        "ended_at": None,
    }
    return TaskView.model_validate({"id": ref, "key": key, "state": state, **fields, **more})


def decision(ref: str, question: str, **more: object) -> DecisionView:
    fields: dict[str, object] = {
        "version": 2,
        "kind": DecisionKind.APPROVAL,
        "state": DecisionState.PENDING,
        "goal": SHIP,
        "goal_title": "Ship the greeting",
        "task": "t-ship000000",
        "task_key": "ship",
        "options": ALL,
        "risk": Risk.NORMAL,
        "deadline": None,
        "opened_at": before(minutes=41),
        "blocks": 2,
        "content": "3fa9c1a07b",
    }
    return DecisionView.model_validate({"id": ref, "question": question, **fields, **more})


def lines(texts: Sequence[str], *, start: datetime = BEGAN, errors: Sequence[int] = ()) -> list[LogLine]:
    return [
        LogLine(
            n=n, at=start + timedelta(milliseconds=137 * n), stream=Stream.ERR if n in errors else Stream.OUT, text=text
        )
        for n, text in enumerate(texts)
    ]


def change() -> Diff:
    files = (
        DiffFile(path="src/hello.py", added=3, removed=2),
        DiffFile(path="tests/test_hello.py", added=4, removed=0),
    )
    return Diff(base="1d1243199a", commit="3fa9c1a07b", files=files, text=DIFF)


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
    wait = WaitingOn(kind="decision", id=D_SHIP, task="ship", label="Ship it?", until=NOON + timedelta(minutes=19))
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
    engine.runs["r-build00000"] = run("r-build00000", "t-build00000", "build")
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
    tail = lines(["collecting ...", "warning: unused import os", "42 passed in 3.10s"], errors=(1,))
    engine.cards[D_SHIP] = DecisionCard(
        decision=decision(D_SHIP, "Ship it?", risk=Risk.HIGH, deadline=NOON + timedelta(minutes=19)),
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
