"""Durations and sizes: what people write is what is meant, and anything else is a ValueError."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("1d", 86400), (7, 7)],
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("512m", 512 * 2**20), ("2g", 2 * 2**30), ("64k", 65536), ("1.5G", 1.5 * 2**30), ("10", 10), (9, 9)],
)
def test_sizes(text: object, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "m",
        "10 m",
        "ten",
        "-5s",
        "5s!",
        "1m2",
        True,
        None,
        [],
        "9" * 400 + "s",
        -1,
        float("inf"),
        float("nan"),
    ],
)
def test_r112_what_is_no_duration_is_a_value_error(text: object) -> None:
    with pytest.raises(ValueError, match="90s, 10m or 2h"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "m", "5 m", "-5", "1e9", "5x", True, None, [], "9" * 400 + "g", -1, float("inf")])
def test_r112_what_is_no_size_is_a_value_error(text: object) -> None:
    with pytest.raises(ValueError, match="512m or 2g"):
        parse_size(text)


@given(st.text(max_size=30))
def test_any_text_parses_or_raises_value_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        try:
            assert parse(text) >= 0
        except ValueError:
            continue


@given(st.integers(0, 10**9), st.sampled_from("smhd"))
def test_a_written_duration_round_trips(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == number * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


@given(st.integers(0, 10**8))
def test_a_shown_duration_parses_to_what_it_shows(seconds: int) -> None:
    shown = parse_duration(format_duration(seconds).replace(" ", ""))
    coarsest = 1 if seconds < 600 else 60 if seconds < 86400 else 3600
    assert seconds - coarsest < shown <= seconds


@given(st.integers(0, 2**50))
def test_a_shown_size_parses_to_within_its_last_digit(count: int) -> None:
    shown = parse_size(format_size(count).replace(" ", ""))
    assert shown == pytest.approx(count, rel=0.051)


@given(st.integers(1, 1023), st.sampled_from(["KB", "MB", "GB", "TB"]))
def test_a_whole_size_round_trips(number: int, unit: str) -> None:
    text = f"{number}{unit[0].lower()}"
    assert format_size(parse_size(text)) == f"{number} {unit}"
