"""One notice through one channel, as the settings are at that moment."""

import asyncio
import json
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from engine.api.notices import Notice
from engine.dispatch.context import Context
from engine.errors import Invalid
from engine.model import NoticeChannel, NotifySettings, Severity
from engine.notify.command import Command
from engine.notify.undelivered import Undelivered
from engine.private import token_now

if TYPE_CHECKING:
    from engine.notify.push import Push

PRIORITY = {Severity.LOW: 2, Severity.NORMAL: 3, Severity.URGENT: 5}  # of ntfy: 1 to 5
TAGS = {Severity.LOW: "information_source", Severity.NORMAL: "bell", Severity.URGENT: "rotating_light"}


class Delivery:
    """Holds the client of the address, made anew when the settings are other ones."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._push: tuple[NotifySettings, Push] | None = None
        self._turn = asyncio.Lock()  # a client is not replaced while it sends

    async def send(self, notice: Notice, channel: NoticeChannel) -> None:
        """Raises Undelivered when it did not arrive."""
        notice = notice.model_copy(update={"title": _shown(notice.title), "text": _shown(notice.text)})
        settings = self._context.settings.notify
        if channel not in settings.channels:
            raise Undelivered(f"notify.{channel} is not set", final=True)
        match channel:
            case NoticeChannel.COMMAND:
                await self._run(notice, settings)
            case NoticeChannel.URL:
                link = settings.click.replace("{decision}", notice.decision or "").replace("{goal}", notice.goal or "")
                words = (notice.title, notice.text, PRIORITY[notice.severity], TAGS[notice.severity], link)
                async with self._turn:
                    await (await self._client(settings)).send(*words)
            case _:
                assert_never(channel)

    async def close(self) -> None:
        if self._push is not None:
            await self._push[1].close()
            self._push = None

    async def _run(self, notice: Notice, settings: NotifySettings) -> None:
        context = self._context
        project = str(context.paths.root)
        at = context.clock.now().astimezone(UTC).isoformat(timespec="seconds")
        document = {**notice.model_dump(mode="json"), "project": project, "engine": context.engine, "at": at}
        variables = {
            "PILOTHOUSE_STAGE": notice.stage, "PILOTHOUSE_SEVERITY": notice.severity.value,
            "PILOTHOUSE_TITLE": notice.title, "PILOTHOUSE_TEXT": notice.text, "PILOTHOUSE_GOAL": notice.goal or "",
            "PILOTHOUSE_TASK": notice.task or "", "PILOTHOUSE_DECISION": notice.decision or "",
            "PILOTHOUSE_PROJECT": project,
        }  # fmt: skip
        secrets = (settings.token_env, context.settings.github.token_env)
        mark = f"{context.engine}-{context.random.getrandbits(64):016x}"
        command = Command(settings.command, context.paths.root, secrets)
        await command.run(json.dumps(document).encode() + b"\n", variables, mark)

    async def _client(self, settings: NotifySettings) -> "Push":
        if self._push is None or self._push[0] != settings:
            await self.close()
            self._push = (settings, await asyncio.to_thread(_open, settings, self._context.paths.root))
        return self._push[1]


def _shown(text: str) -> str:
    """Without whatever is not to be seen: controls, changes of direction."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _open(settings: NotifySettings, root: Path) -> "Push":
    """The client; loads httpx."""
    from engine.notify.push import Push

    return Push(settings.url, partial(read_token, settings, root))


def read_token(settings: NotifySettings, root: Path) -> str | None:
    """The token of the address as it is at this moment; raises Undelivered."""
    try:
        return token_now(settings.token_file, settings.token_env, root)
    except Invalid as error:
        raise Undelivered(f"notify.token_file: {error.message}") from error
