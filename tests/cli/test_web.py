"""The screen in a browser, over a real socket: whoever has the address sees it, foreign pages do not (R114, F108)."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from cli_process import Pilothouse

NOTHING = "nothing waits for you"
Start = Callable[..., "subprocess.Popen[str]"]


@dataclass(frozen=True)
class Page:
    """What `pilothouse web` serves."""

    url: str
    port: int

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        """A path of the page, or one of the whole server when it begins with a slash."""
        url = f"http://127.0.0.1:{self.port}{path}" if path.startswith("/") else self.url + path
        return httpx.get(url, headers=headers, trust_env=False, timeout=30)


@pytest.fixture
def page(start: Start, inside: Pilothouse) -> Iterator[Page]:
    pytest.importorskip("textual_serve", reason="the extra `web` is not installed")
    process = start("web", "--port", "0", "--json")
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    yield Page(told["url"], told["port"])
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, ""), err
    assert inside("stop").code == 0, "the engine went on"


async def seen_by_a_browser(page: Page) -> str:
    """What the second screen shows, once the first one was there and heard a key."""
    import aiohttp

    seen, asked = "", False
    async with aiohttp.ClientSession() as session, session.ws_connect(page.url + "ws?width=80&height=24") as browser:
        async for message in browser:
            if message.type is aiohttp.WSMsgType.BINARY:
                seen += message.data.decode(errors="replace")
            if not asked and "no goals yet" in seen:
                asked, seen = True, ""
                await browser.send_json(["stdin", "2"])
            if asked and NOTHING in seen:
                break
    return seen


def test_r114_f108_the_screen_is_for_whoever_has_its_address_and_for_no_other_page(page: Page) -> None:
    index = page.get()
    assert index.status_code == 200
    assert f'data-session-websocket-url="{page.url.replace("http", "ws", 1)}ws"' in index.text
    assert page.get("static/js/textual.js").status_code == 200
    assert index.headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in index.headers["content-security-policy"]
    named = f"localhost:{page.port}"
    assert page.get(Host=named, Origin=f"http://{named}").status_code == 200
    for path in ("/", "/ws", "/static/js/textual.js", "/download/x", f"/{'x' * 43}/", "/%ff/"):
        assert page.get(path).status_code == 403, path
    for headers in (
        {"Host": "evil.example"}, {"Host": f"evil.example:{page.port}"}, {"Host": ""}, {"Origin": "http://evil.example"},
        {"Origin": "null"}, {"Origin": f"http://127.0.0.1:{page.port + 1}"}, {"Origin": f"https://127.0.0.1:{page.port}"},
    ):  # fmt: skip
        assert page.get(**headers).status_code == 403, headers
        assert page.get("ws", Connection="Upgrade", Upgrade="websocket", **headers).status_code == 403, headers
    assert NOTHING in asyncio.run(asyncio.wait_for(seen_by_a_browser(page), 60))


def test_r114_other_machines_are_kept_out_until_it_is_said(inside: Pilothouse) -> None:
    pytest.importorskip("textual_serve", reason="the extra `web` is not installed")
    for host in ("0.0.0.0", "::", socket.gethostname(), "192.0.2.7"):
        refused = inside("web", "--host", host, "--port", "0", "--json")
        assert (refused.code, "--expose" in refused.json["error"]["hint"]) == (2, True), host
    unreachable = inside("web", "--host", "192.0.2.7", "--port", "0", "--expose", "--json")
    assert (unreachable.code, "cannot listen" in unreachable.json["error"]["message"]) == (2, True)


def test_what_is_not_installed_is_named_with_the_command_that_installs_it(
    inside: Pilothouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    refused = inside("web", "--json")
    assert (refused.code, refused.json["error"]["hint"]) == (2, 'pip install "textual-serve>=1.1,<2"')
