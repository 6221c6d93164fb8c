"""The schema refuses what the code might forget (R6, R7), migrations and named queries (R13), the journal (R12)."""

import re
import sqlite3
from enum import StrEnum
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.model import (
    AgeingKind,
    AnswerKind,
    BatchOutcome,
    BudgetKind,
    BudgetState,
    DecisionKind,
    DecisionState,
    DeliveryState,
    DriverName,
    ExitCause,
    FailureClass,
    GateKind,
    GateState,
    GoalState,
    MessageState,
    NoticeChannel,
    NoticeState,
    OnDeadline,
    OnFailure,
    Order,
    ReportKind,
    Risk,
    RunState,
    Runtime,
    SignalState,
    SignalStatus,
    TaskKind,
    TaskState,
    Verdict,
    VerdictKind,
)
from engine.model.schedules import Override, ScheduleSource, StartState
from engine.sandbox_api.requests import AgentState, MessageKind
from engine.store import named_queries
from engine.store.journal import file_system, journal_mode
from engine.store.migrate import migrate, migrations

SQL = Path(__file__).parents[2] / "src" / "engine" / "store"
AT = "2026-01-01T00:00:00.000000+00:00"


@pytest.fixture
def schema() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection)
    return connection


def insert_goal_and_task(schema: sqlite3.Connection) -> None:
    schema.execute(
        "INSERT INTO goals (id, title, state, policy, runtime, path, source, variables, allow_unconfined, created_at)"
        f" VALUES ('g', 'g', 'active', '{{}}', 'docker', '', '', '{{}}', 0, '{AT}')"
    )
    schema.execute(
        "INSERT INTO tasks (id, goal, key, title, kind, state, position, ordering, require, on_failure, priority, spec,"
        f" created_at) VALUES ('t', 'g', 'k', 't', 'work', 'pending', 0, 'parallel', 'all', 'stop', 0, '{{}}', '{AT}')"
    )


@pytest.fixture
def populated(schema: sqlite3.Connection) -> sqlite3.Connection:
    insert_goal_and_task(schema)
    return schema


def run_row(n: int, state: str = "created") -> str:
    return (
        "INSERT INTO runs (id, goal, task, n, state, driver, sandbox, created_at)"
        f" VALUES ('r{n}', 'g', 't', {n}, '{state}', 'docker', 'ph-{n}', '{AT}')"
    )


def gate_row(n: int) -> str:
    return (
        "INSERT INTO gates (id, goal, task, kind, state, spec, opened_at, on_deadline)"
        f" VALUES ('x{n}', 'g', 't', 'human_approval', 'open', '{{}}', '{AT}', 'fail')"
    )


def decision_row(n: int) -> str:
    return (
        "INSERT INTO decisions (id, goal, task, subject, kind, state, question, options, risk, opened_at)"
        f" VALUES ('d{n}', 'g', 't', 'x', 'approval', 'pending', 'q', '[]', 'normal', '{AT}')"
    )


@pytest.mark.parametrize("row", [run_row, gate_row, decision_row])
def test_r6_a_second_live_one_is_refused_by_the_database(populated: sqlite3.Connection, row: object) -> None:
    assert callable(row)
    populated.execute(row(1))
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        populated.execute(row(2))


ENUMS: dict[tuple[str, str], type[StrEnum]] = {
    ("goals", "state"): GoalState,
    ("goals", "runtime"): Runtime,
    ("tasks", "kind"): TaskKind,
    ("tasks", "state"): TaskState,
    ("tasks", "ordering"): Order,
    ("tasks", "on_failure"): OnFailure,
    ("runs", "state"): RunState,
    ("runs", "driver"): DriverName,
    ("runs", "cause"): ExitCause,
    ("runs", "asked"): ExitCause,
    ("runs", "failure_class"): FailureClass,
    ("gates", "kind"): GateKind,
    ("gates", "state"): GateState,
    ("gates", "on_deadline"): OnDeadline,
    ("decisions", "kind"): DecisionKind,
    ("decisions", "state"): DecisionState,
    ("decisions", "risk"): Risk,
    ("decisions", "answer"): AnswerKind,
    ("budgets", "kind"): BudgetKind,
    ("budgets", "state"): BudgetState,
    ("signals", "kind"): GateKind,
    ("signals", "status"): SignalStatus,
    ("signals", "state"): SignalState,
    ("reminders", "kind"): AgeingKind,
    ("notices", "channel"): NoticeChannel,
    ("notices", "state"): NoticeState,
    ("agents", "state"): AgentState,
    ("reports", "kind"): ReportKind,
    ("messages", "kind"): MessageKind,
    ("messages", "state"): MessageState,
    ("deliveries", "state"): DeliveryState,
    ("contacts", "verdict"): Verdict,
    ("verdicts", "kind"): VerdictKind,
    ("schedules", "source"): ScheduleSource,
    ("schedules", "override"): Override,
    ("starts", "state"): StartState,
    ("tested", "outcome"): BatchOutcome,
}
UNTIL_IT_ENDS = {
    ("runs", "cause"),
    ("runs", "asked"),
    ("runs", "failure_class"),
    ("decisions", "answer"),
    ("schedules", "override"),
}
"""What is not known at first, and NULL until then."""


