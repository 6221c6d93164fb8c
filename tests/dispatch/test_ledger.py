"""The ledger: a row for whatever was done, chained; a changed byte is found (R85)."""

import json
import signal
import subprocess
import sys
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from asked import answer, gate, outcome, view
from scripted import Bench

from engine.api import LedgerAction, LedgerEntry, Snooze
from engine.api.ledger import FIRST, check_chain, digest
from engine.errors import Conflict
from engine.model import AnswerKind, DecisionState

Open = Callable[..., Awaitable[Bench]]


async def test_r85_a_row_says_who_how_when_what_was_shown_and_for_how_long(bench: Bench) -> None:
    asked = await gate(bench)
    rejection = answer(
        asked, AnswerKind.REJECT, feedback="not yet", via="tui", shown_seconds=3.5, content=asked.content
    )
    await bench.engine.answer(asked.id, rejection)
    [row] = await bench.engine.history(decision=asked.id)
    assert (row.action, row.by, row.via, row.answer) == (LedgerAction.ANSWERED, "ann", "tui", "reject")
    assert (row.shown_seconds, row.feedback, row.version) == (3.5, digest("not yet"), asked.version + 2)
    assert row.waited is not None
    assert row.waited > 0
    assert len(row.card) == 64
    assert (row.seq, row.previous, row.hash) == (1, FIRST, row.computed())


async def test_r78_the_raw_answer_is_kept_beside_what_it_means(bench: Bench) -> None:
    asked = await gate(bench)
    await bench.engine.answer(asked.id, answer(asked, feedback="fine, but reject the next"))
    [row] = await bench.engine._parts.context.database.all("SELECT * FROM decisions")
    assert json.loads(row["raw"]) == {"answer": "approve", "option": None, "fields": {}}
    assert (row["answer"], row["feedback"]) == ("approve", "fine, but reject the next")


async def test_r85_each_thing_that_is_done_has_its_row(opened: Open) -> None:
    bench = await opened(undo_window=300)
    asked, other = await gate(bench), await gate(bench)
    later = await bench.engine.snooze(asked.id, Snooze(version=1, seconds=60, by="ann", via="cli"))
    await bench.engine.delegate(asked.id, "ben", "ann")
    await bench.engine.answer(asked.id, answer(later, undoable=True))
    await bench.engine.undo(asked.id)
    await bench.engine.answer(asked.id, answer(await view(bench, asked.id)))
    await bench.engine.skip(other.task)
    found = [(e.action, e.decision) for e in reversed(await bench.engine.history())]
    assert found == [
        (LedgerAction.SNOOZED, asked.id), (LedgerAction.DELEGATED, asked.id), (LedgerAction.STAGED, asked.id),
        (LedgerAction.UNDONE, asked.id), (LedgerAction.ANSWERED, asked.id), (LedgerAction.CANCELLED, other.id),
    ]  # fmt: skip
    assert (await bench.engine.verify_ledger()).rows == 6
    page = await bench.engine.history(2, before=5)
    assert [e.seq for e in page] == [4, 3]


async def test_case_18_twenty_answers_at_once_leave_one_row(bench: Bench) -> None:
    asked = await gate(bench)
    codes = [await outcome(bench.engine.answer(asked.id, answer(asked, by=f"n{n}"))) for n in range(20)]
    assert codes.count("") == 1
    rows = await bench.engine.history(decision=asked.id)
    assert [row.action for row in rows] == [LedgerAction.ANSWERED]


async def test_case_19_a_stale_view_approves_nothing_and_leaves_no_row(bench: Bench) -> None:
    asked = await gate(bench)
    await bench.engine.snooze(asked.id, Snooze(version=1, news=True))
    before = await bench.engine.history()
    assert await outcome(bench.engine.answer(asked.id, answer(asked))) == "stale_version"
    other = answer(await view(bench, asked.id), content="ab" * 20)
    assert await outcome(bench.engine.answer(asked.id, other)) == "stale_version"
    assert await bench.engine.history() == before
    assert (await view(bench, asked.id)).state is DecisionState.PENDING


async def filled(bench: Bench) -> None:
    for _ in range(4):
        asked = await gate(bench)
        await bench.engine.answer(asked.id, answer(asked, feedback="fine"))


