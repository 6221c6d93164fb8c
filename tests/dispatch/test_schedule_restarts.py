"""Schedules across restarts, in the settings, and when a start fails (R40, R17)."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from scripted import goal_file
from timed import PATIENT, SCHEDULES, Timed, write

from engine.errors import Conflict, DaemonUnavailable, ExitCode, Invalid, InvalidGoalFile, NotFound
from engine.events import EventType
from engine.headless import until_idle
from engine.local.admission import Admission
from engine.sandbox.driver import DriverHealth

Open = Callable[..., Awaitable[Timed]]


async def away(bench: Timed, text: str) -> None:
    """No engine runs until this time."""
    await bench.engine.close()
    bench.clock.at = datetime.fromisoformat(text)


@pytest.mark.parametrize(("missed", "expected"), [("once", 1), ("skip", 0)])
async def test_r40_a_missed_start_happens_once(timed: Open, missed: str, expected: int) -> None:
    bench = await timed()
    await bench.add(run="exit 0", cron="0 3 * * *", missed=missed)
    await away(bench, "2026-03-12T09:00:00+00:00")
    for _ in range(3):  # ten starts have passed; restarts make no more of them
        bench = await timed()
        await bench.settled()
        assert len(await bench.goals()) == expected
        await bench.all_ended()
        await bench.engine.close()
    bench = await timed()
    assert (await bench.last())[0] == ("started" if expected else "missed")
    await bench.go_to("2026-03-13T03:00:00+00:00")
    assert len(await bench.goals()) == expected + 1


async def test_a_missed_start_is_seen_through_by_an_engine_that_ends_when_idle(
    timed: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, create = asyncio.Event(), Admission.create

    async def later(*asked: Any, **more: Any) -> str:
        await going.wait()
        return await create(*asked, **more)

    monkeypatch.setattr(Admission, "create", later)
    bench = await timed()
    await bench.add("a", run="exit 0", cron="0 3 * * *")
    await bench.add("b", run="exit 0", cron="0 4 * * *")
    await away(bench, "2026-03-03T09:00:00+00:00")
    bench = await timed()
    assert [(await bench.last(name))[0] for name in ("a", "b")] == ["due", "due"]
    asyncio.get_running_loop().call_later(0.05, going.set)
    assert await until_idle(bench.engine, lambda _event: None) is ExitCode.DONE
    assert await bench.goals() == ["done", "done"]


async def test_a_missed_start_that_fails_ends_such_an_engine_too(timed: Open, project: Path) -> None:
    bench = await timed()
    await bench.add(cron="0 3 * * *")
    await away(bench, "2026-03-03T09:00:00+00:00")
    await asyncio.to_thread((project / "nightly.yaml").unlink)
    bench = await timed()
    assert await until_idle(bench.engine, lambda _event: None) is ExitCode.DONE
    assert await bench.last() == ("failed", None)


async def test_r40_a_missed_window_that_is_over_does_not_start(timed: Open) -> None:
    bench = await timed()
    await bench.add(windows=["daily 22:00-06:00"])
    await away(bench, "2026-03-03T06:00:01+00:00")
    bench = await timed()
    await bench.settled()
    assert await bench.last() == ("missed", None)
    assert await bench.goals() == []


async def test_r40_a_missed_window_that_is_open_starts_for_what_is_left_of_it(timed: Open) -> None:
    bench = await timed()
    await bench.add(windows=["daily 22:00-06:00"])
    await away(bench, "2026-03-03T05:00:00+00:00")
    bench = await timed()
    await bench.settled()
    await bench.running()
    await bench.go_to("2026-03-03T06:00:00+00:00")
    assert await bench.last() == ("held", "paused")


async def test_r40_a_window_that_ended_while_no_engine_ran_holds_its_goal(timed: Open) -> None:
    bench = await timed()
    await bench.add(windows=["daily 22:00-06:00"])
    await bench.go_to("2026-03-02T22:00:00+00:00")
    await bench.running()
    await away(bench, "2026-03-03T12:00:00+00:00")
    bench = await timed()
    await bench.settled()
    assert await bench.last() == ("held", "paused")
    await away(bench, "2026-03-05T23:00:00+00:00")
    bench = await timed()
    await bench.settled()
    assert await bench.last() == ("started", "active")
    assert len(await bench.goals()) == 1


async def test_r40_a_start_that_was_stored_is_made_by_the_next_engine_once(timed: Open) -> None:
    bench = await timed()
    await bench.add(run="exit 0", cron="0 * * * *")
    bench.engine._parts.scheduler.draining = True  # as if it died between the row and its goal
    await bench.go_to("2026-03-02T13:00:00+00:00")
    assert await bench.last() == ("due", None)
    assert await bench.goals() == []
    await bench.engine.close()
    bench = await timed()
    await bench.settled()
    assert (await bench.last())[0] == "started"
    assert len(await bench.goals()) == 1


async def test_r17_one_start_never_makes_two_goals(timed: Open) -> None:
    bench = await timed()
    await bench.add(cron="0 * * * *")
    parts = bench.engine._parts
    parts.scheduler.draining = True
    await bench.go_to("2026-03-02T13:00:00+00:00")
    [row] = await parts.context.database.all(SCHEDULES["due"])
    from engine.local.starting import Starter

    starters = [Starter(parts) for _ in range(5)]
    assert await asyncio.gather(*(starter._start(dict(row)) for starter in starters)) == [True] * 5
    assert len(await bench.goals()) == 1
    assert await bench.last() == ("started", "active")


async def test_r40_two_weeks_of_summer_time_in_a_whole_engine(timed: Open) -> None:
    bench = await timed()
    await bench.add(run="exit 0", windows=["daily 02:30-04:00"], zone="Europe/Berlin")
    now, end = datetime.fromisoformat("2026-03-24T00:00:00+01:00"), datetime.fromisoformat("2026-04-02T00:00:00+02:00")
    bench.clock.at = now
    while now < end:
        now += timedelta(minutes=45)
        await bench.go_to(now.isoformat())
        if "active" in await bench.goals():
            await bench.all_ended()
    slots = sorted(str(e.data["slot"]) for e in await bench.events() if e.type is EventType.SCHEDULE_STARTED)
    days = ["24T01:30", "25T01:30", "26T01:30", "27T01:30", "28T01:30", "29T01:00", "30T00:30", "31T00:30"]
    assert [slot[8:16] for slot in slots] == [*days, "01T00:30"]
    assert await bench.goals() == ["done"] * 9


async def test_schedules_of_the_settings_come_change_and_go(timed: Open, project: Path) -> None:
    write(project, "goals/a.yaml", goal_file({"id": "work", "run": "exit 0"}, defaults=PATIENT))
    hourly = {"goal": "goals/a.yaml", "cron": "0 * * * *"}
    bench = await timed({"a": hourly})
    await bench.go_to("2026-03-02T13:00:00+00:00")
    assert len(await bench.goals()) == 1
    await bench.all_ended()
    with pytest.raises(Conflict, match="settings"):
        await bench.engine.remove_schedule("a")
    with pytest.raises(Conflict, match="there is a schedule a"):
        await bench.add("a", every="1h")
    await bench.add("b", run="exit 0", every="1h")
    await away(bench, "2026-03-02T14:30:00+00:00")
    bench = await timed({"a": {**hourly, "cron": "15 * * * *"}})  # another one: 14:00 and 14:15 are not of it
    await bench.settled()
    assert [(view.name, str(view.source)) for view in await bench.engine.schedules()] == [
        ("a", "settings"),
        ("b", "added"),
    ]
    assert len(await bench.goals()) == 2  # one of b, which missed its own
    await bench.go_to("2026-03-02T15:15:00+00:00")
    assert (await bench.last("a"))[0] == "started"
    await bench.engine.close()
    bench = await timed()
    assert [view.name for view in await bench.engine.schedules()] == ["b"]


async def test_a_start_that_fails_says_why_and_the_next_one_comes(timed: Open, project: Path) -> None:
    bench = await timed()
    await bench.add(run="exit 0", cron="0 * * * *")
    file = project / "nightly.yaml"
    text = await asyncio.to_thread(file.read_text)
    await asyncio.to_thread(file.unlink)
    await bench.go_to("2026-03-02T13:00:00+00:00")
    last = (await bench.schedule()).last
    assert last is not None
    assert (last.state, last.goal) == ("failed", None)
    assert last.cause == "cannot read the goal file 'nightly.yaml': No such file or directory"
    await asyncio.to_thread(file.write_text, text)
    await bench.go_to("2026-03-02T14:00:00+00:00")
    assert (await bench.last())[0] == "started"


async def test_a_start_without_a_daemon_is_tried_again(timed: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.local.starting.AGAIN", 0.01)
    bench = await timed()
    await bench.add(run="exit 0", cron="0 * * * *")
    answers = iter([DaemonUnavailable("no daemon"), DaemonUnavailable("no daemon")])

    async def check() -> DriverHealth:
        if (error := next(answers, None)) is not None:
            raise error
        return DriverHealth("scripted")

    monkeypatch.setattr(bench.driver, "check", check)
    await bench.go_to("2026-03-02T13:00:00+00:00")
    assert (await bench.last())[0] == "started"
    assert len(await bench.goals()) == 1


async def test_a_start_without_a_daemon_fails_in_the_end(timed: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.local.starting.AGAIN", 0.01)
    bench = await timed()
    await bench.add(run="exit 0", cron="0 1 * * *")

    async def check() -> DriverHealth:
        bench.clock.at += timedelta(minutes=13)
        raise DaemonUnavailable("no daemon")

    monkeypatch.setattr(bench.driver, "check", check)
    await bench.go_to("2026-03-03T01:00:00+00:00")
    last = (await bench.schedule()).last
    assert last is not None
    assert (last.state, last.cause) == ("failed", "no daemon")
    assert await bench.goals() == []


async def test_r17_what_has_a_goal_elsewhere_starts_no_second_one(timed: Open) -> None:
    bench = await timed()
    await bench.add("a", cron="0 * * * *", external_ref="o/r#12")
    await bench.add("b", cron="5 * * * *", external_ref="o/r#12")
    await bench.go_to("2026-03-02T13:00:00+00:00")
    goal = await bench.running()
    await bench.go_to("2026-03-02T13:05:00+00:00")
    last = (await bench.schedule("b")).last
    assert last is not None
    assert (last.state, last.cause) == ("skipped", f"{goal} is under way for 'o/r#12'")
    assert len(await bench.goals()) == 1


@pytest.mark.parametrize(
    ("terms", "error", "words"),
    [
        ({"goal": "none.yaml"}, Invalid, "cannot read the goal file"),
        ({"goal": "../outside.yaml"}, Invalid, "outside the project"),
        ({"goal": "/etc/passwd"}, Invalid, "outside the project"),
        ({"goal": "nightly.yaml", "vars": {"who": "x"}}, InvalidGoalFile, "who"),
        ({"goal": None, "template": "nothing"}, NotFound, "no template"),
    ],
)
async def test_what_cannot_be_read_is_never_added(
    timed: Open, terms: dict[str, object], error: type[Exception], words: str
) -> None:
    bench = await timed()
    with pytest.raises(error, match=words):
        await bench.add(every="1h", **terms)
    assert await bench.engine.schedules() == []


async def test_r16_terms_that_cannot_be_read_break_no_list(timed: Open) -> None:
    bench = await timed()
    await bench.add("a", every="1h")
    await bench.add("b", run="exit 0", every="1h")
    await bench.engine.close()
    with sqlite3.connect(bench.engine._parts.context.paths.database) as store:
        store.execute("""UPDATE schedules SET terms = '{"goal": "x", "moon": "full"}' WHERE name = 'a'""")
    store.close()
    bench = await timed()
    broken, sound = await bench.engine.schedules()
    assert (broken.terms, broken.next_start) == (None, None)
    assert broken.problem.startswith("moon:")
    assert sound.next_start is not None
    await bench.go_to("2026-03-02T13:00:00+00:00")
    assert (await bench.last("b"))[0] == "started"


async def test_a_visiting_engine_starts_nothing(timed: Open) -> None:
    bench = await timed()
    await bench.add(cron="0 * * * *")
    await away(bench, "2026-03-02T13:00:00+00:00")
    visitor = await timed(visiting=True)
    [view] = await visitor.engine.schedules()
    assert view.next_start is not None
    assert await visitor.goals() == []
