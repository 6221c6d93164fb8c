"""The goal file of a verb: read, checked and turned into a request before anything is made."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Invalid

if TYPE_CHECKING:
    from engine.api import CreateGoal, PlanView

LARGEST = 2_000_000  # bytes; the engine takes no more


def variables(given: Iterable[str]) -> dict[str, str]:
    """`--set k=v` as a mapping; Invalid for anything without a name and `=`."""
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise Invalid(f"--set {text[:80]!r} is not k=v", hint="--set who=world")
        pairs[name.strip()] = value
    return pairs


def checked_request(file: str, given: Mapping[str, str], **attrs: object) -> "CreateGoal":
    """What to ask of the engine; raises InvalidGoalFile before any engine was started."""
    from engine.api import CreateGoal

    source, path = _read(file)
    _plan(source, path, given)
    return CreateGoal.model_validate({"source": source, "path": path, "variables": dict(given), **attrs})


def plan_of(file: str, given: Mapping[str, str]) -> "PlanView":
    """What a goal file would do."""
    return _plan(*_read(file), given)


def _plan(source: str, path: str, given: Mapping[str, str]) -> "PlanView":
    from engine.local import read_plan

    return read_plan(source, path, dict(given))


def _read(file: str) -> tuple[str, str]:
    path = Path(file)
    try:
        if path.is_dir():
            raise Invalid(f"{file} is a folder", hint="name the goal file in it")
        with path.open("rb") as opened:
            data = opened.read(LARGEST + 1)
        path = path.resolve()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise Invalid(f"cannot read {file}: {reason}", hint="FILE is a goal file in YAML") from error
    if len(data) > LARGEST:
        raise Invalid(f"{file} is larger than {LARGEST:,} bytes", hint="is this a goal file?")
    try:
        return data.decode("utf-8-sig"), str(path)
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error
