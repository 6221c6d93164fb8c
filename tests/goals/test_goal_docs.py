"""The page on goal files names every key and default there is, and its example is one."""

import re
from pathlib import Path

import pytest
from goal_texts import parsed

from engine.goals import keys
from engine.model import (
    FieldType,
    GateKind,
    GateSpec,
    OnDeadline,
    OnFailure,
    OnReject,
    Order,
    ReviewWord,
    Risk,
    Runtime,
    SandboxLimits,
    Then,
    VerdictKind,
)
from engine.units import format_duration

PAGE = (Path(__file__).parents[2] / "docs" / "goal-files.md").read_text(encoding="utf-8")
ROWS = {match[1]: match[0] for match in re.finditer(r"^\| `(\w+)` \|.*$", PAGE, re.MULTILINE)}


@pytest.mark.parametrize(
    "place",
    [keys.GOAL, keys.POLICY, keys.TASK, keys.GATE, keys.SANDBOX, keys.ON_REJECT, keys.TESTERS],
    ids=lambda p: p.known[0],
)
def test_r130_every_key_stands_on_the_page(place: keys.Keys) -> None:
    assert set(place.known) <= set(ROWS)


def test_every_word_of_a_closed_vocabulary_stands_on_the_page() -> None:
    for word in (
        *Order,
        *OnFailure,
        *OnDeadline,
        *Risk,
        *Runtime,
        *GateKind,
        *FieldType,
        *VerdictKind,
        *ReviewWord,
        *Then,
    ):
        assert f"`{word}`" in PAGE


def test_defaults_on_the_page_are_the_real_ones() -> None:
    limits = SandboxLimits()
    assert f"`{limits.image}`" in ROWS["image"]
    assert (f"`{limits.memory // 1024**2}m`" in ROWS["memory"], f"`{limits.pids}`" in ROWS["pids"]) == (True, True)
    assert (f"`{limits.cpus}`" in ROWS["cpus"], f"`{limits.network}`" in ROWS["network"]) == (True, True)
    for name in ("timeout", "idle_timeout"):
        assert f"| `{format_duration(getattr(limits, name))}` |" in ROWS[name]
    assert f"| `{GateSpec().on_deadline}` |" in ROWS["on_deadline"]
    assert f"| `{GateSpec().risk}` |" in ROWS["risk"]
    assert f"| `{OnReject(rework='x').max_cycles}` |" in ROWS["max_cycles"]
    assert f"| `{OnReject(rework='x').then}` |" in ROWS["then"]


def test_the_example_on_the_page_is_a_goal() -> None:
    example = re.search(r"```yaml\n(goal: .*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert [task.id for task in parsed(example[1]).root.tasks] == ["build", "checks", "ship", "land"]
