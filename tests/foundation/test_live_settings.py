"""Files of settings that are saved while an engine runs: taken over, or said why not (R130)."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from engine.api.edits import ChangeSettings
from engine.errors import Invalid, StoreError
from engine.events import Event, EventType
from engine.local import reloading
from engine.local.engine import LocalEngine
from engine.local.live_settings import SETTABLE, TAKES, UNTOLD, leaves, with_leaves
from engine.local.opening import open_local
from engine.settings import Settings, SettingsSource

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"
Open = Callable[..., Awaitable[LocalEngine]]


def test_r130_every_setting_says_whether_a_running_engine_takes_it_over() -> None:
    assert sorted(TAKES) == sorted(leaves(Settings()))
    assert TAKES.keys() > UNTOLD
    assert TAKES.keys() > SETTABLE


def test_r130_the_docs_say_the_same() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| .*? \| (live|restart) \| ", DOCS.read_text(), re.MULTILINE))
    assert rows == {name: takes.value for name, takes in TAKES.items()}


def test_settings_are_put_together_from_their_parts() -> None:
    changed = with_leaves(Settings(), {"engine.max_parallel": 9, "sandbox.defaults.pids": 7})
    assert (changed.engine.max_parallel, changed.sandbox.defaults.pids) == (9, 7)
    assert leaves(changed) == leaves(Settings()) | {"engine.max_parallel": 9, "sandbox.defaults.pids": 7}


def save(file: Path, text: str) -> None:
    """As editors do: a new file in the place of the old one."""
    new = file.with_name(file.name + "~")
    new.write_text(text)
    new.replace(file)


@pytest.fixture
async def opened(project: Path) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_one(text: str = "", environ: Mapping[str, str] | None = None) -> LocalEngine:
            save(project / "pilothouse.toml", '[sandbox]\nruntime = "process"\n' + text)
            source = SettingsSource(project / "pilothouse.toml", environ or {})
            engine = await open_local(project, source.load(), source=source)
            stack.push_async_callback(engine.close)
            return engine

        yield open_one


async def told(engine: LocalEngine, number: int = 1) -> Event:
    """The n-th word about settings."""
    async with asyncio.timeout(20):
        async for update in engine.subscribe(0):
            if isinstance(update, Event) and update.type is EventType.ENGINE_SETTINGS:
                number -= 1
                if not number:
                    return update
    raise AssertionError("the stream ended")


HEAD = '[sandbox]\nruntime = "process"\n'


async def test_what_is_saved_is_taken_over_and_told(opened: Open, project: Path) -> None:
    engine = await opened()
    save(project / "pilothouse.toml", HEAD + '[engine]\nmax_parallel = 9\n[notify]\nurl = "http://127.0.0.1:9/t"\n')
    event = await told(engine)
    assert event.data == {
        "changes": {"engine.max_parallel": "9", "notify.url": "changed"}, "restart": [], "by": "files",
    }  # fmt: skip
    assert (await engine.info()).max_parallel == 9
    assert engine._parts.context.settings.notify.url == "http://127.0.0.1:9/t"


async def test_r101_a_watch_that_breaks_and_a_store_that_refuses_end_no_reloading(
    opened: Open, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks: list[Exception] = [OSError("no more watches"), StoreError("the store refused a write"), OSError("gone")]

    async def broken(*_places: object, **_how: object) -> AsyncIterator[set[object]]:
        if breaks:
            raise breaks.pop()
        save(project / "pilothouse.toml", HEAD + "[engine]\nmax_parallel = 9\n")
        await asyncio.Event().wait()
        yield set()

    monkeypatch.setattr("watchfiles.awatch", broken)
    monkeypatch.setattr(reloading, "POLL", 0.01)
    engine = await opened()
    assert (await told(engine)).data["changes"] == {"engine.max_parallel": "9"}


async def test_what_needs_a_restart_is_said_and_taken_back_when_it_is(opened: Open, project: Path) -> None:
    engine = await opened()
    save(project / "pilothouse.toml", HEAD + 'docker_host = "unix:///x"\n')
    assert (await told(engine)).data["restart"] == ["sandbox.docker_host"]
    assert engine._parts.context.settings.sandbox.docker_host != "unix:///x"
    words = "sandbox.docker_host was changed in a file and needs a restart of the engine"
    assert words in (await engine.info()).notices
    save(project / "pilothouse.toml", HEAD)
    assert (await told(engine, 2)).data["restart"] == []
    assert words not in (await engine.info()).notices


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[engine]\nmax_parallel = 0\n", "pilothouse.toml:4: engine.max_parallel: Input should be greater"),
        ("[engine]\nmax_paralel = 3\n", "pilothouse.toml:4: engine.max_paralel: Extra inputs"),
        ("[engine\n", "pilothouse.toml:3: Expected ']'"),
    ],
)
async def test_a_broken_file_keeps_what_holds_and_names_file_and_line(
    text: str, words: str, opened: Open, project: Path
) -> None:
    engine = await opened("[engine]\nmax_parallel = 3\n")
    save(project / "pilothouse.toml", HEAD + text)
    event = await told(engine)
    assert words in str(event.data["message"])
    assert event.data["changes"] == {}
    assert any(words in notice and "hold" in notice for notice in (await engine.info()).notices)
    assert (await engine.info()).max_parallel == 3
    save(project / "pilothouse.toml", HEAD + "[engine]\nmax_parallel = 5\n")
    assert (await told(engine, 2)).data["changes"] == {"engine.max_parallel": "5"}
    assert not any("hold" in notice for notice in (await engine.info()).notices)


async def test_what_was_typed_and_what_was_set_live_counts_more_than_a_file(opened: Open, project: Path) -> None:
    engine = await opened(environ={"PILOTHOUSE_MAX_PARALLEL": "2"})
    await engine.change_settings(ChangeSettings(changes={"engine.spawn_rate": "7"}))
    save(project / "pilothouse.toml", HEAD + "[engine]\nmax_parallel = 9\nspawn_rate = 8\nspawn_window = 3\n")
    assert (await told(engine, 2)).data["changes"] == {"engine.spawn_window": "3.0"}
    settings = engine._parts.context.settings.engine
    assert (settings.max_parallel, settings.spawn_rate, settings.spawn_window) == (2, 7, 3.0)


async def test_the_user_file_is_watched_too(opened: Open, project: Path) -> None:
    (project / "config" / "pilothouse").mkdir(parents=True)
    engine = await opened(environ={"XDG_CONFIG_HOME": str(project / "config")})
    save(project / "config" / "pilothouse" / "config.toml", "[engine]\nmax_parallel = 6\n")
    assert (await told(engine)).data["changes"] == {"engine.max_parallel": "6"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[ui]\ntheme = 5\n", 2),
        ("\n\nui.theme = 5\n", 3),
        ('[sandbox.defaults]\nmemory = "1g"\npids = "few"\n', 3),
        ('[agents."a"]\nargv = []\n', 2),
        ("[engine]\n# max_parallel = 3\n\nmax_parallel = 0\n", 4),
        ("[webhooks.ci]\n", 1),
    ],
)
def test_an_error_names_the_line_of_its_key(text: str, line: int, project: Path) -> None:
    file = project / "pilothouse.toml"
    file.write_text(text)
    with pytest.raises(Invalid, match=re.escape(f"{file}:{line}: ")):
        SettingsSource(file, {}).load()
