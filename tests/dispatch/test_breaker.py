"""The breaker's state machine, for every order of losses, probes, answers and times (R100)."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from engine.dispatch.limits.breaker import LONGEST_PAUSE, Breaker, Loss, pause
from engine.model import BreakerState
from engine.settings import EngineSettings

START = datetime(2030, 1, 1, tzinfo=UTC)
SETTINGS = EngineSettings(breaker_losses=3, breaker_window=30.0, breaker_backoff=5.0)
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


def lost(breaker: Breaker, task: str, at: datetime, run: str = "") -> Breaker:
    return breaker.lost(
        Loss(task=task, run=run or f"run of {task}", at=at), "it is gone", SETTINGS.breaker_losses, SETTINGS, Random(1)
    )


def opened(at: datetime = START) -> Breaker:
    breaker = Breaker()
    for task in "abc":
        breaker = lost(breaker, task, at)
    assert breaker.state is OPEN
    return breaker


STEPS = st.tuples(
    st.sampled_from(["lose", "lose the probe", "start", "prove", "nothing proved", "go on", "hold"]),
    st.integers(0, 6),
    st.floats(-1000, 1000),
)


def step(breaker: Breaker, word: str, task: int, now: datetime) -> Breaker:
    """What outage.py does with each of these facts."""
    match word:
        case "lose":
            return lost(breaker, f"t{task}", now)
        case "lose the probe" if breaker.probe is not None:
            return lost(breaker, "probed", now, breaker.probe)
        case "start" if breaker.state is OPEN and breaker.wait(now) == 0:
            return breaker.probing(f"r{task}")
        case "prove" if breaker.state is HALF_OPEN:
            return breaker.closed(now)
        case "nothing proved" if breaker.state is HALF_OPEN:
            return breaker.unproved(now)
        case "go on" if breaker.state is not CLOSED:
            return breaker.closed(now)
        case "hold" if breaker.state is not CLOSED:
            return breaker.held(now)
        case _:
            return breaker


@given_settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_r100_a_breaker_admits_one_probe_and_can_always_close(steps: list[tuple[str, int, float]]) -> None:
    breaker, now = Breaker(), START
    for word, task, seconds in steps:
        now += timedelta(seconds=seconds)
        before = breaker
        breaker = step(breaker, word, task, now)
        assert (breaker.probe is not None) == (breaker.state is HALF_OPEN)
        assert 0 <= breaker.wait(now) <= LONGEST_PAUSE.total_seconds()
        assert breaker == Breaker.model_validate_json(breaker.model_dump_json())
        if before.state is HALF_OPEN and breaker.state is HALF_OPEN:
            assert breaker.probe == before.probe  # nothing else is let through beside it
        if before.state is OPEN and breaker.state is CLOSED:
            assert word == "go on"  # only a human closes it without a probe
    later = now + timedelta(seconds=breaker.wait(now))
    if breaker.state is OPEN:
        breaker = breaker.probing("the last one")
    if breaker.state is HALF_OPEN:
        breaker = breaker.closed(later)
    assert breaker.state is CLOSED
    assert breaker.losses == () or breaker == Breaker.model_validate(breaker.model_dump())


def test_r36_three_losses_of_one_task_are_its_own_trouble() -> None:
    breaker = Breaker()
    for n in range(20):
        breaker = lost(breaker, "same", START + timedelta(seconds=n))
    assert breaker.state is CLOSED


def test_r36_losses_further_apart_than_the_window_are_no_outage() -> None:
    breaker = Breaker()
    for n in range(20):
        breaker = lost(breaker, f"t{n}", START + timedelta(seconds=16 * n))
    assert breaker.state is CLOSED
    assert len(breaker.losses) == 2


def test_r100_a_lost_probe_waits_longer_and_another_loss_changes_nothing() -> None:
    breaker, pauses, now = opened(), [], START
    for n in range(12):
        assert breaker.until is not None
        pauses.append((breaker.until - now).total_seconds())
        now = breaker.until
        breaker = breaker.probing(f"r{n}")
        assert lost(breaker, "bystander", now) == breaker
        breaker = lost(breaker, "probed", now, f"r{n}")
        assert breaker.state is OPEN
    for n, seconds in enumerate(pauses):
        plain = min(5.0 * 2**n, LONGEST_PAUSE.total_seconds())
        assert 0.75 * plain <= seconds <= min(1.25 * plain, LONGEST_PAUSE.total_seconds())


def test_r100_one_that_trips_again_soon_waits_longer_and_later_it_does_not() -> None:
    first = opened()
    soon = START + timedelta(minutes=5)
    late = START + timedelta(hours=5)
    assert [lost_thrice(first.closed(START), at).trips for at in (soon, late)] == [2, 1]


def lost_thrice(breaker: Breaker, at: datetime) -> Breaker:
    for task in "xyz":
        breaker = lost(breaker, task, at)
    return breaker


def test_r34_pauses_are_clamped_and_jittered() -> None:
    for trips in (1, 2, 10, 10**6):
        found = {pause(trips, SETTINGS, Random(seed)) for seed in range(20)}
        assert all(timedelta(seconds=0.01) < each <= LONGEST_PAUSE for each in found)
        assert len(found) > 1 or found == {LONGEST_PAUSE}


def test_r101_a_clock_that_was_set_back_makes_nothing_wait_longer() -> None:
    breaker = opened()
    assert breaker.wait(START) > 0
    assert breaker.wait(START - timedelta(days=300)) == 0


def test_r100_who_holds_it_waits_the_longest_pause_and_is_not_asked_again() -> None:
    held = opened().held(START)
    assert held.wait(START) == LONGEST_PAUSE.total_seconds()
    again = lost(held.probing("r"), "t", START + LONGEST_PAUSE, "r")
    assert (again.state, again.asked) == (OPEN, True)
