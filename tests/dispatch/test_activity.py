"""Working, waiting, quiet, repeating, lost: a truth table on a frozen clock (R49, R50), and monitors without a hand on
the store (R51)."""

from collections.abc import Callable

import pytest

from engine.clock import SystemClock
from engine.dispatch.stalls.activity import Facts, Thresholds, assess
from engine.dispatch.stalls.signs import Sign
from engine.dispatch.stalls.vitals import Vitals
from engine.model import Activity
from engine.sandbox.driver import Stats

NOW = 10_000.0
LIMITS = Thresholds(quiet=300.0, repeats=10)
LONG, SOON = NOW - 4000.0, NOW - 1.0
OUT, BEAT, ACT = Sign.OUTPUT, Sign.HEARTBEAT, Sign.ACTION
SAME = {"action": "edit a", "repeats": 10, "repeating_since": NOW - 60}
FAST, RARE = {**SAME, "repeating_since": NOW - 5}, {**SAME, "repeats": 9}
DEAD = {"busy_at": LONG, "changed_at": LONG, "reached_at": NOW}

TABLE: list[tuple[str, Facts, Activity, bool]] = [
    ("it has only just begun", Facts(SOON), Activity.WORKING, False),
    ("it has never said a word", Facts(LONG), Activity.QUIET, False),
    ("output", Facts(LONG, None, {OUT: SOON}, **DEAD), Activity.WORKING, False),
    ("a heartbeat alone is life", Facts(LONG, None, {OUT: LONG, BEAT: SOON}, **DEAD), Activity.WORKING, False),
    ("a tool alone is life", Facts(LONG, None, {OUT: LONG, ACT: SOON}, **DEAD), Activity.WORKING, False),
    ("silence alone", Facts(LONG, None, {OUT: LONG}, busy_at=SOON, reached_at=NOW), Activity.QUIET, False),
    ("silence, CPU unknown", Facts(LONG, None, {OUT: LONG}, reached_at=NOW), Activity.QUIET, False),
    ("an idle CPU alone", Facts(LONG, None, {OUT: SOON}, busy_at=LONG, reached_at=NOW), Activity.WORKING, False),
    ("silence and an idle CPU", Facts(LONG, None, {OUT: LONG}, busy_at=LONG, reached_at=NOW), Activity.QUIET, True),
    ("idle as far as known", Facts(LONG, None, {OUT: LONG}, busy_at=LONG, reached_at=LONG + 9), Activity.LOST, False),
    ("idle, but measured too short", Facts(NOW - 500, busy_at=NOW - 500, reached_at=NOW - 299), Activity.QUIET, False),
    ("waits for a decision", Facts(LONG, None, {OUT: LONG}, {"decision": "d-1"}, **DEAD), Activity.WAITING, False),
    ("waits for a lease", Facts(LONG, None, {OUT: LONG}, {"lease": "port"}, **DEAD), Activity.WAITING, False),
    ("waits for a cooldown", Facts(LONG, None, {OUT: LONG}, {"cooldown": "429"}, **DEAD), Activity.WAITING, False),
    ("waits and repeats", Facts(LONG, None, {ACT: LONG}, {"lease": "x"}, **SAME, **DEAD), Activity.WAITING, False),
    ("waited until a moment ago", Facts(LONG, NOW - 60, {OUT: LONG}, **DEAD), Activity.WORKING, False),
    ("has waited long ago", Facts(LONG, NOW - 301, {OUT: LONG}, **DEAD), Activity.QUIET, True),
    ("frozen", Facts(LONG, None, {OUT: LONG}, frozen=True, **DEAD), Activity.WAITING, False),
    ("its sandbox is silent", Facts(LONG, None, {OUT: LONG}, busy_at=LONG, reached_at=LONG), Activity.LOST, False),
    ("it does not answer but speaks", Facts(LONG, None, {OUT: SOON}, reached_at=LONG), Activity.WORKING, False),
    ("repeats alone", Facts(LONG, None, {ACT: SOON}, **SAME), Activity.REPEATING, False),
    ("repeats and writes", Facts(LONG, None, {ACT: SOON}, changed_at=SOON, **SAME), Activity.REPEATING, False),
    ("repeats and writes nothing", Facts(LONG, None, {ACT: SOON}, changed_at=LONG, **SAME), Activity.REPEATING, True),
    ("repeats, not for long", Facts(LONG, None, {ACT: SOON}, changed_at=LONG, **FAST), Activity.REPEATING, False),
    ("not often enough", Facts(LONG, None, {ACT: SOON}, changed_at=LONG, **RARE), Activity.WORKING, False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "facts", "activity", "stalled"), TABLE, ids=[row[0] for row in TABLE])
def test_r49_r50_the_truth_table(name: str, facts: Facts, activity: Activity, stalled: bool) -> None:
    found = assess(facts, NOW, LIMITS)
    assert (found.activity, found.stalled) == (activity, stalled), name
    if stalled:
        assert len({sign.source for sign in found.against}) == 2, "two signs of two sources"


def test_r49_clocks_start_anew_with_each_run() -> None:
    assert assess(Facts(NOW - 299), NOW, LIMITS).activity is Activity.WORKING
    assert assess(Facts(NOW - 300), NOW, LIMITS).activity is Activity.QUIET


def test_r50_evidence_names_source_and_age_the_newest_first() -> None:
    found = assess(Facts(LONG, None, {OUT: NOW - 400, BEAT: NOW - 350}, busy_at=NOW - 5, reached_at=NOW), NOW, LIMITS)
    assert [(e.source, e.age) for e in found.evidence] == [
        ("sandbox", 0.0), ("cpu", 5.0), ("heartbeat", 350.0), ("output", 400.0),
    ]  # fmt: skip
    assert found.age == 350.0


class Watch(SystemClock):
    """Monotonic time as a test says it is."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_cpu_that_is_not_used_is_told_from_cpu_that_is() -> None:
    watch = Watch()
    vitals = Vitals(watch)
    for at, spent in ((0, 3.0), (10, 3.01), (20, 3.02), (30, 8.02), (40, 8.03)):
        watch.seconds = float(at)
        vitals.note(Stats(spent, 7))
    assert (vitals.busy_at, vitals.reached_at, vitals.memory) == (30.0, 40.0, 7)
    assert vitals.cpu == pytest.approx(0.001)


@pytest.mark.parametrize("module", ["vitals", "activity", "signs"])
def test_r51_a_monitor_holds_no_store(run_python: Callable[[str], str], module: str) -> None:
    listed = "sorted(n for n in sys.modules if n.startswith('engine.store'))"
    code = f"import sys, engine.dispatch.stalls.{module}; print({listed})"
    assert run_python(code).strip() == "[]"
