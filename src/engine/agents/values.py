"""Values of a record whose shape nobody vouches for: what fits is used, the rest is nothing."""

import math
from collections.abc import Mapping

MOST = 1e9  # tokens or dollars one record may speak of; more is nonsense
SHORT = 160  # characters of an action


def number(value: object) -> float | None:
    """A finite number; truth values are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return 1e300 if value > 0 else -1e300
    return found if math.isfinite(found) else None


def amount(value: object) -> float:
    """What was spent, 0 for what is no amount."""
    found = number(value)
    return found if found is not None and 0 <= found <= MOST else 0.0


def count(value: object) -> int:
    return int(amount(value))


def table(value: object) -> Mapping[str, object]:
    """A mapping, empty for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Mapping[str, object]]:
    """The mappings of a list."""
    return [table(item) for item in value] if isinstance(value, list) else []


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def brief(*words: str) -> str:
    """One line of what was done, cut to a bound."""
    line = " ".join(" ".join(word[: 4 * SHORT].split()) for word in words if word)
    return line if len(line) <= SHORT else line[: SHORT - 1] + "…"