def listed(wanted: str) -> dict[tuple[str, str], set[str]]:
    """Every column with a CHECK … IN of words, or of flags, as the schema has it, with what it takes."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    found = {}
    for table, sql in connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall():
        for column, values in re.findall(r"CHECK\s*\(\s*(\w+)\s+IN\s*\(([^)]*)\)", sql, re.IGNORECASE):
            taken = set(re.findall(wanted, values))
            if taken:
                found[table, column] = taken
    return found


WORDS, FLAGS = listed(r"'(\w+)'"), sorted(listed(r"\b[01]\b"))


def test_r7_every_check_of_words_has_its_enum_and_is_equal_to_it() -> None:
    assert {place: {str(member) for member in enum} for place, enum in ENUMS.items()} == WORDS


@pytest.fixture
def full(populated: sqlite3.Connection) -> sqlite3.Connection:
    """One row in every table that lists words or flags."""
    for row in (run_row(1), gate_row(1), decision_row(1)):
        populated.execute(row)
    populated.execute("INSERT INTO budgets (scope, kind, goal, step, amount) VALUES ('g', 'wall', 'g', 1, 1)")
    populated.execute(f"INSERT INTO cooldowns (provider, until, hits, run) VALUES ('p', '{AT}', 1, 'r1')")
    populated.execute(
        "INSERT INTO signals (kind, status, state, data, by, via, received_at)"
        f" VALUES ('timer', 'pass', 'queued', '{{}}', 'b', 'v', '{AT}')"
    )
    populated.execute(f"INSERT INTO reminders VALUES ('d1', 'remind', 1, '{AT}')")
    populated.execute(f"INSERT INTO operations (key, digest, at) VALUES ('k', 'd', '{AT}')")
    populated.execute(f"INSERT INTO agents (run, role, registered_at) VALUES ('r1', 'work', '{AT}')")
    populated.execute(f"INSERT INTO reports (run, kind, summary, at) VALUES ('r1', 'fail', 's', '{AT}')")
    populated.execute(
        "INSERT INTO messages (key, goal, kind, type, sender_name, urgent, body, state, at)"
        f" VALUES ('k', 'g', 'message', 't', 's', 0, '{{}}', 'sent', '{AT}')"
    )
    populated.execute(f"INSERT INTO schedules VALUES ('s', '{{}}', 'added', 0, '{AT}', 'stop', NULL, 'me', '{AT}')")
    populated.execute(f"INSERT INTO starts VALUES ('s', '{AT}', NULL, 'due', NULL, NULL, '{AT}')")
    populated.execute(
        "INSERT INTO notices (subject, stage, channel, notice, at, next_at)"
        f" VALUES ('d1', 'opened', 'url', '{{}}', '{AT}', '{AT}')"
    )
    populated.execute(
        f"INSERT INTO tested (goal, run, task, outcome, fresh, at) VALUES ('g', 'r1', 't', 'open', 1, '{AT}')"
    )
    populated.execute("INSERT INTO deliveries VALUES (1, 'r1', 'queued')")
    populated.execute(
        "INSERT INTO contacts (run, host, port, verdict, reason, first_at, last_at)"
        f" VALUES ('r1', 'h', 1, 'asked', 'w', '{AT}', '{AT}')"
    )
    populated.execute(
        "INSERT INTO verdicts (run, goal, task, kind, passed, summary, feedback, findings, checks, at)"
        f" VALUES ('r1', 'g', 't', 'review', 1, '', '', '[]', '[]', '{AT}')"
    )
    return populated


def insert_again(full: sqlite3.Connection, table: str, column: str, value: object) -> None:
    """The row that is there once more, but for one column: what is checked comes before what is unique."""
    columns = [row[1] for row in full.execute(f"PRAGMA table_info({table})")]
    given = ", ".join("?" if name == column else f'"{name}"' for name in columns)
    quoted = ", ".join(f'"{name}"' for name in columns)
    full.execute(f"INSERT INTO {table} ({quoted}) SELECT {given} FROM {table}", (value,))


@pytest.mark.parametrize(("table", "column"), sorted(WORDS), ids=str)
def test_r7_unknown_text_and_null_are_refused(full: sqlite3.Connection, table: str, column: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=f"CHECK constraint failed: {column} IN"):
        insert_again(full, table, column, "nonsense")
    null = "UNIQUE" if (table, column) in UNTIL_IT_ENDS else f"NOT NULL constraint failed: {table}.{column}"
    with pytest.raises(sqlite3.IntegrityError, match=null):
        insert_again(full, table, column, None)


@pytest.mark.parametrize(("table", "column"), FLAGS, ids=str)
def test_r7_a_flag_is_0_or_1(full: sqlite3.Connection, table: str, column: str) -> None:
    for value, refusal in ((2, "CHECK"), ("yes", "cannot store TEXT"), (None, "NOT NULL")):
        with pytest.raises(sqlite3.IntegrityError, match=refusal):
            insert_again(full, table, column, value)


def test_r7_tables_are_strict(schema: sqlite3.Connection) -> None:
    tables = schema.execute("SELECT name, strict FROM pragma_table_list WHERE type = 'table'").fetchall()
    assert [name for name, strict in tables if not strict and not name.startswith("sqlite_")] == []
    assert ("runs", "frozen") in FLAGS


QUERIES = [(path.stem, name) for path in sorted((SQL / "queries").glob("*.sql")) for name in named_queries(path.stem)]


@pytest.mark.parametrize(("file", "name"), QUERIES)
def test_r13_every_named_query_explains(schema: sqlite3.Connection, file: str, name: str) -> None:
    sql = named_queries(file)[name]
    named = dict.fromkeys(re.findall(r":(\w+)", sql))
    params: object = named if named else [None] * sql.count("?")
    schema.execute(f"EXPLAIN {sql}", params)  # type: ignore[arg-type]


@pytest.mark.parametrize(("file", "name"), QUERIES)
def test_r13_every_named_query_is_called(file: str, name: str) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in SQL.parent.rglob("*.py"))
    assert f'["{name}"]' in code or f'"{name}"' in code


def test_r13_a_migration_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [
        *migrations(),
        (9999, "9999_broken.sql", "CREATE TABLE half (a TEXT) STRICT; INSERT INTO nowhere VALUES (1);"),
    ]
    monkeypatch.setattr("engine.store.migrate.migrations", lambda: broken)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(StoreError, match="9999_broken"):
        migrate(connection)
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    assert "half" not in names
    assert connection.execute("SELECT max(version) FROM migrations").fetchone()[0] == migrations()[-1][0]


def test_r13_migrating_twice_changes_nothing(populated: sqlite3.Connection) -> None:
    assert migrate(populated) == migrations()[-1][0]
    assert populated.execute("SELECT count(*) FROM tasks").fetchone()[0] == 1


def test_r13_every_row_of_the_first_schema_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    every = migrations()
    monkeypatch.setattr("engine.store.migrate.migrations", lambda: every[:1])
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    assert migrate(connection) == 1
    insert_goal_and_task(connection)
    connection.execute(run_row(1))
    connection.execute(decision_row(1))
    connection.execute(f"INSERT INTO feedback (task, decision, text, at) VALUES ('t', 'd1', 'more', '{AT}')")
    monkeypatch.setattr("engine.store.migrate.migrations", lambda: every)
    assert migrate(connection) == every[-1][0]
    rows = {
        name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        for name in ("runs", "decisions", "feedback")
    }
    assert rows == {"runs": 1, "decisions": 1, "feedback": 1}
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute("DELETE FROM decisions")


def test_r13_a_migration_that_breaks_a_reference_leaves_nothing(
    populated: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = [*migrations(), (9999, "9999_careless.sql", "DELETE FROM goals;")]
    monkeypatch.setattr("engine.store.migrate.migrations", lambda: careless)
    with pytest.raises(StoreError, match="refer to nothing"):
        migrate(populated)
    assert populated.execute("SELECT count(*) FROM goals").fetchone()[0] == 1


def test_case_6_a_newer_schema_is_refused(schema: sqlite3.Connection) -> None:
    schema.execute("INSERT INTO migrations (version, name) VALUES (9000, 'from the future')")
    with pytest.raises(StoreError, match="9000"):
        migrate(schema)


MOUNTS = [("/", "ext4"), ("/data", "nfs4"), ("/data-local", "ext4"), ("/data/fast", "tmpfs"), ("/mnt/a b", "cifs")]


@pytest.mark.parametrize(
    ("path", "kind", "journal"),
    [
        ("/home/p/engine.db", "ext4", "WAL"),
        ("/data/p/engine.db", "nfs4", "DELETE"),
        ("/data-local/engine.db", "ext4", "WAL"),
        ("/data/fast/engine.db", "tmpfs", "WAL"),
        ("/data", "nfs4", "DELETE"),
        ("/mnt/a b/engine.db", "cifs", "DELETE"),
    ],
)
def test_case_11_r12_the_longest_mount_on_a_path_boundary_decides(path: str, kind: str, journal: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind
    assert journal_mode(Path(path), MOUNTS) == journal


def test_tally_follows_every_move(populated: sqlite3.Connection) -> None:
    def tally() -> dict[str, int]:
        return dict(populated.execute("SELECT state, n FROM tally WHERE scope = 'g' AND n > 0").fetchall())

    assert tally() == {"pending": 1}
    populated.execute("UPDATE tasks SET state = 'claimed'")
    assert tally() == {"claimed": 1}
