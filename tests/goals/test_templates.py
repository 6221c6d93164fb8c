"""Templates: which there are, what an instance carries, and how a wrong one is told (R39)."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.errors import Invalid, InvalidGoalFile, NotFound
from engine.goals import Origin, Template, parse_goal, template, templates
from engine.goals.keys import GOAL, TASK
from engine.model import GoalSpec, TaskKind, TaskSpec
from engine.units import parse_duration, parse_size

NOWHERE = Path("/nonexistent")
BUILT_IN = templates(NOWHERE)
NAMES = ["features", "parallel-docs", "pr-deployment", "pr-lifecycle", "repository-report", "sdlc", "self-healing"]
ODD = 'o\'dd $(x) "value" – 1'
CHOSEN = {
    "workers": "7",
    "testers": "2",
    "patience": "90",
    "network": "some-net",
    "agent": "writer",
    "author": "writer",
    "reviewer": "critic",
    "rounds": "4",
    "branch": "topic/y",
    "github": "octo/shop",
    "pr": "12",
    "into": "topic/x",
    "base": "old",
    "image": "agents:7",
}


def values(one: Template) -> dict[str, str]:
    """A value of its own for every variable."""
    return {variable.name: CHOSEN.get(variable.name, f"{ODD} {variable.name}") for variable in one.variables}


def instance(one: Template, **more: str) -> GoalSpec:
    return parse_goal(one.source, str(one.path), values(one) | more, folder="/srv")


def filled(value: Any, given: dict[str, str]) -> Any:
    """The template's own words with every variable put in, by nothing that the product uses."""
    if isinstance(value, str):
        return re.sub(r"\{\{\s*([\w-]+)\s*\}\}", lambda found: given[found[1]], value)
    if isinstance(value, dict):
        return {key: filled(inner, given) for key, inner in value.items()}
    return [filled(inner, given) for inner in value] if isinstance(value, list) else value


def test_the_built_in_templates_are_these() -> None:
    assert [one.name for one in BUILT_IN] == NAMES
    for one in BUILT_IN:
        assert (one.origin, one.problem) == (Origin.BUILT_IN, "")
        assert len(one.about) > 40
        assert one.title


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda one: one.name)
def test_r39_an_instance_carries_every_field_of_its_template(one: Template) -> None:
    given = values(one)
    document = filled(yaml.safe_load(one.source), given)
    spec = instance(one)
    assert set(document) <= set(GOAL.known)
    assert spec.title == document["goal"]
    assert spec.repo == str(Path("/srv") / document["repo"])
    assert spec.variables == given
    policy = document.get("policy", {})
    assert spec.policy.model_dump(mode="json", include=set(policy)) == {
        key: int(value) if key == "max_parallel" else value for key, value in policy.items()
    }
    shared = document.get("defaults", {}).get("sandbox", {})
    seen = [compare(task, said, shared) for task, said in zip(spec.root.tasks, document["tasks"], strict=True)]
    assert sum(seen) >= 4


def compare(task: TaskSpec, said: dict[str, Any], shared: dict[str, Any]) -> int:
    """Hold a task against the words of its template, key by key; how many tasks were compared."""
    assert set(said) <= set(TASK.known)
    for key, value in said.items():
        match key:
            case "tasks":
                continue
            case "run" if isinstance(value, list):
                assert task.run == tuple(map(str, value))
            case "artifacts" | "needs":
                assert getattr(task, key) == tuple(value)
            case "sandbox":
                continue
            case "gate" | "merge":
                part = getattr(task, key)
                assert part is not None
                assert said_of(part.model_dump(mode="json"), value) == value
            case "on_reject":
                assert task.on_reject is not None
                assert {name: str(part) for name, part in task.on_reject} == value
            case "testers":
                assert task.testers is not None
                assert task.testers.work.run == tuple(map(str, value["run"]))
                assert (task.testers.ratio, task.testers.max) == (value["ratio"], int(value["max"]))
                assert set(value) == {"run", "ratio", "max"}
            case "prompt":
                assert task.prompt.strip() == value.strip()
            case _:
                assert getattr(task, key) == value, (task.id, key)
    if task.sandboxed:
        for key, value in {**shared, **said.get("sandbox", {})}.items():
            assert getattr(task.sandbox, key) == measured(key, value), (task.id, key)
    assert (task.kind is TaskKind.GROUP) == ("tasks" in said or "planned_by" in said)
    inner = zip(task.tasks, said.get("tasks", []), strict=True)
    return 1 + sum(compare(child, words, shared) for child, words in inner)


def said_of(part: Any, value: Any) -> Any:
    """What is there of what a template says, with a number as the text that stood for it."""
    if isinstance(value, dict):
        return {key: said_of(part[key], inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [said_of(one, inner) for one, inner in zip(part, value, strict=True)]
    return str(part) if isinstance(value, str) and isinstance(part, int) else part


def measured(key: str, value: Any) -> Any:
    match key:
        case "memory":
            return parse_size(value)
        case "timeout" | "idle_timeout":
            return parse_duration(value)
        case _:
            return value


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda one: one.name)
def test_r39_every_variable_of_a_template_is_used_and_told_of(one: Template) -> None:
    for variable in one.variables:
        assert re.search(rf"\{{\{{\s*{variable.name}\s*\}}\}}", one.source), variable.name
        assert variable.about, variable.name


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda one: one.name)
def test_r39_an_unknown_variable_is_an_error_with_its_line(one: Template) -> None:
    with pytest.raises(InvalidGoalFile, match=rf"{one.name if one.name != 'repository-report' else 'goal'}.yaml:\d+: "
                                              r"--set `moon`: the file declares no such variable"):  # fmt: skip
        instance(one, moon="full")


@pytest.mark.parametrize("one", BUILT_IN, ids=lambda one: one.name)
def test_r39_a_required_variable_is_named(one: Template) -> None:
    required = [variable.name for variable in one.variables if variable.default is None]
    if not required:
        assert parse_goal(one.source, str(one.path), {}).title
        return
    with pytest.raises(InvalidGoalFile) as refused:
        parse_goal(one.source, str(one.path), {})
    lines = str(refused.value).splitlines()
    for name in required:
        assert any(re.search(rf"\.yaml:\d+: variable `{name}` has no value", line) for line in lines), name


def test_a_template_of_the_project_hides_a_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "features.yaml").write_text(
        "# Ours.\ngoal: ours\nvars:\n  who: world   # whom\n  why:\nrun: echo {{ who }}\n"
    )
    found = template(tmp_path, "features")
    assert (found.origin, found.title, found.about) == (Origin.PROJECT, "ours", "Ours.")
    assert [(v.name, v.default, v.about) for v in found.variables] == [("who", "world", "whom"), ("why", None, "")]
    assert [one.name for one in templates(tmp_path)] == NAMES


def test_r16_one_that_cannot_be_read_breaks_no_list(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"goal: caf\xe9\n")
    (tmp_path / "broken.yaml").write_text("goal: [")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "Not A Name.yaml").write_text("goal: x\n")
    found = {one.name: one.problem for one in templates(tmp_path)}
    assert {name for name, problem in found.items() if problem} == {"latin", "broken", "folder"}
    for name in ("latin", "broken", "folder"):
        with pytest.raises(Invalid, match=name):
            template(tmp_path, name)


@pytest.mark.parametrize("name", ["nothing", "../features", "features.yaml", "", "/etc/passwd"])
def test_r45_a_name_is_looked_up_and_never_a_path(name: str) -> None:
    with pytest.raises(NotFound, match="no template"):
        template(NOWHERE, name)
