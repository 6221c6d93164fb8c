"""The schema refuses what the code might forget (R6, R7), migrations and named queries (R13), the journal (R12)."""

import re
import sqlite3
from enum import StrEnum
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.model import (
    AnswerKind,
    DecisionKind,
    DecisionState,
    DriverName,
    ExitCause,
    FailureClass,
    GateKind,
    GateState,
    GoalState,
    OnDeadline,
    OnFailure,
    Order,
    Risk,
    RunState,
    Runtime,
    TaskKind,
    TaskState,
)
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


CHECKED: list[tuple[str, str, type[StrEnum]]] = [
    ("goals", "state", GoalState),
    ("goals", "runtime", Runtime),
    ("tasks", "kind", TaskKind),
    ("tasks", "state", TaskState),
    ("tasks", "ordering", Order),
    ("tasks", "on_failure", OnFailure),
    ("runs", "state", RunState),
    ("runs", "driver", DriverName),
    ("runs", "cause", ExitCause),
    ("runs", "failure_class", FailureClass),
    ("gates", "kind", GateKind),
    ("gates", "state", GateState),
    ("gates", "on_deadline", OnDeadline),
    ("decisions", "kind", DecisionKind),
    ("decisions", "state", DecisionState),
    ("decisions", "risk", Risk),
    ("decisions", "answer", AnswerKind),
]


@pytest.mark.parametrize(("table", "column", "enum"), CHECKED, ids=lambda value: str(value))
def test_r7_each_check_is_equal_to_its_enum(
    schema: sqlite3.Connection, table: str, column: str, enum: type[StrEnum]
) -> None:
    sql = schema.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    listed = re.search(rf"CHECK \({column} IN \(([^)]*)\)\)", sql)
    assert listed is not None
    assert set(re.findall(r"'(\w+)'", listed[1])) == {str(member) for member in enum}


def test_r7_tables_are_strict_and_flags_are_never_null(schema: sqlite3.Connection) -> None:
    tables = schema.execute("SELECT name, strict FROM pragma_table_list WHERE type = 'table'").fetchall()
    assert [name for name, strict in tables if not strict and not name.startswith("sqlite_")] == []
    for table, column in [
        ("tasks", "cancelling"),
        ("goals", "cancelling"),
        ("goals", "allow_unconfined"),
        ("runs", "oom"),
        ("runs", "frozen"),
    ]:
        info = {row[1]: row[3] for row in schema.execute(f"PRAGMA table_info({table})")}
        assert info[column] == 1


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
    rows = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("runs", "decisions")}
    assert rows == {"runs": 1, "decisions": 1}
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
def test_r12_the_longest_mount_on_a_path_boundary_decides(path: str, kind: str, journal: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind
    assert journal_mode(Path(path), MOUNTS) == journal


def test_tally_follows_every_move(populated: sqlite3.Connection) -> None:
    def tally() -> dict[str, int]:
        return dict(populated.execute("SELECT state, n FROM tally WHERE scope = 'g' AND n > 0").fetchall())

    assert tally() == {"pending": 1}
    populated.execute("UPDATE tasks SET state = 'claimed'")
    assert tally() == {"claimed": 1}
