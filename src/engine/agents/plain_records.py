"""The output format of our own, for any agent or wrapper script: docs/agents.md lists its records."""

from collections.abc import Mapping

from engine.agents.limits import Limit, moment, seconds
from engine.agents.reading import NOTHING, Reading, Totals
from engine.agents.values import amount, brief, count, text


class PlainRecords:
    """`action`, `message`, `session`, `usage`, `rate_limit` and `result`."""

    def __init__(self) -> None:
        self.totals = Totals()

    def read(self, record: Mapping[str, object]) -> Reading | None:
        match record.get("type"):
            case "action" | "message":
                said = brief(text(record.get("text")))
                return Reading(actions=(said,)) if said else NOTHING
            case "session":
                return Reading(session=text(record.get("id")))
            case "usage":
                self._add(record)
                return NOTHING
            case "rate_limit":
                return Reading(limit=_limit(record))
            case "result":
                self._add(record)
                return Reading(went_well=record.get("ok") is True)
            case _:
                return None

    def _add(self, record: Mapping[str, object]) -> None:
        self.totals.cost_usd += amount(record.get("cost_usd"))
        self.totals.tokens_in += count(record.get("tokens_in"))
        self.totals.tokens_out += count(record.get("tokens_out"))


def _limit(record: Mapping[str, object]) -> Limit:
    final = record.get("final") is not False
    return Limit(seconds(record.get("retry_after")), moment(record.get("reset_at")), final)
