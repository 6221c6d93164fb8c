"""What the records of known agents say, and that nothing else is read out of them (R33, R58)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.agents import Limit, RecordReader, Totals, adapter_for
from engine.model import OutputFormat

READING = [output for output in OutputFormat if output is not OutputFormat.TEXT]


def reader(output: OutputFormat) -> RecordReader:
    adapter = adapter_for(output)
    assert adapter is not None
    return RecordReader(adapter)


def lines(*records: object) -> list[bytes]:
    return [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]


def assistant(message: str, *blocks: dict[str, Any], used: tuple[int, int] = (0, 0), **more: object) -> dict[str, Any]:
    usage = {"input_tokens": used[0], "output_tokens": used[1]}
    return {"type": "assistant", "message": {"id": message, "content": list(blocks), "usage": usage}, **more}


@pytest.mark.parametrize(
    ("output", "record"),
    [
        (OutputFormat.CLAUDE, {"type": "system", "subtype": "init", "session_id": "s-1"}),
        (OutputFormat.CODEX, {"type": "thread.started", "thread_id": "s-1"}),
        (OutputFormat.JSONL, {"type": "session", "id": "s-1"}),
    ],
)
def test_each_tells_what_its_session_is_called(output: OutputFormat, record: dict[str, Any]) -> None:
    found = reader(output)
    found.read(lines(record))
    assert (found.session, found.records) == ("s-1", 1)
    key = list(record)[-1]
    found.read(lines({**record, key: "--option"}, {**record, key: 7}, {**record, key: None}))
    assert found.session == "s-1"


def test_claude_tells_tools_and_words_and_adds_each_message_once() -> None:
    claude = reader(OutputFormat.CLAUDE)
    tool = {"type": "tool_use", "name": "Bash", "input": {"command": "npm   test\n", "timeout": 5}}
    found = claude.read(
        lines(
            {"type": "system", "subtype": "init", "tools": []},
            {"type": "rate_limit_event", "rate_limit_info": {"status": "allowed", "resetsAt": 1}},
            assistant("m1", {"type": "thinking", "thinking": "hm"}, used=(100, 1)),
            assistant("m1", tool, used=(100, 9)),
            {"type": "user", "message": {"content": [{"type": "tool_result", "content": "429 rate_limit"}]}},
            assistant("m2", {"type": "text", "text": "Done."}, used=(40, 2)),
        )
    )
    assert found.actions == ["Bash npm test", "Done."]
    assert found.limits == []
    assert claude.totals == Totals(0.0, 140, 11)
    usage = {"input_tokens": 30, "cache_read_input_tokens": 120, "cache_creation_input_tokens": 5, "output_tokens": 20}
    claude.read(lines({"type": "result", "is_error": False, "total_cost_usd": 0.5, "usage": usage}))
    assert claude.totals == Totals(0.5, 155, 20), "the last record has the whole"
    assert (claude.broken, claude.unknown) == (0, 0)


@pytest.mark.parametrize(
    ("record", "limit"),
    [
        ({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1_900_000_000}},
         Limit(reset=1_900_000_000.0)),
        ({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1_900_000_000_000}},
         Limit(reset=1_900_000_000.0)),
        ({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "isUsingOverage": True}}, None),
        ({"type": "rate_limit_event", "rate_limit_info": {"status": "allowed_warning"}}, None),
        ({"type": "rate_limit_event", "rate_limit_info": "rejected"}, None),
        (assistant("m", {"type": "text", "text": "429 rate_limit"}), None),
        (assistant("m", error="rate_limit"), Limit()),
        (assistant("m", error="server_error"), None),
        ({"type": "system", "subtype": "api_retry", "error_status": 429, "retry_delay_ms": 1500},
         Limit(wait=1.5, final=False)),
        ({"type": "system", "subtype": "api_retry", "error_status": 529, "retry_delay_ms": 1500}, None),
        ({"type": "result", "subtype": "success", "is_error": True, "result": "rate_limit 429"}, None),
        ({"type": "result", "is_error": True, "api_error_status": 429}, Limit()),
    ],
)  # fmt: skip
def test_r33_claude_s_limit_is_read_from_fields(record: dict[str, Any], limit: Limit | None) -> None:
    assert reader(OutputFormat.CLAUDE).read(lines(record)).limits == ([] if limit is None else [limit])


def test_codex_tells_each_item_once_and_adds_turns() -> None:
    codex = reader(OutputFormat.CODEX)
    command = {"id": "i1", "type": "command_execution", "command": "bash -lc ls", "status": "in_progress"}
    found = codex.read(
        lines(
            {"type": "thread.started", "thread_id": "x"},
            {"type": "turn.started"},
            {"type": "item.started", "item": command},
            {"type": "item.completed", "item": command | {"status": "completed"}},
            {"type": "item.completed", "item": {"id": "i2", "type": "reasoning", "text": "hm"}},
            {"type": "item.completed", "item": {"id": "i3", "type": "file_change", "changes": [{"path": "a.py"}]}},
            {"type": "item.completed", "item": {"id": "i4", "type": "mcp_tool_call", "server": "s", "tool": "t"}},
            {"type": "item.completed", "item": {"id": "i5", "type": "agent_message", "text": "Done, 429."}},
            {"type": "turn.completed", "usage": {"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 3}},
            {"type": "turn.completed", "usage": {"input_tokens": 1, "output_tokens": 1}},
        )
    )
    assert found.actions == ["bash -lc ls", "edit a.py", "s t", "Done, 429."]
    assert codex.totals == Totals(0.0, 11, 4)
    assert (codex.records, codex.broken, codex.unknown) == (10, 0, 0)


@pytest.mark.parametrize(
    ("record", "limit"),
    [
        ({"type": "turn.failed", "error": {"message": "429 Too Many Requests: rate_limit_exceeded"}}, None),
        ({"type": "turn.failed", "error": {"message": "", "code": "rate_limit_exceeded", "resets_in_seconds": 90}},
         Limit(wait=90.0)),
        ({"type": "turn.failed", "error": {"codex_error_info": "usage_limit_exceeded", "resets_at": 1_900_000_000}},
         Limit(reset=1_900_000_000.0)),
        ({"type": "turn.failed", "error": {"status": 429, "retry_after": "7"}}, Limit(wait=7.0)),
        ({"type": "turn.failed", "error": {"status": 503}}, None),
        ({"type": "error", "message": "stream error: 429"}, None),
        ({"type": "error", "message": "reconnecting", "status_code": 429}, Limit(final=False)),
    ],
)  # fmt: skip
def test_r33_codex_s_limit_is_read_from_fields(record: dict[str, Any], limit: Limit | None) -> None:
    assert reader(OutputFormat.CODEX).read(lines(record)).limits == ([] if limit is None else [limit])


def test_records_of_our_own() -> None:
    plain = reader(OutputFormat.JSONL)
    found = plain.read(
        lines(
            {"type": "action", "text": "edit\na.py"},
            {"type": "message", "text": "hello"},
            {"type": "usage", "cost_usd": 0.25, "tokens_in": 3, "tokens_out": 2},
            {"type": "rate_limit", "retry_after": 5, "final": False},
            {"type": "rate_limit", "reset_at": "2030-01-01T00:00:00+01:00"},
            {"type": "result", "ok": False, "tokens_in": 1},
        )
    )
    assert found.actions == ["edit a.py", "hello"]
    assert found.limits == [Limit(wait=5.0, final=False), Limit(reset=1893452400.0)]
    assert plain.totals == Totals(0.25, 4, 2)
    assert plain.limit == Limit(reset=1893452400.0)
    plain.read(lines({"type": "result", "ok": True}))
    assert plain.limit is None


def test_a_limit_without_a_time_takes_nothing_from_one_with_a_time() -> None:
    claude = reader(OutputFormat.CLAUDE)
    rejected = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1_900_000_000}}
    found = claude.read(lines(rejected, assistant("m", error="rate_limit"), {"type": "result", "is_error": True}))
    assert found.limits == [Limit(reset=1_900_000_000.0)]
    assert claude.limit == found.limits[0]


@pytest.mark.parametrize("output", READING)
def test_r58_unknown_and_broken_records_are_counted_and_order_holds(output: OutputFormat) -> None:
    good = {
        OutputFormat.JSONL: {"type": "action", "text": "{}"},
        OutputFormat.CLAUDE: assistant("", {"type": "text", "text": "{}"}),
        OutputFormat.CODEX: {"type": "item.completed", "item": {"type": "agent_message", "text": "{}"}},
    }[output]
    one, two = (json.dumps(good).replace("{}", word).encode() for word in ("one", "two"))
    huge = json.dumps({"type": "action", "text": "x" * 2**20}).encode()
    garbage = [b"{", b'{"type": "one"', b"[1]", b"\xff\xfe{", b'{"a":' * 50_000, huge, b'{"n": ' + b"9" * 9_000 + b"}"]
    strange = lines({"type": "no such thing"}, {"type": {"a": 1}}, {}, {"type": None})
    agent = reader(output)
    found = agent.read([one, *garbage, *strange, two])
    assert found.actions == ["one", "two"]
    assert (agent.records, agent.broken, agent.unknown) == (2, len(garbage), len(strange))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(
    ["assistant", "result", "system", "rate_limit_event", "turn.completed", "turn.failed", "error", "item.completed"]
)
OWN_KINDS = st.sampled_from(["usage", "rate_limit", "action"])
FIELDS = st.sampled_from(
    ["message", "usage", "rate_limit_info", "error", "item", "content", "retry_after", "reset_at", "text", "cost_usd"]
)
MORE_FIELDS = st.sampled_from(["tokens_in", "subtype", "is_error", "total_cost_usd", "changes", "resetsAt", "id"])
RECORDS = st.dictionaries(FIELDS | MORE_FIELDS, JSON, max_size=6)


@settings(max_examples=150, deadline=None)
@given(kind=KINDS | OWN_KINDS, fields=RECORDS, output=st.sampled_from(READING))
def test_r58_no_record_of_any_shape_stops_the_reader(kind: str, fields: dict[str, Any], output: OutputFormat) -> None:
    agent = reader(output)
    agent.read(lines({"type": kind, **fields}))
    assert agent.records + agent.unknown == 1
    totals = agent.totals
    assert 0 <= totals.cost_usd < float("inf")
    assert totals.tokens_in >= 0
    assert totals.tokens_out >= 0
