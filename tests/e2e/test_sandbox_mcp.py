"""An agent in a container without network speaks MCP through `ph mcp`, with nothing but the standard library."""

import json
from pathlib import Path

import pytest
from commands import pilothouse, watched, write_goal
from test_sandbox_api import answer

from engine.model import AnswerKind

pytestmark = pytest.mark.docker

AGENT = """
import json, os, subprocess
assert os.listdir("/sys/class/net") == ["lo"], "there is no network"
server = subprocess.Popen(["ph", "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def send(method, id=None, **params):
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    server.stdin.write(json.dumps(message if id is None else dict(message, id=id)) + "\\n")
    server.stdin.flush()
def read():
    return json.loads(server.stdout.readline())
def tool(id, name, **arguments):
    send("tools/call", id, name=name, arguments=arguments)
send("initialize", 1, protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "agent", "version": "1"})
assert read()["result"]["serverInfo"]["name"] == "pilothouse-sandbox"
send("notifications/initialized")
send("tools/list", 2)
print(json.dumps(sorted(tool["name"] for tool in read()["result"]["tools"])))
tool(3, "ask", question="Which one?", options=["red", "blue"])
tool(4, "progress", message="asked", percent=50)
first, second = read(), read()
print(first["id"], second["id"], second["result"]["structuredContent"]["text"])
tool(5, "decide", decision="d-1", version=1, answer="approve")
assert read()["result"]["isError"]
tool(6, "complete", summary="by tool", outputs={"colour": second["result"]["structuredContent"]["option"]})
assert not read()["result"]["isError"]
server.stdin.close()
assert server.wait(10) == 0
"""


def test_f98_an_agent_in_a_container_asks_reports_and_completes_by_tools(containers: Path) -> None:
    task = {"id": "speaker", "run": ["python3", "-c", AGENT]}
    goal = write_goal(containers, json.dumps({"goal": "speak", "tasks": [task]}))
    with watched(containers, "run", goal, "--no-ui", "--json", "--runtime", "docker", "--on-gate", "wait") as run:
        progress = run.until_type("task.progress")
        assert progress["data"]["message"] == "asked", "while the question is open"
        opened = [event for event in run.events if event["type"] == "decision.opened"]
        asked = opened[0] if opened else run.until_type("decision.opened")  # two requests at once, in either order
        answer(containers, asked, AnswerKind.CHOOSE, option="blue")
        code = run.finish()
    log = pilothouse(containers, "logs", f"{asked['goal']}/speaker").out
    assert code == 0, log
    listed, said = log.splitlines()
    assert {"ask", "complete", "lease_acquire", "answer"} <= set(json.loads(listed))
    assert not {"decide", "propose", "subtasks"} & set(json.loads(listed))
    assert said == "4 3 blue"
    ended = next(event for event in run.events if event["type"] == "run.ended")
    assert ended["data"]["message"] == "by tool"
