"""`ph proxy` becomes the command, and the proxy beside it takes what a proxy takes (F152)."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path

import pytest

PH = str(files("engine.sandbox_api").joinpath("ph"))
AWAY = {"PILOTHOUSE_SOCKET": "/nonexistent/engine.sock", "PILOTHOUSE_PATIENCE": "0.1", "PATH": os.environ["PATH"]}


def free_port() -> int:
    """One below those that the kernel gives out by itself: nobody gets it between this look and its use."""
    given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(max(1024, given - 20_000), given)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def proxied(*argv: str, port: int = 0) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, PH, "proxy", "--port", str(port or free_port()), "--", *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=AWAY) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_command_has_the_process_the_output_and_the_exit_code() -> None:
    with proxied("sh", "-c", "echo $$; echo said >&2; exit 7") as process:
        out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == (f"{process.pid}\n", "said\n", 7)


def test_the_command_has_no_child_and_no_signal_that_it_did_not_ask_for() -> None:
    look = "import signal,os; print(signal.getsignal(signal.SIGINT)); print(open('/proc/self/status').read())"
    look += "; print('children:', open('/proc/self/task/%d/children' % os.getpid()).read())"
    with proxied(sys.executable, "-c", look) as process:
        out, _ = process.communicate(timeout=20)
    assert "default_int_handler" in out
    assert out.rstrip().endswith("children:")
    ignored = ["sh", "-c", "grep SigIgn /proc/$$/status"]
    with proxied(*ignored) as process:
        out, _ = process.communicate(timeout=20)
    assert out == subprocess.run(ignored, capture_output=True, text=True, check=True).stdout, "as without a proxy"


def test_a_signal_reaches_the_command_itself() -> None:
    with proxied("sh", "-c", "echo up; exec sleep 60") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == -signal.SIGTERM


def test_the_proxy_goes_when_the_command_has_gone() -> None:
    port = free_port()
    with proxied("sleep", "60", port=port) as process:
        wait_for(port)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except ConnectionRefusedError:
                return
            time.sleep(0.05)
    raise AssertionError("it still listens")


@pytest.mark.parametrize(("argv", "code", "said"), [
    (("/nothing/here",), 127, "ph: /nothing/here: No such file or directory"),
    ((str(Path(__file__)),), 126, "Permission denied"),
    ((), 2, "proxy needs a command"),
])  # fmt: skip
def test_what_cannot_be_started_is_said(argv: tuple[str, ...], code: int, said: str) -> None:
    with proxied(*argv) as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert said in err
    assert "Traceback" not in err


def answer(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(request)
        got = b""
        while block := line.recv(65536):
            got += block
    return got


def test_it_says_what_it_takes_and_that_no_engine_answers() -> None:
    port = free_port()
    with proxied("sleep", "60", port=port) as process:
        wait_for(port)
        for line in (b"GET / HTTP/1.1", b"GET https://a.b/ HTTP/1.1", b"GET http://a.b:x/ HTTP/1.1", b"nonsense"):
            got = answer(port, line + b"\r\nHost: a\r\n\r\n")
            assert got.startswith(b"HTTP/1.1 400 Bad Request\r\n"), got
            assert b"this is a proxy" in got
        assert answer(port, b"CONNECT a.b:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 502 ")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{port}"}))
        with pytest.raises(urllib.error.HTTPError) as told:
            opener.open("http://a.b/", timeout=20)
        assert told.value.read() == b"no engine answers\n"
        told.value.close()
        process.kill()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return
