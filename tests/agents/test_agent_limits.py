"""Times of a rate limit as providers write them (R34), and how an agent is launched."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from engine.agents import Limit, launch
from engine.agents.limits import moment, seconds
from engine.dispatch.limits.cooldowns import LONGEST, clamped
from engine.errors import Invalid
from engine.model import AgentProfile
from engine.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = NOW.timestamp()
FLOOR = 30.0


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        (90, 90.0),
        (90.5, 90.5),
        ("90", 90.0),
        (0, 0.0),
        (-3, -3.0),
        ("-3", -3.0),
        (10**400, 1e300),
        (None, None),
        (True, None),
        ("soon", None),
        ("", None),
        ("9" * 400, None),
        (float("nan"), None),
        ("nan", None),
        ("inf", None),
        ([5], None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_r34_retry_after_is_a_number_of_seconds_or_nothing(value: object, wait: float | None) -> None:
    assert seconds(value) == wait


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (AT + 60, AT + 60),
        (int(AT), AT),
        (str(int(AT)), AT),
        (int(AT) * 1000, AT),
        (-1, -1.0),
        (0, 0.0),
        ("2026-03-01T12:00:00Z", AT),
        ("2026-03-01T13:00:00+01:00", AT),
        ("2026-03-01T12:00:00.000Z", AT),
        ("2026-03-01T12:00:00", None),
        ("2026-03-01", None),
        ("tomorrow", None),
        ("9" * 30, float("9" * 30) / 1000),
        (10**400, 1e297),
        ({}, None),
        (False, None),
        ("9999-12-31T23:59:59-23:59", None),
    ],
)
def test_r34_a_reset_time_has_a_zone_or_is_seconds_since_the_epoch(value: object, at: float | None) -> None:
    found = moment(value)
    if value == "9999-12-31T23:59:59-23:59":
        assert found is None or found > AT  # beyond the calendar, by the platform
    else:
        assert found == (None if at is None else pytest.approx(at))


@pytest.mark.parametrize(
    ("limit", "waited"),
    [
        (Limit(), FLOOR),
        (Limit(wait=0), FLOOR),
        (Limit(wait=-60), FLOOR),
        (Limit(wait=5), FLOOR),
        (Limit(wait=300), 300.0),
        (Limit(wait=1e300), LONGEST),
        (Limit(reset=AT - 3600), FLOOR),
        (Limit(reset=0), FLOOR),
        (Limit(reset=AT), FLOOR),
        (Limit(reset=AT + 600), 600.0),
        (Limit(reset=AT + 10 * LONGEST), LONGEST),
        (Limit(reset=1e297), LONGEST),
        (Limit(wait=300, reset=AT + 600), 300.0),
    ],
)
def test_r34_table_of_reset_values_against_waits(limit: Limit, waited: float) -> None:
    assert clamped(limit.seconds(NOW), 1, FLOOR) == waited


def test_a_prompt_is_one_word_and_is_never_looked_through_again() -> None:
    profile = AgentProfile(argv=("agent", "--file={prompt_file}", "-p", "{prompt}", "{other}", "{}"))
    prompt = "; rm -rf $HOME {prompt_file} {prompt}\n'\""
    assert launch(profile, prompt, "/run/p.txt") == ("agent", "--file=/run/p.txt", "-p", prompt, "{other}", "{}")


def test_a_prompt_too_long_for_one_argument_says_so() -> None:
    with pytest.raises(Invalid, match=r"longer than 131,071 bytes") as refused:
        launch(AgentProfile(argv=("agent", "{prompt}")), "ä" * 70_000, "/run/p.txt")
    assert "{prompt_file}" in refused.value.hint
    assert launch(AgentProfile(argv=("agent", "{prompt_file}")), "ä" * 70_000, "/p") == ("agent", "/p")


@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"argv": []},
        {"argv": [" "]},
        {"argv": ["a\0"]},
        {"argv": "agent"},
        {"argv": ["a"], "output": "xml"},
        {"argv": ["a"], "max_parallel": 0},
        {"argv": ["a"], "network": "host"},
        {"argv": ["a"], "network": "container:x"},
        {"argv": ["a"], "env": {"PILOTHOUSE_TOKEN": "x"}},
        {"argv": ["a"], "env": {"A B": "x"}},
        {"argv": ["a"], "shell": 1},
        {"argv": ["a"], "memory": "1k"},
        {"argv": ["a"], "provider": "../x"},
    ],
)
def test_a_profile_that_cannot_work_is_refused_with_its_name(profile: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"agents": {"mine": profile}})
    assert refused.value.errors()[0]["loc"][:2] == ("agents", "mine")


@pytest.mark.parametrize("name", ["", "Upper", "a/b", "a b", "-a", "x" * 101])
def test_a_profile_has_a_name_that_can_be_written_anywhere(name: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"agents": {name: {"argv": ["a"]}}})
