"""What leaves the command line: neutral on a terminal, parseable in a pipe, and the same line never twice."""

import io
import json
import sys
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from engine.api import LogLine
from engine.errors import Invalid
from engine.events import Event, EventType
from engine.model import Stream
from tui.cli import output
from tui.cli.goalfile import variables
from tui.cli.reading_logs import show
from tui.cli.words import JsonLines, answer_words, event_words

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
EVIL = "a\x1b]52;c;eA==\x07b\u202ec\x9b31m"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def as_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """stdout as a terminal; called by the test itself, because capturing puts its own there after the fixtures."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return stream


def line(text: str, n: int = 0, stream: Stream = Stream.OUT, at: datetime = NOON) -> LogLine:
    return LogLine(n=n, at=at, stream=stream, text=text)


def test_foreign_text_is_neutral_on_a_terminal_and_raw_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = as_terminal(monkeypatch)
    output.put_foreign(EVIL)
    assert terminal.getvalue() == "abc\n"
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pipe)
    output.put_foreign(EVIL)
    assert pipe.getvalue() == EVIL + "\n"


def test_json_on_a_terminal_steers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = as_terminal(monkeypatch)
    output.put_json({"text": EVIL + "\x7f"})
    assert terminal.getvalue().isascii()
    assert not set(terminal.getvalue()) & {"\x1b", "\x7f", "\x07"}
    assert json.loads(terminal.getvalue()) == {"text": EVIL + "\x7f"}


def test_narration_is_neutral_and_survives_a_closed_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output.say(EVIL)
    assert capsys.readouterr() == ("", "abc\n")

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stderr", Gone())
    output.say("nobody reads this")


def test_colour_only_where_a_terminal_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    as_terminal(monkeypatch)
    assert output.paint("x", "red") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.paint("x", "red") == "x"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert output.paint("x", "red") == "x"
    assert output.paint("x", "red", stream=io.StringIO()) == "x"


def test_columns_are_aligned_by_cells() -> None:
    assert output.table([("ID", "B", "C"), ("漢字", "b", "last is free")]) == ["ID    B  C", "漢字  b  last is free"]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("text", ["words and words " * 20, "x" * 300, "漢字" * 90, "short", ""])
def test_a_last_column_is_folded_on_a_terminal_and_whole_in_a_pipe(
    width: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("ID", "KIND", "QUESTION"), ("d-1", "review", text)]
    piped = output.table(rows)
    as_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(width))
    for before in ("", "a column that leaves no room beside it   "):
        folded = output.table([(row[0], before + row[1], row[2]) for row in rows])
        lines = [line for row in folded for line in row.split("\n")]
        assert max(map(cell_len, lines)) <= max(width, cell_len("d-1  review  " + before))
        assert "".join(folded[1].split()) == "".join(["d-1", *before.split(), "review", *text.split()])
    assert piped[1] == f"d-1  review  {text}".rstrip()
    assert output.table([]) == []


def test_a_gap_stands_among_the_lines_and_a_note_beside_them(capsys: pytest.CaptureFixture[str]) -> None:
    for given in (line("text"), line("3 lines are missing", stream=Stream.GAP), line("note", stream=Stream.NOTE)):
        show(given, as_json=False)
    printed = capsys.readouterr()
    assert (printed.out, "── note ──" in printed.err) == ("text\n── 3 lines are missing ──\n", True)


def test_a_log_line_as_json_has_the_shape_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    show(line("é\x1b[31m", 7), as_json=True)
    [printed] = capsys.readouterr().out.splitlines()
    assert printed.isascii()
    assert json.loads(printed) == {"n": 7, "at": "2030-01-31T12:00:00Z", "stream": "out", "text": "é\x1b[31m"}


def event(seq: int, kind: EventType, **data: object) -> Event:
    return Event(seq=seq, at=NOON, type=kind, goal="g-1", task="t-1", data=data)


def test_r128_the_end_of_a_goal_is_said_once_and_last(capsys: pytest.CaptureFixture[str]) -> None:
    lines = JsonLines()
    kinds = [EventType.GOAL_STARTED, EventType.GOAL_ENDED, EventType.TASK_REOPENED, EventType.GOAL_ENDED]
    for seq, kind in enumerate(kinds):
        lines.tell(event(seq, kind))
    told = [json.loads(text)["type"] for text in capsys.readouterr().out.splitlines()]
    assert told == ["goal.started", "goal.ended", "task.reopened"]


def test_an_event_in_words_is_one_neutral_line() -> None:
    words = event_words(
        event(1, EventType.TASK_FAILED, message="one " + EVIL + "\nlast output", none=None, long="x" * 999), "build"
    )
    assert "task.failed build: message=one abc" in words
    assert len(words) < 400
    assert not {"\n", "\x1b"} & set(words)
    assert "none" not in words


def test_variables_are_k_equals_v() -> None:
    assert variables(["who=world", "a=b=c", "empty="]) == {"who": "world", "a": "b=c", "empty": ""}
    for wrong in ("who", "=world", " =x"):
        with pytest.raises(Invalid, match="k=v"):
            variables([wrong])


@pytest.mark.parametrize(
    ("options", "choices", "fields", "said"),
    [
        (["approve", "reject"], [], [], "approve"),
        (["approve", "changes", "reject"], [], [], "approve"),
        (["choose", "reject"], ["again", "without it"], [], "choose --option again"),
        (["fill"], [], ["version", "notes"], "fill --field version=VALUE --field notes=VALUE"),
        (["fill"], [], [], "fill --field NAME=VALUE"),
        ([], [], [], "approve"),
    ],
)
def test_the_command_that_goes_on_is_one_that_the_decision_takes(
    options: list[str], choices: list[str], fields: list[str], said: str
) -> None:
    assert " ".join(answer_words(options, choices, fields)) == said
