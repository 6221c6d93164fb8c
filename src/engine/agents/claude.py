"""Claude Code's `--output-format stream-json`."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from engine.agents.limits import Limit, moment
from engine.agents.reading import NOTHING, Reading, Totals
from engine.agents.values import amount, brief, count, number, rows, table, text

REMEMBERED = 512  # messages whose usage may come again, as one message is told in several records
TELLING = ("command", "file_path", "path", "pattern", "query", "url", "description", "prompt")
SILENT = frozenset({"user", "stream_event", "tool_progress", "tool_use_summary", "auth_status", "prompt_suggestion"})
TOO_MANY = 429
Spent = tuple[int, int]


class Claude:
    """Usage is added per message as it comes; the final record, which has the whole, corrects it upwards."""

    def __init__(self) -> None:
        self.totals = Totals()
        self._messages: OrderedDict[str, Spent] = OrderedDict()

    def read(self, record: Mapping[str, object]) -> Reading | None:
        kind = record.get("type")
        match kind:
            case "assistant":
                return self._assistant(record)
            case "result":
                return self._result(record)
            case "system":
                return _system(record)
            case "rate_limit_event":
                return _refused(table(record.get("rate_limit_info")))
            case str() if kind in SILENT:
                return NOTHING
            case _:
                return None

    def _assistant(self, record: Mapping[str, object]) -> Reading:
        message = table(record.get("message"))
        self._add(text(message.get("id")), _spent(table(message.get("usage"))))
        limit = Limit() if record.get("error") == "rate_limit" else None
        return Reading(tuple(_actions(message)), limit)

    def _add(self, message: str, spent: Spent) -> None:
        """A record of a message told before says what it has used by then."""
        before = self._messages.pop(message, (0, 0)) if message else (0, 0)
        self.totals.tokens_in += max(0, spent[0] - before[0])
        self.totals.tokens_out += max(0, spent[1] - before[1])
        if message:
            self._messages[message] = (max(spent[0], before[0]), max(spent[1], before[1]))
            while len(self._messages) > REMEMBERED:
                self._messages.popitem(last=False)

    def _result(self, record: Mapping[str, object]) -> Reading:
        tokens_in, tokens_out = _spent(table(record.get("usage")))
        totals = self.totals
        totals.cost_usd = max(totals.cost_usd, amount(record.get("total_cost_usd")))
        totals.tokens_in, totals.tokens_out = max(totals.tokens_in, tokens_in), max(totals.tokens_out, tokens_out)
        refused = record.get("api_error_status") == TOO_MANY or record.get("error") == "rate_limit"
        went_well = record.get("is_error") is False
        return Reading(limit=Limit() if refused and not went_well else None, went_well=went_well)


def _system(record: Mapping[str, object]) -> Reading:
    """It says what its session is; when it is refused it tries again by itself, but what else would start on this
    provider is better left for later."""
    if record.get("subtype") == "init":
        return Reading(session=text(record.get("session_id")))
    refused = record.get("error_status") == TOO_MANY or record.get("error") == "rate_limit"
    if record.get("subtype") != "api_retry" or not refused:
        return NOTHING
    delay = number(record.get("retry_delay_ms"))
    return Reading(limit=Limit(wait=None if delay is None else delay / 1000, final=False))


def _refused(info: Mapping[str, object]) -> Reading:
    if info.get("status") != "rejected" or info.get("isUsingOverage") is True:
        return NOTHING
    return Reading(limit=Limit(reset=moment(info.get("resetsAt"))))


def _spent(usage: Mapping[str, object]) -> Spent:
    """Tokens read, from the cache or not, and written."""
    read = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(count(usage.get(name)) for name in read), count(usage.get("output_tokens"))


def _actions(message: Mapping[str, object]) -> Iterator[str]:
    for block in rows(message.get("content")):
        if block.get("type") == "tool_use":
            given = table(block.get("input"))
            told = next((text(given.get(name)) for name in TELLING if text(given.get(name))), "")
            yield brief(text(block.get("name")), told)
        elif block.get("type") == "text" and (said := brief(text(block.get("text")))):
            yield said
