"""Reading logs: pages of what is stored, then what comes, across engines that end and start."""

from engine.api import LogPage, LogQuery
from engine.errors import EngineUnavailable
from engine.model import Stream
from tui.cli.call import Call
from tui.cli.line_filter import LineFilter
from tui.cli.output import say
from tui.cli.session import connect, has_project, look, news, no_project

PAGE = 20_000  # lines a request


async def print_log(call: Call, ref: str, tail: int | None, only: Stream | None, wanted: LineFilter) -> None:
    """Print what is stored: everything, or the last `tail` lines."""
    query = _query(None, tail, only)
    while True:
        page = await _page(call, ref, query)
        for line in page.lines:
            wanted.show(line)
        if len(page.lines) < PAGE or tail is not None:
            return
        query = _query(page.lines[-1].n, None, only)


async def _page(call: Call, ref: str, query: LogQuery) -> LogPage:
    return await look(call, lambda engine: engine.logs(ref, query))


async def follow_log(call: Call, ref: str, tail: int | None, only: Stream | None, wanted: LineFilter) -> None:
    """Print a log until its run has ended. Where no engine runs it reads what is there and waits for one,
    holding nothing meanwhile."""
    last: int | None = None
    told = False
    if not has_project(call):
        raise no_project(call)
    while True:
        query = _query(last, tail, only)
        remote = await connect(call)
        if remote is None:
            page = await _page(call, ref, query)
            for line in page.lines:
                wanted.show(line)
                last = line.n
            if page.ended and len(page.lines) < PAGE:
                return
            if not page.ended:
                await news(call, told=told)
                told = True
            continue
        try:
            async for line in remote.follow(ref, query):
                wanted.show(line)
                last = line.n
            return
        except EngineUnavailable as gone:
            say(f"{gone.message}; waiting for an engine")
        finally:
            await remote.close()


def _query(last: int | None, tail: int | None, only: Stream | None) -> LogQuery:
    """What comes after line `last`, or what to begin with."""
    if last is None and tail is not None:
        return LogQuery(tail=tail, stream=only, limit=max(PAGE, tail))
    return LogQuery(after=-1 if last is None else last, stream=only, limit=PAGE)
