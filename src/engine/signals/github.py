"""GitHub's REST API: conditional requests, bounded in time and size, every failure as Trouble (R69)."""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import httpx

from engine.signals.finding import Trouble

TIMEOUT = 10.0  # seconds for one answer
LARGEST = 8 * 1024**2  # bytes of one answer
PAGES = 10  # of 100 entries each; beyond that an answer is not complete
REMEMBERED = 500  # answers kept for conditional requests
RATE_WAIT = 60.0  # seconds, when it refuses without saying for how long
Token = Callable[[], str | None]


class GitHub:
    """One client. `token` is asked for anew for each request and stands in no message; `now` in seconds since 1970."""

    def __init__(self, url: str, token: Token, now: Callable[[], float] = time.time) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._now = now
        self._kept: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(TIMEOUT), follow_redirects=False, trust_env=True)

    async def get(self, path: str) -> Any:
        """The JSON at `path`, fetched only when it has changed. Raises Trouble."""
        url = f"{self._url}{path}"
        headers = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
        token = await asyncio.to_thread(self._token)
        if token:
            headers["authorization"] = f"Bearer {token}"
        kept = self._kept.get(url)
        if kept is not None:
            headers["if-none-match"] = kept[0]
        try:
            async with self._client.stream("GET", url, headers=headers) as answer:
                if answer.status_code == httpx.codes.NOT_MODIFIED and kept is not None:
                    return kept[1]
                body = await _bounded(answer)
        except httpx.TimeoutException as error:
            raise Trouble(f"{self._host} did not answer in {TIMEOUT:g} seconds") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Trouble(f"{self._host} cannot be reached: {type(error).__name__}") from error
        self._require_success(answer, path)
        return self._keep(url, answer, body, path)

    async def listed(self, path: str, key: str | None = None) -> list[Mapping[str, Any]]:
        """Every entry of a list that comes in pages; under `key` of an object, when given."""
        found: list[Mapping[str, Any]] = []
        joint = "&" if "?" in path else "?"
        for page in range(1, PAGES + 1):
            answer = await self.get(f"{path}{joint}per_page=100&page={page}")
            entries = answer.get(key) if key is not None and isinstance(answer, dict) else answer
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise Trouble(f"{self._host} answered {path} with something else than a list")
            found += entries
            if len(entries) < 100:
                return found
        raise Trouble(f"{path} has more than {PAGES * 100} entries")

    async def close(self) -> None:
        await self._client.aclose()

    @property
    def _host(self) -> str:
        return httpx.URL(self._url).host or self._url

    def _require_success(self, answer: httpx.Response, path: str) -> None:
        if answer.is_success:
            return
        wait = self._asked_to_wait(answer)
        if wait is not None:
            raise Trouble(f"{self._host} limits the rate of requests", wait)
        known = {401: "refuses the token", 403: "forbids it", 404: "knows no such thing, or hides it from this token"}
        said = known.get(answer.status_code, f"answered {answer.status_code}")
        raise Trouble(f"{self._host} {said} ({path})")

    def _asked_to_wait(self, answer: httpx.Response) -> float | None:
        """Seconds until it may be asked again, when the refusal is about the rate; None for any other refusal."""
        if answer.status_code not in (403, 429):
            return None
        with suppress(ValueError):
            return (
                max(1.0, float(answer.headers["retry-after"]))
                if "retry-after" in answer.headers
                else self._reset(answer)
            )
        return RATE_WAIT

    def _reset(self, answer: httpx.Response) -> float | None:
        if answer.headers.get("x-ratelimit-remaining") == "0":
            return max(1.0, float(answer.headers.get("x-ratelimit-reset", "0")) - self._now())
        return RATE_WAIT if answer.status_code == 429 else None

    def _keep(self, url: str, answer: httpx.Response, body: bytes, path: str) -> Any:
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Trouble(f"{self._host} answered {path} with something that is no JSON") from error
        etag = answer.headers.get("etag")
        if etag is not None:
            self._kept[url] = (etag, parsed)
            while len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)
        return parsed


async def _bounded(answer: httpx.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > LARGEST:
            raise Trouble(f"an answer is larger than {LARGEST:,} bytes")
    return body
