"""STYLE habit 5: every background task has a name, an owner and a stated consequence of dying."""

import asyncio
import logging

import pytest

from engine.supervisor import Consequence, Crew


class Fatal:
    """Collects what `on_fatal` was told, and says when."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.told = asyncio.Event()

    def __call__(self, name: str, error: BaseException) -> None:
        self.calls.append((name, str(error)))
        self.told.set()


async def fail() -> None:
    raise RuntimeError("gone")


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_dead_stop_engine_task_is_fatal_once_and_named(caplog: pytest.LogCaptureFixture) -> None:
    fatal = Fatal()
    crew = Crew(fatal)
    with caplog.at_level(logging.CRITICAL + 1, "engine.supervisor"):
        crew.start("writer", fail(), on_crash=Consequence.STOP_ENGINE)
        await asyncio.wait_for(fatal.told.wait(), 20)
        await crew.close()
    assert fatal.calls == [("writer", "gone")]


async def test_a_dead_reported_task_is_logged_by_name_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    fatal = Fatal()
    crew = Crew(fatal)
    crew.start("bystander", forever(), on_crash=Consequence.STOP_ENGINE)
    task = crew.start("poller", fail(), on_crash=Consequence.REPORT)
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert crew.names() == ["bystander"]
    assert "poller died: gone" in caplog.text
    await crew.close()
    assert fatal.calls == []


async def test_a_name_lives_once_and_is_free_after_its_end() -> None:
    crew = Crew(Fatal())
    first = crew.start("watch", forever(), on_crash=Consequence.REPORT)
    with pytest.raises(ValueError, match="'watch' is alive already"):
        crew.start("watch", forever(), on_crash=Consequence.REPORT)
    first.cancel()
    await asyncio.wait([first])
    await asyncio.sleep(0)
    crew.start("watch", forever(), on_crash=Consequence.REPORT)
    assert crew.names() == ["watch"]
    await crew.close()


async def test_close_ends_everything_and_waits_for_the_clean_up() -> None:
    fatal = Fatal()
    crew = Crew(fatal)
    cleaned: list[int] = []

    async def careful(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(number)

    for number in range(5):
        crew.start(f"task-{number}", careful(number), on_crash=Consequence.STOP_ENGINE)
    await asyncio.sleep(0)
    await crew.close()
    await asyncio.sleep(0)
    assert sorted(cleaned) == [0, 1, 2, 3, 4]
    assert crew.names() == []
    assert fatal.calls == []


async def test_a_member_may_close_the_crew_it_belongs_to() -> None:
    crew = Crew(Fatal())
    crew.start("other", forever(), on_crash=Consequence.REPORT)
    closer = crew.start("closer", crew.close(), on_crash=Consequence.REPORT)
    await asyncio.wait_for(closer, 20)
    await asyncio.sleep(0)
    assert crew.names() == []


async def test_r101_waiting_for_the_crew_is_bounded() -> None:
    crew = Crew(Fatal())
    assert await crew.wait_idle(0.01)
    crew.start("stuck", forever(), on_crash=Consequence.REPORT)
    assert not await crew.wait_idle(0.01)
    await crew.close()


async def test_an_attempt_gives_the_error_it_died_of_and_reports_it(caplog: pytest.LogCaptureFixture) -> None:
    async def dies() -> None:
        raise RuntimeError("gone")

    async def ends() -> None:
        return None

    crew = Crew(lambda name, error: pytest.fail(f"{name} ends no engine"))
    error = await crew.attempt("first", dies())
    assert isinstance(error, RuntimeError)
    assert "first died: gone" in caplog.text
    assert await crew.attempt("second", ends()) is None
    assert crew.names() == []


async def test_an_error_that_is_handed_back_is_told_by_whoever_gets_it(caplog: pytest.LogCaptureFixture) -> None:
    crew = Crew(lambda name, error: pytest.fail(f"{name} ends no engine"))
    error = await crew.attempt("work", fail(), on_crash=Consequence.HANDED_BACK)
    assert isinstance(error, RuntimeError)
    assert caplog.text == ""


async def test_an_attempt_that_is_cancelled_takes_its_work_along() -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def works() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            over.set()

    crew = Crew(lambda name, error: None)
    attempt = asyncio.create_task(crew.attempt("work", works()))
    await begun.wait()
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    async with asyncio.timeout(20):
        await over.wait()