TAMPERINGS = {
    "a byte of an answer": "UPDATE ledger SET entry = replace(entry, 'approve', 'approvf') WHERE seq = 2",
    "who it was": "UPDATE ledger SET entry = replace(entry, '\"ann\"', '\"ben\"') WHERE seq = 3",
    "the hash of a row": "UPDATE ledger SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = 2",
    "a row in the middle": "DELETE FROM ledger WHERE seq = 2",
    "the first row": "DELETE FROM ledger WHERE seq = 1",
    "the last row": "DELETE FROM ledger WHERE seq = 4",
    "the order": "UPDATE ledger SET seq = 9 WHERE seq = 3",
}


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_r85_a_changed_byte_is_found(bench: Bench, name: str) -> None:
    await filled(bench)
    assert (await bench.engine.verify_ledger()).ok
    database = bench.engine._parts.context.database
    with pytest.raises(Conflict, match="only added to"):
        await database.write(lambda tx: tx.run(TAMPERINGS[name]))
    assert (await bench.engine.verify_ledger()).ok
    for trigger in ("ledger_is_kept", "ledger_stays"):
        await database.write(lambda tx, trigger=trigger: tx.run(f"DROP TRIGGER {trigger}"))  # type: ignore[misc]
    assert await database.write(lambda tx: tx.run(TAMPERINGS[name])) == 1
    check = await bench.engine.verify_ledger()
    assert not check.ok
    assert check.problem
    assert check.at is not None


async def test_an_export_is_checked_without_a_store(bench: Bench) -> None:
    await filled(bench)
    lines = [entry.model_dump_json() for entry in reversed(await bench.engine.history())]
    entries = [LedgerEntry.model_validate_json(line) for line in lines]
    head = (await bench.engine.verify_ledger()).head
    assert check_chain(entries, head).ok
    assert not check_chain(entries[:-1], head).ok
    changed = [LedgerEntry.model_validate_json(line.replace("ann", "bob")) for line in lines]
    assert check_chain(changed).at == 1


KILLED = """
import asyncio, os, signal, sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from asked import answer, gate
from scripted import Bench, ScriptedDriver
from engine.local.opening import open_local
from engine.model import DriverName
from engine.settings import EngineSettings, Settings

async def main() -> None:
    driver = ScriptedDriver(root=Path({project!r}))
    settings = Settings(engine=EngineSettings(undo_window=300))
    engine = await open_local(Path({project!r}), settings, drivers={{DriverName.PROCESS: driver}})
    asked = await gate(Bench(engine, driver))
    staged = await engine.answer(asked.id, answer(asked, undoable=True)) if {staged} else asked
    print(staged.id, staged.version, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def killed(project: Path, *, staged: bool) -> tuple[str, int]:
    """The decision, and its version, that an engine left which was killed with SIGKILL."""
    program = KILLED.format(tests=str(Path(__file__).parent), project=str(project), staged=staged)
    died = await to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    decision, version = died.stdout.split()
    return decision, int(version)


async def test_r81_kill_9_between_raise_and_answer_keeps_id_and_version(project: Path, opened: Open) -> None:
    decision, version = await killed(project, staged=False)
    bench = await opened()
    now = await view(bench, decision)
    assert (now.state, now.version) == (DecisionState.PENDING, version)
    await bench.engine.answer(decision, answer(now))
    assert (await bench.ended(now.goal)).state == "done"


@pytest.mark.parametrize("then", ["undo", "let it be"])
async def test_r84_kill_9_inside_the_window_loses_neither_the_answer_nor_the_undo(
    project: Path, opened: Open, then: str
) -> None:
    decision, version = await killed(project, staged=True)
    bench = await opened(undo_window=300)
    staged = await view(bench, decision)
    assert (staged.state, staged.answer, staged.version) == (DecisionState.STAGED, AnswerKind.APPROVE, version)
    if then == "undo":
        undone = await bench.engine.undo(decision)
        assert (undone.state, undone.version) == (DecisionState.PENDING, version + 1)
    else:
        database = bench.engine._parts.context.database
        past = {"at": "2026-01-01T00:00:00.000000+00:00", "id": decision}
        await database.write(lambda tx: tx.run("UPDATE decisions SET effective_at = :at WHERE id = :id", past))
        await bench.engine._parts.answers.apply_due(bench.engine._parts.context.clock.now())
        await bench.engine._parts.answers.apply_due(bench.engine._parts.context.clock.now())
        assert (await bench.ended(staged.goal)).state == "done"
    actions = [e.action for e in await bench.engine.history(decision=decision)]
    assert actions == [LedgerAction.UNDONE if then == "undo" else LedgerAction.ANSWERED, LedgerAction.STAGED]
    assert (await bench.engine.verify_ledger()).ok
