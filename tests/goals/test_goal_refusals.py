"""Bad goal files: every problem in one answer, each with its line and what to do."""

import pytest
from goal_texts import only_problem, parsed, problems

GOOD = "goal: g\ntasks:\n"

REFUSED = [
    ("goal: g\n", "1: the goal has nothing to do; add `tasks:`"),
    ("tasks: [{id: a, run: x}]\n", "1: the file has no `goal`"),
    ("goal:\nrun: x\n", "1: `goal` is empty"),
    ("goal: g\ntasks: []\n", "2: the goal has no tasks"),
    ("goal: g\ntasks: {id: a}\n", "2: `tasks` is not a list"),
    ("goal: g\nrun: x\ntasks: [{id: a, run: y}]\n", "2: the goal has both `run` and `tasks`"),
    ("goal: g\nretries: 2\ntasks: [{id: a, run: x}]\n", "2: `retries` beside `tasks` has no meaning"),
    ("goal: g\ntaks: []\nrun: x\n", "2: a goal file has no key `taks`; did you mean `tasks`?"),
    ("- a\n", "1: the file is not a mapping"),
    ("goal: g\nrun: x\npolicy: fast\n", "3: `policy` is not a mapping"),
    (
        "goal: g\nrun: x\npolicy: {max_paralel: 2}\n",
        "3: `policy` has no key `max_paralel`; did you mean `max_parallel`?",
    ),
    ("goal: g\nrun: x\npolicy: {max_parallel: 0}\n", "3: `max_parallel` is `0`; write a whole number from 1 to 1000"),
    ("goal: g\nrun: x\nruntime: podman\n", "3: `runtime` is `podman`; write `auto`, `docker`, `process`"),
    ("goal: g\nrun: x\ndefaults: {image: a}\n", "3: `defaults` has no key `image`"),
    (GOOD + "- just text\n", "3: a task is not a mapping"),
    (GOOD + "- run: x\n", "3: a task has no `id`"),
    (GOOD + "- id: Build\n  run: x\n", "3: `Build` is not an id"),
    (GOOD + "- id: a\n", "3: a task does nothing; add `run:`"),
    (
        GOOD + "- id: a\n  run: x\n  gate: {kind: human_approval, question: q}\n",
        "3: a task has `run`, `gate`; keep one",
    ),
    (GOOD + "- id: a\n  run: []\n", "4: `run` is an empty list"),
    (GOOD + "- id: a\n  run: {a: b}\n", "4: `run` is a list or a mapping where text belongs"),
    (GOOD + "- id: a\n  run: [[x]]\n", "4: an item of `run` is a list"),
    (GOOD + "- id: a\n  tasks: []\n", "4: the group `a` has no tasks"),
    (
        GOOD + "- id: a\n  run: x\n  order: parallel\n",
        "5: `order` has no meaning beside `run`; it belongs to a task with",
    ),
    (GOOD + "- id: a\n  tasks: [{id: b, run: x}]\n  retries: 1\n", "5: `retries` has no meaning beside `tasks`"),
    (GOOD + "- id: a\n  run: x\n  retries: -1\n", "5: `retries` is `-1`"),
    (GOOD + "- id: a\n  run: x\n  retries: many\n", "5: `retries` is `many`; write a whole number from 0 to 100"),
    (
        GOOD + "- id: a\n  run: x\n  requires_approval: maybe\n",
        "5: `requires_approval` is `maybe`; write true or false",
    ),
    (GOOD + "- id: a\n  run: x\n  artifacts: [../../etc/passwd]\n", "5: artifact `../../etc/passwd` leaves the work"),
    (GOOD + "- id: a\n  run: x\n  needs: b\n", "5: `needs` is not a list; write `needs: [a, b]`"),
    (GOOD + "- id: a\n  merge: {into: main}\n", "3: `a` merges, and the goal has no `repo`"),
    ("goal: g\nrepo: .\ntasks:\n- id: a\n  merge: {into: -x}\n", "5: `-x` is not a branch name"),
    ("goal: g\nrepo: .\ntasks:\n- id: a\n  merge: {into: a..b}\n", "5: `a..b` is not a branch name"),
    ("goal: g\nrepo: .\ntasks:\n- id: a\n  merge: main\n", "5: `merge` is not a mapping; write `merge: {into: main}`"),
    (GOOD + "- id: a\n  gate: {question: q}\n", "4: the gate has no `kind`"),
    (GOOD + "- id: a\n  gate: {kind: human, question: q}\n", "4: `kind` is `human`; write `human_approval`"),
    (
        GOOD + "- id: a\n  gate: {kind: human_approval, question: q, risk: no}\n",
        "4: `risk` is `no`; write `low`, `normal`",
    ),
    (
        GOOD + "- id: a\n  gate: {kind: human_approval, question: q, on_deadline: fail}\n",
        "`on_deadline` without `deadline`",
    ),
    (
        GOOD + "- id: a\n  gate: {kind: human_approval, question: q, deadline: soon}\n",
        "a duration such as 90s, 10m or 2h",
    ),
    (
        GOOD + "- id: a\n  tasks: [{id: b, run: x}]\n  require: 2\n",
        "5: `require` is `2`; write all, any or a number from 1 to 1",
    ),
    (GOOD + "- id: a\n  tasks: [{id: b, run: x}]\n  require: 0\n", "5: `require` is `0`"),
    (GOOD + "- {id: a, run: x}\n- {id: a, run: y}\n", "4: the id `a` is taken by line 3"),
    (GOOD + "- {id: root, run: x}\n", "3: the id `root` is the goal's own"),
    (
        GOOD + "- {id: buil, run: x}\n- {id: b, run: y, needs: [build]}\n",
        "4: `b` needs `build`, which is no task; did you",
    ),
    (GOOD + "- {id: a, run: x}\n- {id: b, run: y, needs: [a, a]}\n", "4: `b` needs `a` twice"),
    ("goal: g\nrun: x\nsandbox: {memory: 512mm}\n", "3: `memory` is `512mm`; write a size such as 512m or 2g"),
    ("goal: g\nrun: x\nsandbox: {memory: 4m}\n", "3: `memory` is `4m`"),
    ("goal: g\nrun: x\nsandbox: {memory: " + "9" * 400 + "g}\n", "3: `memory` is `999"),
    ("goal: g\nrun: x\nsandbox: {timeout: 90x}\n", "3: `timeout` is `90x`; write a duration"),
    ("goal: g\nrun: x\nsandbox: {timeout: 0}\n", "3: `timeout` is `0`"),
    ("goal: g\nrun: x\nsandbox: {cpus: nan}\n", "3: `cpus` is `nan`"),
    ("goal: g\nrun: x\nsandbox: {cpus: inf}\n", "3: `cpus` is `inf`"),
    ("goal: g\nrun: x\nsandbox: {image: '-v /:/host'}\n", "3: `-v /:/host` is not an image name"),
    ("goal: g\nrun: x\nenv: {1A: b}\n", "3: `1A` is not a variable name"),
    ("goal: g\nrun: x\nenv: {PILOTHOUSE_TOKEN: b}\n", "3: `PILOTHOUSE_TOKEN` is set by Pilothouse itself"),
    ("goal: g\nrun: x\nenv: {A: [b]}\n", "3: `A` is a list or a mapping where text belongs"),
    ('goal: g\nrun: "a\\0b"\n', "2: `run` has a NUL character"),
    ("goal: g\nrun: " + "x" * 100_001 + "\n", "2: `run` has a NUL character or over 100,000 characters"),
    ("goal: g\nrun: x\nenv: {A: &a b}\n<<: {}\n", "4: merge keys (`<<`) are not available"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=[said[:60] for _, said in REFUSED])
def test_r112_a_bad_file_is_refused_with_its_line_and_what_to_do(text: str, said: str) -> None:
    assert said in only_problem(text)


@pytest.mark.parametrize("key", ["when", "acceptance", "leases", "batch"])
def test_keys_of_a_later_version_say_so(key: str) -> None:
    said = only_problem(f"goal: g\ntasks:\n- id: a\n  run: x\n  {key}: something\n")
    assert said.startswith(f"5: `{key}` is not available in this version; ")


@pytest.mark.parametrize(
    "line",
    [
        "agents: {}",
    ],
)
def test_values_of_a_later_version_say_so(line: str) -> None:
    assert "not available in this version" in only_problem(f"goal: g\nrun: x\n{line}\n")


@pytest.mark.parametrize(
    "option",
    [
        "privileged", "cap_add", "devices", "network_mode", "pid", "pid_mode", "ipc", "ipc_mode", "uts", "uts_mode",
        "userns", "userns_mode", "security_opt", "sysctls", "volumes_from", "volumes", "binds", "mounts", "user",
        "cgroup_parent", "ports", "group_add",
    ],
)  # fmt: skip
def test_case_40_an_option_that_opens_the_sandbox_is_refused_with_its_reason(option: str) -> None:
    for place in (f"sandbox: {{{option}: x}}", f"defaults: {{sandbox: {{{option}: x}}}}"):
        said = only_problem(f"goal: g\nrun: x\n{place}\n")
        assert said.startswith(f"3: `{option}` is refused: ")
        assert said.endswith("; remove it")


@pytest.mark.parametrize("network", ["host", "container:abc", "ns:/proc/1/ns/net", "a b", "../x"])
def test_case_40_a_foreign_network_is_refused(network: str) -> None:
    assert "network" in only_problem(f"goal: g\nrun: x\nsandbox: {{network: '{network}'}}\n")


@pytest.mark.parametrize("network", ["none", "open", "build-net_1"])
def test_networks_that_a_sandbox_may_have(network: str) -> None:
    assert parsed(f"goal: g\nrun: x\nsandbox: {{network: {network}}}\n").root.sandbox.network == network


def test_all_problems_come_in_one_answer_in_line_order() -> None:
    rows = problems("""\
        goal: g
        colour: red
        tasks:
          - id: A
            run: x
          - id: b
            run: x
            retries: lots
            needs: [c]
          - id: b
            sandbox: {memory: 1}
        """)
    assert [row.split(":")[0] for row in rows] == ["2", "4", "8", "9", "10", "10"]


def test_a_long_list_of_problems_is_cut_and_counted() -> None:
    rows = problems("goal: g\ntasks:\n" + "- nothing\n" * 80)
    assert len(rows) == 51
    assert rows[-1] == " and 30 more problems"


def test_foreign_text_in_a_problem_is_neutral_and_short() -> None:
    said = only_problem('goal: g\nrun: x\n"\\e]52;c;aGk=\\a[bold]' + "y" * 300 + '": 1\n')
    assert "\x1b" not in said
    assert len(said) < 400
