"""Reading logs: pages of what is stored, then what comes, across engines that end and start."""

from typing import assert_never

from engine.api import LogLine, LogPage, LogQuery
from engine.errors import EngineUnavailable
from engine.model import Stream
from tui.cli.call import Call
from tui.cli.output import put_foreign, put_json, say
from tui.cli.session import connect_again, has_project, look, news, no_project

PAGE = 20_000  # lines a request


def show(line: LogLine, *, as_json: bool) -> None:
    """Print one line of a log."""
    if as_json:
        put_json(line, line=True)
        return
    match line.stream:
        case Stream.OUT | Stream.ERR:
            put_foreign(line.text)
        case Stream.GAP:
            put_foreign(f"── {line.text} ──")  # among the data: it says that lines are missing at this place
        case Stream.NOTE:
            say(f"── {line.text} ──")
        case _:
            assert_never(line.stream)


async def print_log(call: Call, ref: str, query: LogQuery) -> None:
    """Print what is stored and what the query wants of it."""
    while True:
        page = await _page(call, ref, query)
        for line in page.lines:
            show(line, as_json=call.as_json)
        if page.reached is None:
            return
        query = _behind(query, page.reached)


async def _page(call: Call, ref: str, query: LogQuery) -> LogPage:
    return await look(call, lambda engine: engine.logs(ref, query))


async def follow_log(call: Call, ref: str, query: LogQuery) -> None:
    """Print a log until its run has ended. Where no engine runs it reads what is there and waits for one,
    holding nothing meanwhile."""
    told = lost = False
    if not has_project(call):
        raise no_project(call)
    while True:
        remote = await connect_again(call, lost=lost)
        if remote is None:
            page = await _page(call, ref, query)
            for line in page.lines:
                show(line, as_json=call.as_json)
            query = _behind(query, page.total - 1 if page.reached is None else page.reached)
            if page.reached is None:
                if page.ended:
                    return
                await news(call, told=told)
                told = True
            continue
        lost = True
        try:
            async for line in remote.follow(ref, query):
                show(line, as_json=call.as_json)
                query = _behind(query, line.n)
            return
        except EngineUnavailable as gone:
            say(f"{gone.message}; waiting for an engine")
        finally:
            await remote.close()


def _behind(query: LogQuery, line: int) -> LogQuery:
    """The same, after this line."""
    return query.model_copy(update={"after": line, "tail": None})
