"""What every verb gets: where the project is, how to answer, and the types its arguments are parsed into."""

import functools
import re
import shlex
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from engine.errors import ExitCode, Invalid

if TYPE_CHECKING:
    from engine.local import ProjectPaths
    from engine.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
# An id, a prefix of one, a key, or GOAL/KEY. Nothing else leaves the command line (HARDENING fact 1).
REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}(?:/[A-Za-z0-9][A-Za-z0-9_.-]{0,127}){0,8}")


@dataclass
class Call:
    """The options that every verb takes, before or after its name."""

    as_json: bool = False
    folder: Path | None = None
    no_ui: bool = False

    @functools.cached_property
    def paths(self) -> "ProjectPaths":
        """The project: the folder that was named, else the nearest one upwards that has a project."""
        from engine.local import ProjectPaths, find_project

        return ProjectPaths(self.folder if self.folder is not None else find_project(Path.cwd()))

    @functools.cached_property
    def settings(self) -> "Settings":
        """All settings of the project; raises Invalid naming file and key."""
        from engine.settings import load_settings

        return load_settings(self.paths.settings)

    def command(self, *words: str) -> str:
        """A command line to show the operator, good to copy from the folder they stand in."""
        return shlex.join(["pilothouse", *self._place, *words])

    @functools.cached_property
    def _place(self) -> list[str]:
        from engine.local import find_project

        return [] if self.paths.root == find_project(Path.cwd()) else ["--project", str(self.paths.root)]


class Ref(click.ParamType[str]):
    """A reference to a goal, task, run, decision or sandbox; hostile text ends here with exit code 2."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if REF.fullmatch(value) is None or ".." in value:
            shown = value if len(value) <= 60 else value[:60] + "…"
            raise Invalid(
                f"{shown!r} is not an id", hint="an id such as t-8k2m0q7xwz, a unique prefix of one, or GOAL/KEY"
            )
        return value


class Moment(click.ParamType[datetime]):
    """A length of time ago (`10m`) or an ISO time; becomes an aware UTC time."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:

        from engine.units import parse_duration

        try:
            return datetime.now(UTC) - timedelta(seconds=parse_duration(value))
        except (ValueError, OverflowError):
            pass
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is neither a length of time such as 10m nor a time such as 2030-01-31T12:00", param, ctx
            )


def _remember_json(ctx: click.Context, _: click.Parameter, given: bool) -> None:
    if given:
        ctx.ensure_object(Call).as_json = True


def _remember_folder(ctx: click.Context, _: click.Parameter, given: str | None) -> None:
    if given is not None:
        folder = Path(given).resolve()
        if not folder.is_dir():
            raise click.BadParameter(f"{given!r} is no folder", ctx=ctx, param_hint="--project")
        ctx.ensure_object(Call).folder = folder


def common_options() -> list[click.Parameter]:
    """`--json` and `--project`, for the group and for every verb."""
    return [
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_remember_json, help="Answer in JSON on stdout."
        ),
        click.Option(
            ["--project"],
            metavar="DIR",
            expose_value=False,
            callback=_remember_folder,
            help="The project's folder (default: the nearest one upwards with .pilothouse/, else this one).",
        ),
    ]


class Verb(click.Command):
    """A command that also takes the options of the group."""

    def __init__(self, *args: Any, **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.params.extend(common_options())


Work = Callable[Concatenate[Call, P], Coroutine[Any, Any, ExitCode | None]]


def verb(name: str, **attrs: Any) -> Callable[[Work[P]], Verb]:
    """Make a verb of a coroutine function; what it returns is the exit code, None is 0."""

    def wrap(work: Work[P]) -> Verb:
        @functools.wraps(work)
        def run(*args: P.args, **kwargs: P.kwargs) -> ExitCode:
            call = click.get_current_context().ensure_object(Call)
            return run_async(work(call, *args, **kwargs)) or ExitCode.DONE

        return click.command(name, cls=Verb, **attrs)(run)

    return wrap


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a new event loop; SIGTERM cancels it, so that what it holds is let go of."""
    import asyncio
    import signal

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def operator() -> str:
    """Who is at the terminal, for the record."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
