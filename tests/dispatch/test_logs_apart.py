"""A line belongs to its run by channel, never by content, and is found when all else is gone (R53, R54)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from scripted import Bench, ScriptedDriver, goal_file

from engine.api import LogQuery
from engine.dispatch.runs.starting import words_of
from engine.errors import DaemonUnavailable
from engine.ids import SafeName
from engine.model import DriverName, Stream
from engine.sandbox.driver import Chunk, Exit, SandboxSpec, Started

Open = Callable[..., Awaitable[Bench]]
BOTH = [{"id": "one", "run": "exit 0"}, {"id": "two", "run": "exit 0"}]
LINES, READ = 50, 10


@dataclass
class Impostors(ScriptedDriver):
    """Two sandboxes, each of which says in every line and on both streams that it is the other one."""

    both: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, spec: SandboxSpec) -> Started:
        started = await super().start(spec)
        if len(self.specs) == 2:
            self.both.set()
        return started

    async def wait(self, name: SafeName) -> Exit:
        await self.both.wait()
        return await super().wait(name)

    async def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        await self.both.wait()
        (other,) = [spec for spec in self.specs if spec.name != name]
        for n in range(LINES if after is None else 0):
            await asyncio.sleep(0)  # the two take turns
            words = f"[{other.name}] {other.labels['pilothouse.run']} {Stream.ERR}: {n}\n"
            yield Chunk(Stream.OUT if n % 2 else Stream.ERR, 1_700_000_000_000_000_000 + n, words.encode())


async def test_r53_two_runs_that_print_each_others_names_stay_apart(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await opened()
    driver = Impostors(root=bench.driver.root)
    monkeypatch.setitem(bench.engine._parts.context.drivers, DriverName.PROCESS, driver)  # type: ignore[arg-type]
    goal = (await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": BOTH}))).id
    await bench.ended(goal)
    runs = {key: (await bench.engine.task(f"{goal}/{key}")).runs[0] for key in ("one", "two")}
    for mine, other in (("one", "two"), ("two", "one")):
        page = await bench.engine.logs(runs[mine].id, LogQuery(limit=1000))
        said = [line for line in page.lines if line.stream in (Stream.OUT, Stream.ERR)]
        theirs = f"[{runs[other].sandbox}] {runs[other].id}"
        assert [line.text for line in said] == [f"{theirs} err: {n}" for n in range(LINES)]
        assert [line.stream for line in said] == [Stream.ERR, Stream.OUT] * (LINES // 2)
        assert (await bench.engine.logs(runs[mine].id, LogQuery(grep=runs[mine].id))).lines == ()


@dataclass
class OneReaderFails(Impostors):
    """Two sandboxes that print the same; of the first, nothing more than a few lines can be read."""

    fault: Exception = field(default_factory=RuntimeError)

    async def logs(self, name: SafeName, after: int | None) -> AsyncIterator[Chunk]:
        await self.both.wait()
        for n in range(LINES if after is None else 0):
            await asyncio.sleep(0)
            if n == READ and name == self.specs[0].name:
                raise self.fault
            yield Chunk(Stream.OUT, 1_700_000_000_000_000_000 + n, f"line {n}\n".encode())


@pytest.mark.parametrize("fault", [DaemonUnavailable("no more of it"), RuntimeError("no more of it")], ids=repr)
async def test_case_49_a_log_reader_that_fails_leaves_the_other_one_and_every_run_alone(
    opened: Open, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    bench = await opened()
    driver = OneReaderFails(root=bench.driver.root, fault=fault)
    monkeypatch.setitem(bench.engine._parts.context.drivers, DriverName.PROCESS, driver)  # type: ignore[arg-type]
    goal = (await bench.goal(goal_file({"id": "all", "order": "parallel", "tasks": BOTH}))).id
    await bench.ended(goal)
    runs = {run.sandbox: run for key in ("one", "two") for run in (await bench.engine.task(f"{goal}/{key}")).runs}
    assert [run.exit_code for run in runs.values()] == [0, 0]
    for number, spec in enumerate(driver.specs):
        page = await bench.engine.logs(runs[spec.name].id, LogQuery(limit=1000))
        said = [line.text for line in page.lines if line.stream is Stream.OUT]
        assert said == [f"line {n}" for n in range(READ if number == 0 else LINES)]
        told = [line.text for line in page.lines if line.stream is Stream.NOTE and "not complete" in line.text]
        assert told == ([f"the log is not complete: {words_of(fault)}"] if number == 0 else [])
    assert bench.engine._parts.fatal is None


async def test_r54_a_log_is_searched_after_its_sandbox_is_gone_and_the_engine_is_another(opened: Open) -> None:
    first = await opened()
    goal = (await first.goal(goal_file({"id": "say", "run": "print the needle in the hay"}))).id
    await first.ended(goal)
    await first.engine._parts.live.cleaned()
    assert await first.driver.list_owned() == []
    await first.engine.close()
    second = await opened()
    second.driver.specs.clear()  # a driver that never heard of it
    for grep, found in (("n..dle", ["the needle in the hay"]), ("nothing of the kind", [])):
        page = await second.engine.logs(f"{goal}/say", LogQuery(grep=grep))
        assert [line.text for line in page.lines] == found
    (run,) = (await second.engine.task(f"{goal}/say")).runs
    assert (run.cause, run.exit_code, run.last_lines) == ("exit", 0, ("the needle in the hay",))
