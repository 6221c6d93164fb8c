"""Which adapter reads which output."""

from typing import assert_never

from engine.agents.claude import Claude
from engine.agents.codex import Codex
from engine.agents.plain_records import PlainRecords
from engine.agents.reading import Adapter
from engine.model import OutputFormat


def adapter_for(output: OutputFormat) -> Adapter | None:
    """A new adapter; None for output that is text and says nothing to a machine."""
    match output:
        case OutputFormat.TEXT:
            return None
        case OutputFormat.JSONL:
            return PlainRecords()
        case OutputFormat.CLAUDE:
            return Claude()
        case OutputFormat.CODEX:
            return Codex()
        case _:
            assert_never(output)
