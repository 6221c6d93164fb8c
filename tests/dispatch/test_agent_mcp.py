"""A run's operations as tools of the Model Context Protocol: the same code, for the same run, and nothing else."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from scripted import Bench, goal_file
from voices import Voice, heard_again, meanwhile, seen, voice_of, voices

import engine.sandbox_api
from engine.api import Answer
from engine.dispatch.agent.mcp_tools import OFFERS, tool_name
from engine.dispatch.agent.operations import LOOKS, ORDERS
from engine.model import AnswerKind

Opened = Callable[..., Awaitable[Bench]]
PH = Path(engine.sandbox_api.__file__).with_name("ph")
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


async def ask(voice: Voice, method: str, params: object = None, id: object = 1) -> dict[str, Any]:
    """One message straight at the door; its answer."""
    body = {"jsonrpc": "2.0", "id": id, "method": method} | ({} if params is None else {"params": params})
    status, document = await voice.say("POST", "mcp?client=test", body)
    assert status == 200, document
    return document


async def tool(voice: Voice, name: str, id: object = 1, /, **arguments: object) -> dict[str, Any]:
    """The result of a tool."""
    result: dict[str, Any] = (await ask(voice, "tools/call", {"name": name, "arguments": arguments}, id))["result"]
    return result


async def names(voice: Voice) -> set[str]:
    return {tool["name"] for tool in (await ask(voice, "tools/list"))["result"]["tools"]}


async def test_r110_every_operation_is_a_tool_with_its_own_arguments_and_is_open(bench: Bench) -> None:
    planned = {"id": "more", "planned_by": "one", "tasks": []}
    goal = await bench.goal(goal_file({"id": "one", "run": "hang one"}, planned))
    await bench.until(goal.id, lambda _, states: states["one"] == "running")
    one = voice_of(bench, "one")
    tools = {tool["name"]: tool for tool in (await ask(one, "tools/list"))["result"]["tools"]}
    assert set(tools) == set(OFFERS) == {tool_name(name) for name in (*ORDERS, *LOOKS)} | {"answer"}
    assert all(re.fullmatch("[a-z_]+", name) for name in tools), "a name that every client takes"
    assert tools["progress"]["inputSchema"]["required"] == ["message"]
    for name, offered in tools.items():
        assert offered["inputSchema"]["type"] == "object"
        assert offered["inputSchema"]["additionalProperties"] is False
        refused = await tool(one, name, unknown=1)
        assert refused["isError"], name
        assert refused["structuredContent"]["status"] == 422, refused
    assert (await tool(one, "subtasks", tasks=[{"id": "new", "run": "exit 0"}]))["structuredContent"]["group"] == "more"


async def test_r110_planning_is_offered_to_whoever_plans_and_r111_no_operators_tool_to_anybody(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    assert await names(one) == set(OFFERS) - {"subtasks"}
    for name in ("subtasks", "decide", "propose", "mcp", "approve", "raw"):
        refused = await tool(one, name)
        assert refused["structuredContent"]["status"] == 404, name


async def test_r111_the_protocol_needs_the_runs_own_token(bench: Bench) -> None:
    _, (one, two) = await voices(bench, "one", "two")
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert (await one.say("POST", "mcp", body, token=""))[0] == 401
    assert (await one.say("POST", "mcp", body, token=two.env["PILOTHOUSE_TOKEN"]))[0] == 403
    assert (await one.say("GET", "mcp"))[0] == 404


async def test_it_speaks_the_protocol_and_says_what_is_wrong(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    hello = (await ask(one, "initialize", HELLO))["result"]
    assert (hello["protocolVersion"], hello["capabilities"]) == ("2025-06-18", {"tools": {"listChanged": False}})
    strange = (await ask(one, "initialize", HELLO | {"protocolVersion": "1999"}))["result"]
    assert strange["protocolVersion"] > "2025"
    assert (await ask(one, "ping", id="a"))["result"] == {}
    assert (await ask(one, "no/such"))["error"]["code"] == -32601
    assert (await ask(one, "resources/list"))["error"]["code"] == -32601
    assert (await ask(one, "tools/call", {"nothing": 1}))["error"]["code"] == -32602
    for junk in (b"{", b"[]", b'{"jsonrpc": "2.0", "id": 1}', b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}'):
        status, document = await one.say("POST", "mcp", junk)
        assert (status, document["error"]["code"]) == (200, -32700), junk
    told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert await one.say("POST", "mcp", told) == (202, {})


async def test_f98_tools_do_what_the_operations_do(bench: Bench) -> None:
    _, (one, two) = await voices(bench, "one", "two")
    assert not (await tool(one, "progress", message="half", percent=50)).get("isError")
    lease = (await tool(one, "lease_acquire", name="db"))["structuredContent"]
    held = await tool(two, "lease_acquire", name="db")
    assert held["isError"]
    assert "one (run" in held["content"][0]["text"]
    assert held["structuredContent"]["details"]["holder"] == one.run
    assert (await tool(one, "lease_renew", name="db", fence=lease["fence"]))["structuredContent"]["name"] == "db"
    assert not (await tool(one, "checkpoint", name="c", data={"n": 1}, lease="db", fence=lease["fence"]))["isError"]
    assert (await tool(one, "checkpoints"))["structuredContent"]["state"] == {"n": 1}
    found = await tool(one, "agents", role="work")
    assert {agent["name"] for agent in found["structuredContent"]["agents"]} == {"one", "two"}
    assert (await one.get("status"))["leases"][0]["name"] == "db", "what HTTP shows is the same"
    assert not (await tool(one, "complete", summary="all of it", outputs={"n": 1}))["isError"]
    assert (await tool(one, "status"))["structuredContent"]["reported"] == "complete"


async def test_a_message_that_is_sent_again_after_a_lost_connection_is_one(bench: Bench) -> None:
    _, (one, two) = await voices(bench, "one", "two")
    for _ in range(2):
        await tool(one, "message", 7, to="two", body={"text": "hi"})
    await tool(one, "message", 8, to="two", body={"text": "hi"})
    assert len((await two.get("messages"))["messages"]) == 2


async def test_a_secret_of_the_run_is_cut_out_of_what_a_tool_says(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    token = one.env["PILOTHOUSE_TOKEN"]
    await tool(one, "progress", message=f"the token is {token}")
    assert token not in json.dumps([event.model_dump(mode="json") for event in await bench.events()])


class Piped:
    """`ph mcp` as an agent's command line starts it: JSON lines in and out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def send(self, *messages: object) -> None:
        assert self.process.stdin is not None
        lines = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages]
        self.process.stdin.write(b"".join(line + b"\n" for line in lines))
        await self.process.stdin.drain()

    async def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            found: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return found

    async def end(self) -> tuple[int, bytes]:
        """Close its stdin; its exit code and what it narrated."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(20):
            _, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, err


@asynccontextmanager
async def piped(voice: Voice, program: Sequence[str] = (str(PH), "mcp"), **more: str) -> AsyncIterator[Piped]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(voice.env) | more
    )
    try:
        yield Piped(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def request(id: object, method: str, **params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def question(id: object, text: str) -> dict[str, object]:
    return request(id, "tools/call", name="ask", arguments={"question": text, "options": ["red", "blue"]})


async def decided(bench: Bench, option: str) -> None:
    """Answer the one open question."""
    (pending,) = await bench.engine.decisions()
    await bench.engine.answer(pending.id, Answer(version=pending.version, answer=AnswerKind.CHOOSE, option=option))


async def test_r81_a_long_ask_holds_up_no_other_call_and_comes_back_with_the_answer(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    async with piped(one) as ph:
        await ph.send(
            b"", b"{nonsense", {"jsonrpc": "2.0", "method": "notifications/initialized"}, question(1, "Which?")
        )
        assert (await ph.read())["error"]["code"] == -32700
        await seen(bench, "decision.opened")
        await ph.send(request("p", "tools/call", name="progress", arguments={"message": "meanwhile"}))
        assert (await ph.read())["id"] == "p"
        await decided(bench, "blue")
        answered = await ph.read()
        assert (answered["id"], answered["result"]["structuredContent"]["text"]) == (1, "blue")
        assert await ph.end() == (0, b"")


async def test_r103_a_wait_ends_when_it_is_cancelled_and_when_its_client_goes(bench: Bench) -> None:
    _, (one, two) = await voices(bench, "one", "two")
    await tool(one, "lease_acquire", name="db")
    database = bench.engine._parts.context.database

    async def waiting() -> int:
        return len(await database.all("SELECT * FROM lease_waiters"))

    async def until(number: int) -> None:
        async with asyncio.timeout(20):
            while await waiting() != number:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    wait = request(1, "tools/call", name="lease_acquire", arguments={"name": "db", "wait": 600})
    async with piped(two) as ph:
        await ph.send(wait)
        await until(1)
        await ph.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        await until(0)
        await ph.send(request(2, "ping"))
        assert (await ph.read())["id"] == 2, "a cancelled request is answered no more"
        await ph.send({**wait, "id": 3})
        await until(1)
        ph.process.kill()
        await until(0)


async def test_r91_an_ask_over_a_restart_of_the_engine_is_the_same_question(opened: Opened) -> None:
    bench = await opened()
    _, (one,) = await voices(bench, "one")
    async with piped(one) as ph:
        await ph.send(question(1, "Go on?"))
        await seen(bench, "decision.opened")
        await bench.engine.close()
        again = await opened()
        await heard_again(again, one)
        await ph.send(request(2, "ping"))
        assert (await ph.read())["id"] == 2
        await decided(again, "red")
        assert (await ph.read())["result"]["structuredContent"]["text"] == "red"
    assert len([event for event in await again.events() if event.type == "decision.opened"]) == 1


async def test_where_no_engine_answers_a_tool_says_so_in_bounded_time(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    gone = {"PILOTHOUSE_SOCKET": "/nonexistent/engine.sock", "PILOTHOUSE_PATIENCE": "0.1"}
    async with piped(one, **gone) as ph:
        await ph.send(request(1, "tools/call", name="status", arguments={}), request(2, "tools/list"))
        answers = {answer["id"]: answer for answer in (await ph.read(), await ph.read())}
        assert answers[1]["result"]["isError"]
        assert "no engine answers" in answers[1]["result"]["content"][0]["text"]
        assert "no engine answers" in answers[2]["error"]["message"]
        assert await ph.end() == (0, b"")


async def test_an_agent_that_keeps_its_environment_to_itself_is_heard_all_the_same(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    ph = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, {str(PH)!r}, 'mcp'], env={{}}))"
    async with piped(one, program=("-c", ph)) as agent:
        await agent.send(request(1, "tools/call", name="status", arguments={}))
        assert (await agent.read())["result"]["structuredContent"]["run"]["id"] == one.run
        assert await agent.end() == (0, b"")


async def test_an_ask_may_come_back_open_and_be_looked_at_again(bench: Bench) -> None:
    _, (one,) = await voices(bench, "one")
    asked = (await tool(one, "ask", question="Which?", options=["red", "blue"], wait=0))["structuredContent"]
    assert asked["open"] is True
    async with meanwhile(tool(one, "answer", id=asked["id"], wait=30)) as later:
        await decided(bench, "red")
        assert (await later)["structuredContent"]["text"] == "red"
    assert (await tool(one, "answer", id="d-0000000000"))["structuredContent"]["status"] == 404
