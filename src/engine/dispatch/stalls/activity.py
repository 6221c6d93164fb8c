"""What a live run is doing, told from its signs of life alone: a pure function of facts and clocks (F41, R49, R50)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.dispatch.stalls.signs import Sign
from engine.model import Activity

WORDS = {Sign.OUTPUT: "output", Sign.HEARTBEAT: "heartbeat", Sign.ACTION: "action"}

STILL = 60.0  # seconds a repetition lasts at least before an unchanged work tree says anything


@dataclass(frozen=True)
class Thresholds:
    """When a run looks stalled: `quiet` in seconds, `repeats` of the same action in a row."""

    quiet: float
    repeats: int


@dataclass(frozen=True)
class Facts:
    """Everything known of one run, times in monotonic seconds of one clock.

    `began`: this run, no earlier one; `rested_at`: when it last waited; `shown`: the newest sign of each source;
    `waits`: what it waits for, by who says so; `repeating_since`: when the first of the `repeats` equal actions was
    done. From outside: `busy_at`: when its processes last used the CPU, `changed_at`: when its work tree last changed,
    `reached_at`: when its sandbox last answered; each None where it cannot be told.
    """

    began: float
    rested_at: float | None = None
    shown: Mapping[Sign, float] = field(default_factory=dict)
    waits: Mapping[str, str] = field(default_factory=dict)
    frozen: bool = False
    action: str = ""
    repeats: int = 0
    repeating_since: float | None = None
    busy_at: float | None = None
    changed_at: float | None = None
    reached_at: float | None = None


@dataclass(frozen=True)
class Evidence:
    """One fact: where it comes from, what it says, how old it is in seconds."""

    source: str
    words: str
    age: float


@dataclass(frozen=True)
class Assessment:
    """What a run does, for how long, and why we say so. `against`: the independent signs that it has stalled, which
    counts only when there are two (R50)."""

    activity: Activity
    age: float
    evidence: tuple[Evidence, ...]
    against: tuple[Evidence, ...] = ()

    @property
    def stalled(self) -> bool:
        return len(self.against) >= 2


def assess(facts: Facts, now: float, limits: Thresholds) -> Assessment:
    """One of five. Who waits for a human, a lease or a cooldown is waiting, however long it is silent (R49)."""
    life = max([_rested(facts), *facts.shown.values()])
    evidence = _evidence(facts, now)
    if facts.frozen or facts.waits:
        return Assessment(Activity.WAITING, now - life, (*_waits(facts, now - life), *evidence))
    silent = now - life >= limits.quiet
    if silent and facts.reached_at is not None and now - facts.reached_at >= limits.quiet:
        return Assessment(Activity.LOST, now - facts.reached_at, evidence)
    if silent:
        against = [Evidence("signs", "no output, heartbeat or action", now - life), *_idle(facts, now, limits)]
        return Assessment(Activity.QUIET, now - life, evidence, tuple(against))
    if facts.repeats >= limits.repeats:
        since = life if facts.repeating_since is None else facts.repeating_since
        same = Evidence("action", f"the same action {facts.repeats} times: {facts.action}", now - since)
        return Assessment(Activity.REPEATING, now - since, evidence, (same, *_still(facts, now, since, limits)))
    return Assessment(Activity.WORKING, now - life, evidence)


def _rested(facts: Facts) -> float:
    """From when on silence counts: since it began, or since its last wait."""
    return facts.began if facts.rested_at is None else max(facts.began, facts.rested_at)


def _idle(facts: Facts, now: float, limits: Thresholds) -> list[Evidence]:
    """Its processes have done nothing for as long: that is another source than what it says."""
    known = now if facts.reached_at is None else facts.reached_at
    if facts.busy_at is None or known - max(facts.busy_at, _rested(facts)) < limits.quiet:
        return []
    return [Evidence("cpu", "its processes use no CPU", now - facts.busy_at)]


def _still(facts: Facts, now: float, since: float, limits: Thresholds) -> list[Evidence]:
    """Nothing in its work tree has changed since it began to repeat itself, and that is a while ago."""
    if facts.changed_at is None or facts.changed_at > since or now - since < min(STILL, limits.quiet):
        return []
    return [Evidence("files", "nothing in its work folder has changed", now - facts.changed_at)]


def _waits(facts: Facts, age: float) -> list[Evidence]:
    frozen = [Evidence("operator", "its sandbox is frozen", age)] if facts.frozen else []
    return [*frozen, *(Evidence(who, why, age) for who, why in facts.waits.items())]


def _evidence(facts: Facts, now: float) -> tuple[Evidence, ...]:
    """The newest fact of each source, the newest first."""
    found = [Evidence(sign.value, f"last {WORDS[sign]}", now - at) for sign, at in facts.shown.items()]
    if facts.action:
        found = [e for e in found if e.source != Sign.ACTION]
        at = facts.shown.get(Sign.ACTION, facts.began)
        found.append(Evidence(Sign.ACTION.value, f"last action ({facts.repeats} in a row): {facts.action}", now - at))
    if facts.busy_at is not None:
        found.append(Evidence("cpu", "last use of the CPU", now - facts.busy_at))
    if facts.changed_at is not None:
        found.append(Evidence("files", "last change in its work folder", now - facts.changed_at))
    if facts.reached_at is not None:
        found.append(Evidence("sandbox", "last answer of its sandbox", now - facts.reached_at))
    if not facts.shown:
        found.append(Evidence("run", "began, and has shown nothing since", now - facts.began))
    return tuple(sorted(found, key=lambda evidence: evidence.age))
