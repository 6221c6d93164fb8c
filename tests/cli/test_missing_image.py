"""An image that is not here: exit code 3, and it is the image that was asked for that is named, whatever the daemon
says (R44)."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cli_process import Pilothouse
from goal_files import goal_file

IMAGE = "nobody/nothing:9"
GOAL = f"goal: Build\ntasks:\n  - {{id: build, run: 'true', sandbox: {{image: '{IMAGE}'}}}}\n"


class Bare(BaseHTTPRequestHandler):
    """A daemon without images, which does not say which one it misses."""

    def do_GET(self) -> None:
        known = {"/version": {"ApiVersion": "1.43", "Version": "24"}, "/info": {"OSType": "linux"}}
        found = next((body for end, body in known.items() if self.path.endswith(end)), None)
        body = json.dumps(found or {"message": "No such image"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "local"

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of such a daemon."""
    path = tmp_path_factory.mktemp("bare") / "d.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Bare) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"unix://{path}"
        server.shutdown()
        serving.join()


@pytest.mark.parametrize("verb", ["run", "image"])
def test_r44_the_image_that_was_asked_for_is_named(verb: str, bare: str, inside: Pilothouse, project: Path) -> None:
    goal_file(project, GOAL)
    args = {"run": ("goal.yaml", "--runtime", "docker", "--no-ui"), "image": ("check", "--image", IMAGE)}
    answer = inside(verb, *args[verb], DOCKER_HOST=bare)
    assert answer.code == 3, answer
    message, hint = answer.err.splitlines()[-2:]
    assert message == f"pilothouse: the image {IMAGE} is not on this machine"
    assert f"docker pull {IMAGE}" in hint
    assert "pilothouse image build" in hint
    assert answer.out == ""
