"""A real container at its door: network none, uid 10001, read-only root; the engine may be killed meanwhile."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from commands import Event, pilothouse, watched, write_goal

from engine.api import Answer
from engine.client import RemoteEngine
from engine.model import AnswerKind

pytestmark = pytest.mark.docker

SPEAKS = """
goal: speak
tasks:
  - id: speaker
    run: |
      set -e
      test "$(id -u)" = 10001
      ! touch /nothing 2>/dev/null
      test "$(ls /sys/class/net)" = lo
      ph progress --message half --percent 50
      ph heartbeat
      ph handoff port=80 name=web
      echo kept > out.txt
      ph artifact out.txt
      echo '{"n": 1}' > state.json
      ph checkpoint first state.json
      echo "answer: $(ph ask 'Which one?' --option red --option blue)"
      ph complete --summary 'all said' --output lines=3
  - id: listener
    needs: [speaker]
    run: |
      ph inputs
      cat /run/pilothouse/dependencies/speaker/out.txt
"""


def answer(project: Path, event: Event, kind: AnswerKind, **more: Any) -> None:
    """Answer a question over the engine's own socket."""

    async def send() -> None:
        engine = await RemoteEngine.connect(f"unix:{project / '.pilothouse' / 'engine.sock'}")
        try:
            await engine.answer(event["data"]["decision"], Answer(version=1, answer=kind, **more))
        finally:
            await engine.close()

    asyncio.run(send())


def test_f84_f98_a_container_without_network_says_all_it_has_to_say(containers: Path) -> None:
    goal = write_goal(containers, SPEAKS)
    with watched(containers, "run", goal, "--no-ui", "--json", "--runtime", "docker", "--on-gate", "wait") as run:
        asked = run.until_type("decision.opened")
        assert asked["data"]["kind"] == "question"
        answer(containers, asked, AnswerKind.CHOOSE, option="blue")
        code = run.finish()
    speaker = pilothouse(containers, "logs", f"{asked['goal']}/speaker").out
    assert code == 0, speaker
    assert "answer: blue" in speaker.splitlines()
    listener = pilothouse(containers, "logs", f"{asked['goal']}/listener").out
    given, _ = json.JSONDecoder().raw_decode(listener)
    told = given["dependencies"]["speaker"]
    assert (told["summary"], told["outputs"]) == ("all said", {"lines": 3})
    assert told["handoff"] == {"port": 80, "name": "web"}
    assert listener.splitlines()[-1] == "kept"
    (checkpoint,) = pilothouse(containers, "checkpoints", "list", f"{asked['goal']}/speaker", "--json").json()
    assert (checkpoint["name"], checkpoint["version"]) == ("first", 1)


def test_r81_r91_an_answer_reaches_ph_over_a_kill_of_the_engine(containers: Path) -> None:
    text = "goal: ask\ntasks:\n  - id: asker\n    run: echo \"answer $(ph ask 'Go on?')\"\n"
    goal = write_goal(containers, text)
    with watched(containers, "run", goal, "--no-ui", "--json", "--runtime", "docker", "--on-gate", "wait") as first:
        asked = first.until_type("decision.opened")
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
    with watched(containers, "--no-ui", "--json") as second:
        second.until_type("sandbox.adopted")
        (pending,) = pilothouse(containers, "decisions", "--json").json()
        assert pending["id"] == asked["data"]["decision"], "the same question is the same decision"
        answer(containers, asked, AnswerKind.FILL, fields={"answer": "yes"})
        second.until_type("goal.ended")
        second.process.terminate()
        second.finish()
    kinds = [event["type"] for event in first.events + second.events]
    assert kinds.count("decision.opened") == 1
    assert pilothouse(containers, "logs", f"{asked['goal']}/asker", "--stream", "out").out.splitlines() == [
        "answer yes"
    ]


OUTBOX = """
goal: letters
tasks:
  - id: writer
    run: |
      cd "$PILOTHOUSE_OUTBOX"
      printf '{"op": "ask", "question": "Go on?", "options": ["yes", "no"]}' > q.tmp
      mv q.tmp q.json
      until [ -e ../replies/q.json ]; do sleep 0.1; done
      cat ../replies/q.json
      printf '{"op": "complete", "summary": "by letter"}' > done.tmp
      mv done.tmp done.json
"""


def test_f98_letters_of_a_shell_alone_do_the_same(containers: Path) -> None:
    goal = write_goal(containers, OUTBOX)
    with watched(containers, "run", goal, "--no-ui", "--json", "--runtime", "docker", "--on-gate", "wait") as run:
        ended = run.until_type("run.ended")
        run.process.kill()
    assert ended["data"]["message"] == "by letter"
    kinds = [event["type"] for event in run.events]
    assert kinds.count("decision.opened") == 1
    lines = pilothouse(containers, "logs", ended["run"]).out
    assert json.loads(lines)["open"] is True


TRIES = """
import glob, http.client, json, os, socket, stat, sys

found = {"sockets": [], "answers": {}, "readable": [], "written": []}

def ask(path, method, target, token):
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)
    headers = {"Authorization": "Bearer " + token} if token else {}
    connection.request(method, target, "{}" if method != "GET" else None, headers)
    return connection.getresponse().status

for folder, _, names in os.walk("/"):
    if folder.startswith(("/proc", "/sys")):
        continue
    for name in names:
        path = os.path.join(folder, name)
        try:
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                found["sockets"].append(path)
        except OSError:
            pass
token = os.environ["PILOTHOUSE_TOKEN"]
for method, target in json.loads(open("routes.json").read()):
    for bearer in (token, ""):
        status = ask(os.environ["PILOTHOUSE_SOCKET"], method, target, bearer)
        found["answers"].setdefault(str(status), []).append(method + " " + target)
for name in ("engine.sock", "bin/ph", "inputs.json", "replies/x.json", "new"):
    try:
        open("/run/pilothouse/" + name, "w")
        found["written"].append(name)
    except OSError:
        pass
try:
    os.unlink("/run/pilothouse/engine.sock")
    found["written"].append("unlinked")
except OSError:
    pass
print(json.dumps(found))
"""


def test_r111_a_container_tries_every_route_socket_and_file_of_the_engine(containers: Path) -> None:
    from engine.server.app import make_app

    app = make_app(None, None)  # type: ignore[arg-type]  # only its table of routes is looked at
    paths = getattr(app, "_app", app).openapi()["paths"]
    routes = [(method.upper(), re.sub(r"{\w+}", "1", path)) for path in paths for method in paths[path]]
    assert len(routes) > 30
    script = TRIES.replace('open("routes.json").read()', repr(json.dumps(routes)))
    steps = [
        {"id": "intruder", "run": ["python3", "-c", script]},
        {"id": "gate", "needs": ["intruder"], "gate": {"kind": "human_approval", "question": "May it?"}},
    ]
    goal = write_goal(containers, json.dumps({"goal": "intrude", "tasks": steps}))
    with watched(containers, "run", goal, "--no-ui", "--json", "--runtime", "docker", "--on-gate", "wait") as run:
        opened = run.until_type("decision.opened")
        found = json.loads(pilothouse(containers, "logs", f"{opened['goal']}/intruder").out)
        assert found["sockets"] == ["/run/pilothouse/engine.sock"]
        assert set(found["answers"]) <= {"401", "403", "404", "405"}
        assert found["written"] == []
        (pending,) = pilothouse(containers, "decisions", "--json").json()
        assert (pending["id"], pending["version"]) == (opened["data"]["decision"], 1)
        run.process.kill()
