"""Codex's `exec --json`."""

from collections import OrderedDict
from collections.abc import Mapping

from engine.agents.limits import Limit, moment, seconds
from engine.agents.reading import NOTHING, Reading, Totals
from engine.agents.values import brief, count, rows, table, text

REMEMBERED = 512  # items that have been told when they started
TOO_MANY = 429
CODES = ("code", "type", "codex_error_info", "codexErrorInfo")
STATUSES = ("status", "status_code", "http_status")
REFUSALS = frozenset(
    {"rate_limit", "rate_limit_exceeded", "rate_limit_reached", "usage_limit_exceeded", "usage_limit_reached"}
    | {"usageLimitExceeded"}
)


class Codex:
    """Tokens come with the end of each turn. What an error says in words is never looked at."""

    def __init__(self) -> None:
        self.totals = Totals()
        self._told: OrderedDict[str, None] = OrderedDict()

    def read(self, record: Mapping[str, object]) -> Reading | None:
        match record.get("type"):
            case "item.started" | "item.updated" | "item.completed":
                return self._item(table(record.get("item")))
            case "turn.completed":
                usage = table(record.get("usage"))
                self.totals.tokens_in += count(usage.get("input_tokens"))
                self.totals.tokens_out += count(usage.get("output_tokens"))
                return Reading(went_well=True)
            case "turn.failed":
                return Reading(limit=_limit(table(record.get("error")), final=True), went_well=False)
            case "error":
                return Reading(limit=_limit(record, final=False))
            case "thread.started":
                return Reading(session=text(record.get("thread_id")))
            case "turn.started":
                return NOTHING
            case _:
                return None

    def _item(self, item: Mapping[str, object]) -> Reading:
        """Each item is told once, at the first record that says what it does."""
        name, done = text(item.get("id")), _action(item)
        if not done or name in self._told:
            return NOTHING
        if name:
            self._told[name] = None
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
        return Reading(actions=(done,))


def _action(item: Mapping[str, object]) -> str:
    match item.get("type"):
        case "command_execution":
            return brief(text(item.get("command")))
        case "file_change":
            return brief("edit", *(text(change.get("path")) for change in rows(item.get("changes"))[:5]))
        case "mcp_tool_call":
            return brief(text(item.get("server")), text(item.get("tool")))
        case "web_search":
            return brief("search", text(item.get("query")))
        case "agent_message":
            return brief(text(item.get("text")))
        case _:
            return ""


def _limit(error: Mapping[str, object], *, final: bool) -> Limit | None:
    refused = any(text(error.get(name)) in REFUSALS for name in CODES)
    if not refused and not any(error.get(name) == TOO_MANY for name in STATUSES):
        return None
    wait = seconds(error.get("retry_after"))
    if wait is None:
        wait = seconds(error.get("resets_in_seconds"))
    return Limit(wait, moment(error.get("resets_at")), final)
