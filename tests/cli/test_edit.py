"""The verbs task, set and metrics."""

import signal
from collections.abc import Callable
from pathlib import Path

from cli_process import Pilothouse, eventually
from goal_files import GATED, goal_file

from forked_program import ForkedProgram

Start = Callable[..., ForkedProgram]
PROCESS = ("--runtime", "process", "--allow-unconfined")


def test_a_task_caps_and_numbers_of_an_engine_that_runs(start: Start, inside: Pilothouse, project: Path) -> None:
    process = start("serve")
    eventually(lambda: inside("status", "--json").json["engine"]["state"] == "running")
    goal_file(project, GATED)
    goal = inside("run", "goal.yaml", "--no-ui", "--json", *PROCESS).lines[-1]["goal"]
    edited = inside("task", "edit", f"{goal}/after", "--title", "Say so", "--priority", "7", "--json").json
    assert (edited["title"], edited["priority"]) == ("Say so", 7)
    needs = inside("task", "needs", f"{goal}/after", "write", "--json").json["needs"]
    assert needs == [["write", "done"]]
    assert "needs nothing" in inside("task", "needs", f"{goal}/after").out
    done = inside("task", "edit", f"{goal}/write", "--title", "x", "--json")
    assert (done.code, done.json["error"]["code"]) == (4, "illegal_move")
    cycle = inside("task", "needs", f"{goal}/write", "after", "--json")
    assert cycle.code == 4, "a task that is done is read-only before anything else"
    for words in (
        ("edit", "t-1"),
        ("edit", "t-1", "build"),
        ("needs", "t-1", "--title", "x"),
        ("edit", "t-1", "--title", " "),
        ("edit", "t-1", "--title", "x", "--into", "root"),
        ("move", "t-1", "--before", "a", "--after", "b"),
        ("add", goal),
    ):
        assert inside("task", *words).code == 2
    (project / "more.yaml").write_text("tasks:\n  - {id: x, run: 'true'}\n  - {id: y, run: 'true', needs: [x]}\n")
    added = inside("task", "add", goal, "more.yaml", "--before", "after", "--json").json
    assert (added["group"], [row["key"] for row in added["tasks"]]) == ("root", ["x", "y"])
    wrong = inside("task", "add", goal, "more.yaml", "--json")
    assert wrong.code == 2
    assert "more.yaml:2: the id `x` is taken by another task of the goal" in wrong.json["error"]["message"]
    moved = inside("task", "move", f"{goal}/y", "--after", "after")
    assert moved.out == "y: y, in root, priority 0, needs x\n"
    assert [node["key"] for node in inside("tree", goal, "--json").json["children"]][-3:] == ["x", "after", "y"]
    assert inside("set", "engine.max_parallel=2", "--json").json["max_parallel"] == 2
    assert inside("set", "engine.max_parallel=none").code == 2
    assert inside("set", "engine.shutdown_grace=1s").code == 2
    assert inside("set", "nonsense").code == 2
    assert 'pilothouse_goals{state="active"} 1.0' in inside("metrics").out
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert inside("set", "engine.max_parallel=2").code == 69
    assert "pilothouse_goals" in inside("metrics", "--json").json["metrics"]
