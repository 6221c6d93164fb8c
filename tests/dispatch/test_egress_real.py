"""A real sandbox without a network reaches what its task lists, through its run's own socket, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from contacts import asked, choose
from near import BODY, World, egress, fetching, world
from scripted import Bench, ScriptedDriver

from engine.api import LogQuery, StopMode
from engine.local.opening import open_local
from engine.model import GoalState
from engine.settings import Settings

METADATA = "http://169.254.169.254/latest/meta-data/"
OpenAt = Callable[[World], Awaitable[Bench]]


@pytest.fixture
async def open_at(runtime: str, project: Path) -> AsyncIterator[OpenAt]:
    """Open engines on one project with real sandboxes; what they run ends with the test."""
    settings = Settings.model_validate({"sandbox": {"runtime": runtime}, "engine": {"undo_window": 0}})
    async with AsyncExitStack() as stack:

        async def open_one(outside: World) -> Bench:
            engine = await open_local(project, settings, reach=outside.reach)
            stack.push_async_callback(engine.close)
            bench = Bench(engine, ScriptedDriver())
            bench.patience = 60  # real sandboxes
            return bench

        yield open_one
    engine = await open_local(project, settings)
    await engine.stop(StopMode.STOP)
    await engine.wait_stopped()
    await engine.close()


def goal_of(*tasks: dict[str, object]) -> str:
    return json.dumps({"goal": "reach", "tasks": list(tasks)})


async def lines(bench: Bench, task: str) -> list[Any]:
    page = await bench.engine.logs(task, LogQuery(tail=1000))
    return [json.loads(line.text) for line in page.lines if line.text.startswith(("[", "{"))]


async def test_f152_what_is_listed_is_fetched_and_counted_and_nothing_else_is_reached(open_at: OpenAt) -> None:
    async with world() as outside:
        bench = await open_at(outside)
        listed, other = f"web.test:{outside.port}", f"other.test:{outside.port}"
        urls = [f"http://{listed}/a?b=c", f"http://{other}/", f"http://127.0.0.1:{outside.port}/", METADATA]
        task = {"id": "fetch", "run": fetching(*urls), "sandbox": egress(listed)}
        goal = await bench.goal(goal_of(task))
        assert (await bench.ended(goal.id)).state is GoalState.DONE
        first, second, third, fourth = await lines(bench, f"{goal.id}/fetch")
        assert first == [200, len(BODY)]
        assert second[0] == 403
        assert f"{other} is refused: its task does not list it" in second[1]
        assert third[0] == 0, "loopback is the sandbox's own, where nothing listens"
        assert (fourth[0], "metadata service" in fourth[1]) == (403, True)
        assert outside.looked_up == ["web.test"], "what is refused is not looked up either"
        (request,) = outside.requests
        assert request.startswith(b"GET /a?b=c HTTP/1.1\r\n")
        assert b"roxy" not in request


async def test_f152_r81_a_real_contact_waits_for_its_answer_over_a_restart_of_the_engine(open_at: OpenAt) -> None:
    async with world() as outside:
        first = await open_at(outside)
        to = f"web.test:{outside.port}"
        goal = await first.goal(goal_of({"id": "fetch", "run": fetching(f"http://{to}/"), "sandbox": egress(ask=True)}))
        (before,) = await asked(first)
        await first.engine.close()
        second = await open_at(outside)
        (after,) = await asked(second)
        assert after.id == before.id
        await tries(second, f"{goal.id}/fetch", 2)  # the proxy in the sandbox has asked again
        assert outside.looked_up == []
        await choose(second, after, "once")
        assert (await second.ended(goal.id)).state is GoalState.DONE
        assert await lines(second, f"{goal.id}/fetch") == [[200, len(BODY)]]
        (contact,) = (await second.engine.task(f"{goal.id}/fetch")).contacts
        assert contact.bytes_down > len(BODY)


async def tries(bench: Bench, task: str, times: int) -> None:
    async with asyncio.timeout(30):
        while sum(contact.tries for contact in (await bench.engine.task(task)).contacts) < times:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


TUNNEL = """
import http.client, json, sys
proxied = http.client.HTTPConnection("127.0.0.1", 18118, timeout=60)
proxied.set_tunnel(sys.argv[1])
proxied.request("GET", "/")
print(json.dumps([proxied.getresponse().status, sys.argv[1]]), flush=True)
"""


async def test_f152_never_is_told_to_the_program_and_a_tunnel_of_its_own_is_carried(open_at: OpenAt) -> None:
    async with world() as outside:
        bench = await open_at(outside)
        listed, other = f"web.test:{outside.port}", f"other.test:{outside.port}"
        tunnel = ["python3", "-c", TUNNEL, listed]
        tasks = {"carried": tunnel, "refused": fetching(f"http://{other}/", f"http://{other}/again")}
        made = [{"id": key, "run": run, "sandbox": egress(listed, ask=True)} for key, run in tasks.items()]
        goal = await bench.goal(goal_of(*made))
        (decision,) = await asked(bench)
        assert await lines(bench, f"{goal.id}/carried") == [[200, listed]]
        await choose(bench, decision, "never")
        assert (await bench.ended(goal.id)).state is GoalState.DONE
        told = await lines(bench, f"{goal.id}/refused")
        assert [status for status, _ in told] == [403, 403]
        assert f"the answer to {decision.id} is never, in this goal" in told[0][1]


async def test_f152_the_command_is_a_process_as_without_the_proxy(open_at: OpenAt) -> None:
    async with world() as outside:
        bench = await open_at(outside)
        sandbox = egress("web.test:1")
        ends = [{"id": "seven", "run": "exit 7", "sandbox": sandbox}]
        ends += [{"id": "none", "run": ["/nothing/here"], "sandbox": sandbox}]
        ends += [{"id": "killed", "run": "kill -TERM $$", "sandbox": sandbox}]
        goal = await bench.goal(goal_of({"id": "all", "order": "parallel", "on_failure": "continue", "tasks": ends}))
        await bench.ended(goal.id)
        runs = {key: (await bench.engine.task(f"{goal.id}/{key}")).runs[0] for key in ("seven", "none", "killed")}
        assert (runs["seven"].exit_code, runs["none"].exit_code) == (7, 127)
        assert runs["none"].last_lines == ("ph: /nothing/here: No such file or directory",)
        assert runs["killed"].signal == 15 or runs["killed"].exit_code == 143
