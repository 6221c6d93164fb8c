"""A message to an address in the way of ntfy: the text is the body, everything else stands in headers."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress

import httpx

from engine.notify.undelivered import Undelivered

SECONDS = 10.0  # for the whole exchange
LARGEST = 64 * 1024  # bytes of an answer that are read
LONGEST_HEADER = 200  # characters of a title
RATE_WAIT = 60.0  # seconds, when it refuses without saying for how long
LONGEST_WAIT = 3600.0
Token = Callable[[], str | None]


class Push:
    """One client. `token` is asked for anew for each message and stands in no error."""

    def __init__(self, url: str, token: Token) -> None:
        self._url = httpx.URL(url)
        self._token = token
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(SECONDS), follow_redirects=False, trust_env=True)

    async def send(self, title: str, text: str, priority: int, tags: str, click: str) -> None:
        """Raises Undelivered unless the answer is a success."""
        token = await asyncio.to_thread(self._token)
        headers = {"title": header(title), "priority": str(priority), "tags": header(tags)}
        headers |= {"content-type": "text/plain; charset=utf-8"}
        headers |= {"click": header(click)} if click else {}
        headers |= {"authorization": f"Bearer {token}"} if token else {}
        body = text.encode("utf-8", "replace")
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._client.stream("POST", self._url, headers=headers, content=body) as answer,
            ):
                await _bounded(answer)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Undelivered(f"{self._host} did not answer in {SECONDS:g} seconds") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Undelivered(f"{self._host} cannot be reached: {type(error).__name__}") from error
        if not answer.is_success:
            raise self._refused(answer)

    async def close(self) -> None:
        await self._client.aclose()

    @property
    def _host(self) -> str:
        return self._url.host

    def _refused(self, answer: httpx.Response) -> Undelivered:
        code = answer.status_code
        if code == httpx.codes.TOO_MANY_REQUESTS:
            return Undelivered(f"{self._host} limits the rate of messages", wait=_asked(answer))
        known = {401: "refuses the token", 403: "forbids it", 404: "knows no such address"}
        passing = code >= 500 or code == httpx.codes.REQUEST_TIMEOUT
        return Undelivered(f"{self._host} {known.get(code, f'answered {code}')}", final=not passing)


def header(text: str) -> str:
    """One header's value: no line end or control gets through; what is not ASCII is an encoded word (RFC 2047)."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_HEADER]
    if line.isascii() and "=?" not in line:
        return line
    return f"=?UTF-8?B?{b64encode(line.encode('utf-8', 'replace')).decode()}?="


def _asked(answer: httpx.Response) -> float:
    with suppress(ValueError):
        return min(LONGEST_WAIT, max(1.0, float(answer.headers.get("retry-after", RATE_WAIT))))
    return RATE_WAIT


async def _bounded(answer: httpx.Response) -> None:
    size = 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size > LARGEST:
            return
