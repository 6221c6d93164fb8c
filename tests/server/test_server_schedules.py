"""The schedules part of the protocol over a real socket: what comes back equals what the engine said."""

import httpx
import pytest
import schedules_stub as canned
from engine_stub import StubEngine

from engine.api.schedules import AddSchedule, ScheduleOrder
from engine.client import RemoteEngine
from engine.errors import Conflict, NotFound

ADD = AddSchedule(name="nightly", terms=canned.TERMS, by="me")


async def test_each_call_comes_back_equal(stub: StubEngine, remote: RemoteEngine) -> None:
    assert await remote.schedules() == (canned.SCHEDULE,)
    assert await remote.add_schedule(ADD) == canned.SCHEDULE
    for order in ScheduleOrder:
        assert await remote.order_schedule("nightly", order, "me") == canned.SCHEDULE
    assert await remote.remove_schedule("nightly", "me") == canned.SCHEDULE
    assert [call for call in stub.calls if call[0] != "info"] == [
        ("schedules",),
        ("add_schedule", ADD),
        *[("order_schedule", "nightly", order, "me") for order in ScheduleOrder],
        ("remove_schedule", "nightly", "me"),
    ]


@pytest.mark.parametrize("error", [Conflict("it is paused already"), NotFound("no schedule")])
async def test_a_refusal_arrives_as_what_it_was(stub: StubEngine, remote: RemoteEngine, error: Conflict) -> None:
    stub.error = error
    with pytest.raises(type(error), match=error.message):
        await remote.order_schedule("nightly", ScheduleOrder.PAUSE)


@pytest.mark.parametrize(
    "terms",
    [
        {"goal": "a.yaml"},
        {"goal": "a.yaml", "cron": "0 0 30 2 *"},
        {"goal": "a.yaml", "windows": ["never 10:00"]},
        {"goal": "a.yaml", "every": "1h", "zone": "../../etc/localtime"},
        {"goal": "a.yaml", "every": "1h", "state": "due"},
    ],
)
async def test_r112_terms_that_mean_nothing_are_422(
    stub: StubEngine, http: httpx.AsyncClient, terms: dict[str, object]
) -> None:
    answer = await http.post("/v1/schedules", json={"name": "a", "terms": terms})
    assert answer.status_code == 422, answer.text
    assert stub.calls == []
