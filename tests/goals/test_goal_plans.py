"""A plan says what a goal file would do, in order, with limits in words."""

from goal_texts import parsed

from engine.goals import plan
from engine.model import Order, TaskKind

TREE = """\
    goal: Ship it
    repo: /code
    vars: {who: world}
    policy: {max_parallel: 2}
    tasks:
      - {id: build, run: "make {{ who }}\\nmake more", retries: 2}
      - id: checks
        order: parallel
        require: any
        tasks:
          - {id: unit, run: pytest}
          - id: slow
            tasks:
              - {id: setup, run: x, sandbox: {memory: 2g, cpus: 0.5, network: open, image: img:1}}
              - {id: soak, run: x}
      - {id: ok, gate: {kind: human_approval, question: Ship?, deadline: 90m, on_deadline: remind}}
      - {id: land, merge: {into: main}}
    """


def test_rows_come_depth_first_with_steps_and_depths() -> None:
    view = plan(parsed(TREE))
    assert [(row.key, row.depth, row.step) for row in view.tasks] == [
        ("build", 0, 1),
        ("checks", 0, 2),
        ("unit", 1, 2),
        ("slow", 1, 2),
        ("setup", 2, 2),
        ("soak", 2, 3),
        ("ok", 0, 4),
        ("land", 0, 5),
    ]
    assert (view.title, view.repo, view.max_parallel, view.variables) == ("Ship it", "/code", 2, {"who": "world"})
    assert (view.tasks[1].kind, view.tasks[1].order) == (TaskKind.GROUP, Order.PARALLEL)


def test_the_critical_path_is_the_chain_with_the_most_work() -> None:
    view = plan(parsed(TREE))
    assert view.critical_path == ("build", "setup", "soak", "ok", "land")
    assert [row.key for row in view.tasks if not row.critical] == ["unit"]


def test_needs_decide_the_step_among_parallel_tasks() -> None:
    view = plan(
        parsed("""\
        goal: g
        policy: {order: parallel}
        tasks:
          - {id: a, run: x}
          - {id: b, run: x, needs: [c]}
          - {id: c, run: x, needs: [a]}
          - {id: d, run: x}
        """)
    )
    assert [(row.key, row.step, row.needs) for row in view.tasks] == [
        ("a", 1, ()),
        ("b", 3, ("c",)),
        ("c", 2, ("a",)),
        ("d", 1, ()),
    ]
    assert view.critical_path == ("a", "c", "b")


def test_what_a_task_does_and_its_limits_are_said_in_words() -> None:
    rows = {row.key: row for row in plan(parsed(TREE)).tasks}
    assert rows["build"].does == "make world…"
    assert rows["build"].limits == "512 MB · 1 cpu · 512 processes · no network · 30m, idle 10m · 2 retries"
    assert rows["setup"].limits.startswith("2 GB · 0.5 cpu · 512 processes · network open · 30m")
    assert rows["setup"].limits.endswith("image img:1")
    assert rows["checks"].does == "2 tasks, parallel, any of them must be done"
    assert rows["ok"].does == "asks: Ship?"
    assert rows["ok"].limits == "1h 30m, then remind · risk normal · changes go to soak"
    assert (rows["land"].does, rows["land"].limits) == ("merge into main", "by the engine")


def test_a_goal_without_tasks_is_one_row() -> None:
    view = plan(parsed("goal: Say hello\nrun: echo hello\n"))
    assert [(row.key, row.title, row.depth, row.step, row.does) for row in view.tasks] == [
        ("root", "Say hello", 0, 1, "echo hello")
    ]
    assert view.critical_path == ("root",)


def test_long_commands_are_cut() -> None:
    row = plan(parsed("goal: g\nrun: " + "x" * 500 + "\n")).tasks[0]
    assert len(row.does) == 72
    assert row.does.endswith("…")


def test_a_gate_says_whom_or_what_it_waits_for() -> None:
    view = plan(
        parsed("""\
        goal: g
        tasks:
          - {id: make, run: x, requires_approval: true}
          - {id: where, gate: {kind: choice, question: Where to?, options: [here, there]}}
          - {id: ci, gate: {kind: gh_ci, repo: o/r, pr: 12, deadline: 2h, poll: off}}
          - {id: said, gate: {kind: webhook, name: deploy.done, key: k1}}
          - {id: later, gate: {kind: timer, wait: 12h}}
          - id: both
            gate:
              kind: all
              gates:
                - {kind: gh_review, repo: o/r, pr: 12}
                - {kind: any, gates: [{kind: human_approval, question: Go?}, {kind: timer, wait: 1h}]}
          - {id: quiet, gate: {kind: n_of, n: 1, gates: [{kind: webhook, name: a}, {kind: webhook, name: b}]}}
        """)
    )
    rows = {row.key: (row.does, row.limits) for row in view.tasks}
    assert rows["make"][1].endswith("idle 10m · its result waits for a person")
    assert rows["where"] == ("asks: Where to? (here, there)", "no deadline · risk normal · changes go to make")
    assert rows["ci"] == ("waits for CI of o/r#12", "2h, then fail · by signals only")
    assert rows["said"] == ("waits for webhook deploy.done with key k1", "no deadline")
    assert rows["later"] == ("waits for timer of 12h", "")
    assert rows["both"] == (
        "waits for all of: review of o/r#12, (any of: Go?, timer of 1h)",
        "no deadline · risk normal · changes go to make",
    )
    assert rows["quiet"] == ("waits for 1 of: webhook a, webhook b", "no deadline")
