"""Agents, leases, checkpoints and messages over the wire, equal at both ends."""

import agents_stub as canned
import engine_samples as samples
import pytest
from engine_stub import StubEngine

from engine.api.agents import ReleaseLease, RestoreCheckpoint, TellAgent
from engine.client import RemoteEngine
from engine.errors import Invalid


async def test_each_query_about_agents_comes_back_equal(stub: StubEngine, remote: RemoteEngine) -> None:
    assert await remote.agents("g") == (canned.AGENT,)
    assert await remote.agents() == (canned.AGENT,)
    assert await remote.leases() == (canned.LEASE,)
    assert await remote.checkpoints("g-1/build") == (canned.CHECKPOINT,)
    assert await remote.checkpoint(1) == canned.CHECKPOINT
    wanted = [("agents", "g"), ("agents", None), ("leases",), ("checkpoints", "g-1/build"), ("checkpoint", 1)]
    assert [call for call in stub.calls if call[0] != "info"] == wanted


async def test_each_order_about_agents_arrives_equal(stub: StubEngine, remote: RemoteEngine) -> None:
    release = ReleaseLease(reason=samples.HARD, by="me")
    restore = RestoreCheckpoint(version=2, by="me")
    tell = TellAgent(text=samples.HARD, by="me", key="k")
    assert await remote.release_lease("a/b..c", release) == canned.LEASE
    assert await remote.restore_checkpoint(1, restore) == canned.CHECKPOINT
    assert await remote.tell_agent("g-1/build", tell) == canned.TOLD
    wanted = [
        ("release_lease", "a/b..c", release),
        ("restore_checkpoint", 1, restore),
        ("tell_agent", "g-1/build", tell),
    ]
    assert [call for call in stub.calls if call[0] != "info"] == wanted


async def test_a_number_that_no_store_holds_is_refused(stub: StubEngine, remote: RemoteEngine) -> None:
    with pytest.raises(Invalid):
        await remote.checkpoint(10**30)
    assert stub.calls == [("info",)]
