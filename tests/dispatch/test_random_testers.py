"""Workers and testers that end in random order, with random findings, disturb nothing of each other (R9, R28, R37)."""

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import httpx
import pytest
from beside import begun, group, outcomes, pass_of, peaks, voice_of_tester, worker
from scripted import Bench
from test_random_goals import check, compare_readiness

Open = Callable[..., Awaitable[Bench]]
KEYS = "abcdefgh"


def tasks(chance: random.Random) -> list[dict[str, object]]:
    """Each needs some of those before it."""
    found = []
    for place, key in enumerate(KEYS):
        needs = chance.sample(KEYS[:place], min(place, chance.randint(0, 1)))
        found.append(worker(key, needs=needs))
    return found


async def step(bench: Bench, goal: str, chance: random.Random) -> None:
    """Something that hangs ends, a tester now and then with a finding."""
    command = chance.choice(hanging(bench))
    if command == "hang test" and chance.random() < 0.5:
        voice = voice_of_tester(bench)
        checks = [{"name": chance.choice(KEYS), "passed": False, "output": "broken"}]
        with suppress(httpx.TransportError, FileNotFoundError):  # it may be over already, and its door gone
            await voice.say("POST", "complete", {"all_passed": False, "checks": checks})
    bench.driver.finish(command)
    await pass_of(bench)
    await bench.engine._parts.context.database.read(partial(check, goal=goal))
    await compare_readiness(bench, goal)


def hanging(bench: Bench) -> list[str]:
    """The commands of what was not told to end."""
    alive = bench.driver.alive
    return sorted(spec.argv[-1] for spec in bench.driver.specs if spec.name in alive and not alive[spec.name].is_set())


@pytest.mark.parametrize("seed", range(3))
async def test_r9_r28_r37_random_ends_beside_each_other(opened: Open, seed: int) -> None:
    chance = random.Random(seed)
    bench = await opened(max_parallel=4)
    terms = {"ratio": chance.choice([0.5, 1, 2]), "max": 3, "batch": 2, "max_cycles": 50}
    goal = await begun(bench, group(*tasks(chance), **terms))
    for _ in range(400):
        view = await bench.until(goal, lambda view, _: view.ended_at is not None or bool(hanging(bench)))
        if view.ended_at is not None:
            break
        if not hanging(bench):  # ended by the engine since
            continue
        await step(bench, goal, chance)
    assert (view.state, view.progress) == ("done", (len(KEYS), len(KEYS)))
    assert all(testers <= min(3, terms["ratio"] * workers) for testers, workers in await peaks(bench))
    assert bench.driver.peak <= 4
    assert await outcomes(bench), "testers were at work"
