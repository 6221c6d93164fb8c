"""What every verb gets: where the project is, how to answer, and the types its arguments are parsed into."""

import functools
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from engine.errors import ExitCode, Invalid

if TYPE_CHECKING:
    from engine.local.project import ProjectPaths
    from engine.settings import Settings, SettingsSource

NAME = "pilothouse"
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
    address: str | None = None
    token_file: Path | None = None

    @functools.cached_property
    def engine(self) -> str | None:
        """The address of an engine that was named, by --engine or PILOTHOUSE_ENGINE; None: this project's own.

        A project that was named on the command line counts more than the variable.
        """
        import os

        if self.address is None and self.folder is None:
            return os.environ.get("PILOTHOUSE_ENGINE") or None
        return self.address

    @functools.cached_property
    def token(self) -> str | None:
        """The token for that engine, out of --token-file or PILOTHOUSE_TOKEN; raises Invalid for a file of no use."""
        import os

        if self.token_file is None:
            return os.environ.get("PILOTHOUSE_TOKEN") or None
        from engine.private import read_tokens

        return read_tokens(self.token_file)[0].token

    @functools.cached_property
    def paths(self) -> "ProjectPaths":
        """The project: the folder that was named, else the nearest one upwards that has a project."""
        from engine.local.project import ProjectPaths, find_project

        return ProjectPaths(self.folder if self.folder is not None else find_project(Path.cwd()))

    @functools.cached_property
    def settings(self) -> "Settings":
        """All settings of the project; raises Invalid naming file and key."""
        return self.source.load()

    @functools.cached_property
    def source(self) -> "SettingsSource":
        """Where they come from."""
        import os

        from engine.settings import SettingsSource

        return SettingsSource(self.paths.settings, os.environ)

    def command(self, *words: str) -> str:
        """A command line to show the operator, good to copy from the folder they stand in."""
        return shlex.join([_program(), *self._place, *words])

    @functools.cached_property
    def _place(self) -> list[str]:
        from engine.local.project import find_project

        if self.engine is not None:
            file = [] if self.token_file is None else ["--token-file", str(self.token_file)]
            return ["--engine", self.engine, *file]
        return [] if self.paths.root == find_project(Path.cwd()) else ["--project", str(self.paths.root)]


@functools.cache
def _program() -> str:
    """What starts this program where the operator stands: its name when that is on the path, else where it is."""
    started = Path(sys.argv[0])
    if started.name != NAME or shutil.which(NAME) is not None:
        return NAME
    inside = started.absolute()
    return str(inside.relative_to(Path.cwd())) if inside.is_relative_to(Path.cwd()) else str(inside)


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


class Name(click.ParamType[str]):
    """The name of a schedule or a template; hostile text ends here with exit code 2."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from engine.model.schedules import NAME as NAMES

        if NAMES.fullmatch(value) is None:
            shown = value if len(value) <= 60 else value[:60] + "…"
            raise Invalid(f"{shown!r} is not a name", hint="a-z, 0-9, `.`, `_` and `-`, such as nightly")
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


def _remember_engine(ctx: click.Context, _: click.Parameter, given: str | None) -> None:
    if given is not None:
        ctx.ensure_object(Call).address = given


def _remember_token_file(ctx: click.Context, _: click.Parameter, given: str | None) -> None:
    if given is not None:
        ctx.ensure_object(Call).token_file = Path(given)


def common_options() -> list[click.Parameter]:
    """What the group and every verb take: `--json`, where the project or its engine is, and the token for that."""
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
        click.Option(
            ["--engine"],
            metavar="URL",
            expose_value=False,
            callback=_remember_engine,
            help="An engine elsewhere: http://HOST:PORT or unix:PATH (or PILOTHOUSE_ENGINE).",
        ),
        click.Option(
            ["--token-file"],
            metavar="FILE",
            expose_value=False,
            callback=_remember_token_file,
            help="The token: for --engine (or PILOTHOUSE_TOKEN), or the ones --listen lets in.",
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
    """Run a coroutine on a new event loop; SIGINT and SIGTERM cancel it, so that what it holds is let go of."""
    import asyncio

    from tui.cli.interrupts import cancelled_once

    async def cancellable() -> T:
        with cancelled_once():
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
