"""Views to make scenes of: a node, a goal, a run, a task, a decision, with what does not matter filled in."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from engine.api import (
    DecisionView,
    Diff,
    DiffFile,
    GoalView,
    LogLine,
    RunView,
    TaskView,
    TreeNode,
)
from engine.api.agents import CheckpointView
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
from ui.frozen import before

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


def kept(goal: str, task: str, n: int) -> CheckpointView:
    return CheckpointView(
        id=n, name=f"step {n}", goal=goal, task=task, task_key="build", run="r-build00000", version=n, current=4,
        size=12, at=BEGAN,
    )  # fmt: skip


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
