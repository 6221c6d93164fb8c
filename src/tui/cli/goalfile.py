"""The goal file of a verb: read, checked and turned into a request before anything is made."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import Invalid

if TYPE_CHECKING:
    from engine.api import CreateGoal, PlanView
    from engine.settings import Settings
    from tui.cli.call import Call

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


@dataclass(frozen=True)
class GoalText:
    """A goal file as it was read; a relative `repo:` starts at `folder`, None: where the file is."""

    source: str
    path: str
    folder: str | None = None


def goal_text(call: "Call", file: str | None, template: str | None) -> GoalText:
    """The goal file of a verb, or its template; Invalid unless it is one of them."""
    if (file is None) == (template is None):
        raise Invalid("which goal? FILE, or --template NAME", hint="`pilothouse template list`")
    if file is not None:
        return GoalText(*read_goal_file(file))
    from engine.local.planning import read_template
    from tui.cli.session import here_only

    assert template is not None
    here_only(call, "--template")
    found = read_template(call.paths, template)
    return GoalText(found.source, str(found.path), str(call.paths.root))


def checked_request(
    text: GoalText, given: Mapping[str, str], settings: "Settings", *, skip: Sequence[str] = (), **attrs: object
) -> "CreateGoal":
    """What to ask of the engine; raises InvalidGoalFile, or Invalid for what cannot be skipped, before any engine was
    started."""
    from engine.api import CreateGoal

    plan_of(text, given, settings, skip)
    values = {"source": text.source, "path": text.path, "folder": text.folder, "variables": dict(given)}
    return CreateGoal.model_validate({**values, "skip": skip, **attrs})


def again_request(
    goal: str, file: str | None, template: str | None, given: Mapping[str, str], **attrs: object
) -> "CreateGoal":
    """What to ask of the engine to start a goal over; Invalid beside a file or a template."""
    from engine.api import CreateGoal

    if file is not None or template is not None:
        raise Invalid("--again starts a goal over as it was: FILE and --template have no place beside it",
                      hint="one of FILE, --template NAME and --again GOAL")  # fmt: skip
    return CreateGoal.model_validate({"again": goal, "variables": dict(given), **attrs})


def plan_of(text: GoalText, given: Mapping[str, str], settings: "Settings", without: Sequence[str] = ()) -> "PlanView":
    """What a goal file would do; `without`: keys of tasks to be left out, checked only."""
    from engine.local.planning import read_plan

    return read_plan(text.source, text.path, dict(given), settings, text.folder, without)


def read_fragment(file: str) -> tuple[str, str]:
    """The text of a file with tasks and the name to call it by; `-` is what comes in."""
    if file != "-":
        return read_goal_file(file)
    data = sys.stdin.buffer.read(LARGEST + 1)
    return _decoded(data, "what comes in"), "-"


def read_goal_file(file: str) -> tuple[str, str]:
    """The text of a goal file and its absolute path; Invalid when it cannot be one. Blocks."""
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
    return _decoded(data, file), str(path)


def _decoded(data: bytes, file: str) -> str:
    if len(data) > LARGEST:
        raise Invalid(f"{file} is larger than {LARGEST:,} bytes", hint="is this a goal file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from error
