"""Refs: an id, a unique prefix of one, or `GOAL/KEY` for a task (CONTRACT section 1)."""

import re
import sqlite3

from engine.errors import Invalid, NotFound
from engine.ids import SANDBOX_PREFIX
from engine.model import TaskKind
from engine.store import named_queries

GOALS, TASKS = named_queries("goals"), named_queries("tasks")
RUNS, DECISIONS = named_queries("runs"), named_queries("decisions")
GATES = named_queries("gates")
BY_PREFIX = {"g": GOALS, "t": TASKS, "r": RUNS, "d": DECISIONS, "u": named_queries("rules"), "x": GATES}
WORDS = {"g": "goal", "t": "task", "r": "run", "d": "decision", "u": "rule", "x": "gate"}
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)?")


def resolve(connection: sqlite3.Connection, ref: str, kinds: str) -> str:
    """The full id of what `ref` names, of one of `kinds` (letters of ids); NotFound or Invalid otherwise."""
    if len(ref) > 200 or _REF.fullmatch(ref) is None:
        raise Invalid(f"{ref[:80]!r} is not an id", hint="an id, a unique prefix of one, or GOAL/KEY")
    goal, slash, key = ref.partition("/")
    if slash:
        return _by_key(connection, resolve(connection, goal, "g"), key, kinds)
    letter = ref[0]
    if letter not in kinds or (len(ref) > 1 and ref[1] != "-"):
        wanted = " or ".join(WORDS[kind] for kind in kinds)
        raise NotFound(f"{ref} is no {wanted}", hint="ids look like " + ", ".join(f"{kind}-…" for kind in kinds))
    rows = connection.execute(BY_PREFIX[letter]["by_prefix"], {"low": ref, "high": ref + "~"}).fetchall()
    if not rows:
        raise NotFound(f"no {WORDS[letter]} {ref}", hint="pilothouse status lists what there is")
    if len(rows) > 1 and ref not in {row["id"] for row in rows}:
        raise NotFound(f"{ref} names more than one {WORDS[letter]}", hint="give more of the id")
    return ref if ref in {row["id"] for row in rows} else str(rows[0]["id"])


def sandbox_of(connection: sqlite3.Connection, ref: str) -> str:
    """The run whose sandbox `ref` names: by that name, a unique prefix of it, or a ref to the run or its task."""
    rows = connection.execute(RUNS["by_sandbox"], {"low": ref, "high": ref + "~"}).fetchall()
    exact = [row for row in rows if row["sandbox"] == ref]
    if len(rows) > 1 and not exact:
        raise NotFound(f"{ref} names more than one sandbox", hint="give more of its name")
    if rows:
        return str((exact or rows)[0]["id"])
    if ref.startswith(SANDBOX_PREFIX):
        raise NotFound(f"no sandbox {ref}", hint="pilothouse sandboxes lists the live ones")
    return run_of(connection, ref)


def _by_key(connection: sqlite3.Connection, goal: str, key: str, kinds: str) -> str:
    row = connection.execute(TASKS["by_key"], {"goal": goal, "key": key}).fetchone()
    if row is None or "t" not in kinds:
        raise NotFound(f"{goal} has no task {key}", hint=f"pilothouse tree {goal} lists its tasks")
    return str(row["id"])


def task_of(connection: sqlite3.Connection, ref: str) -> str:
    """A task's id from a ref to it, to one of its runs, or to a goal that is a single task."""
    found = resolve(connection, ref, "trg")
    if found.startswith("r-"):
        return str(connection.execute(RUNS["get"], {"id": found}).fetchone()["task"])
    if found.startswith("g-"):
        return str(connection.execute(TASKS["root"], {"goal": found}).fetchone()["id"])
    return found


def gate_of(connection: sqlite3.Connection, ref: str) -> str:
    """A gate's id from a ref to it, or the newest opening of a task."""
    if ref.startswith("x"):
        return resolve(connection, ref, "x")
    task = task_of(connection, ref)
    row = connection.execute(GATES["newest_of_task"], {"task": task}).fetchone()
    if row is None:
        raise NotFound(f"{ref} has no gate that has opened", hint="pilothouse status names the gates that are open")
    return str(row["id"])


def run_of(connection: sqlite3.Connection, ref: str) -> str:
    """A run's id from a ref to it, or the newest run of a task; NotFound when it never ran."""
    found = resolve(connection, ref, "rtg")
    if found.startswith("r-"):
        return found
    task = task_of(connection, ref)
    row = connection.execute(RUNS["newest"], {"task": task}).fetchone()
    if row is None:
        found_task = connection.execute(TASKS["get"], {"id": task}).fetchone()
        if found_task["kind"] == TaskKind.GROUP:
            hint = f"name one of its tasks: {found_task['goal']}/KEY; pilothouse tree {found_task['goal']} lists them"
            raise NotFound(f"{ref} is a group of tasks and has no runs of its own", hint=hint)
        raise NotFound(f"{found_task['key']} has not run yet", hint=f"pilothouse why {task} says what holds it")
    return str(row["id"])
