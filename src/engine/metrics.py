"""What the engine counts and measures for Prometheus (CONTRACT section 5), fed from committed events.

Every label has a fixed or bounded set of values and none is ever an id, so that the number of series does not grow
with what is run (R117).
"""

import re
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from engine.events import Event, EventType
from engine.model import BreakerState, DecisionKind, ExitCause, GateKind, GoalState, RunState, TaskState

FAST = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds: machines
SLOW = (1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)  # seconds: work and people
VALUES = 40  # different values of a label that comes out of an event; the rest is `other`
OPEN = 20_000  # beginnings whose end has not come that are remembered
BREAKER = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
_WORD = re.compile(r"[a-z][a-z0-9_.-]{0,39}")


class Metrics:
    """All families of one engine. Used on the event loop; `monotonic` in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._monotonic = monotonic
        self._known: dict[str, set[str]] = {}
        self._ready = Beginnings()
        self._runs = Beginnings()
        self._gates: Beginnings = Beginnings()
        self._decisions: Beginnings = Beginnings()
        self.registry = registry = CollectorRegistry(auto_describe=True)
        self._now: dict[str, Gauge] = {
            name: Gauge(f"pilothouse_{name}", text, labels, registry=registry)
            for name, text, labels in (
                ("goals", "Goals by state.", ["state"]),
                ("tasks", "Leaf tasks by state.", ["state"]),
                ("sandboxes", "Live sandboxes by state of their run.", ["state"]),
                ("decisions_pending", "Questions that wait for a person.", ["kind"]),
                ("breaker_state", "0 closed, 1 half open, 2 open.", ["name"]),
                ("leases_held", "Leases that are held.", []),
            )
        }
        self._count: dict[str, Counter] = {
            name: Counter(f"pilothouse_{name}", text, labels, registry=registry)
            for name, text, labels in (
                ("runs_total", "Runs that ended, by cause.", ["outcome"]),
                ("signals_total", "Signals by what became of them.", ["type", "outcome"]),
                ("lease_acquisitions_total", "Attempts at a lease by how they ended.", ["status"]),
                ("lease_contentions_total", "Attempts that met a held lease.", []),
                ("messages_total", "Messages between agents.", ["type", "status"]),
                ("events_total", "Committed events.", ["type"]),
                ("subscriber_lag_total", "Events that a slow subscriber was not given.", []),
                ("log_bytes_total", "Bytes of sandbox output that were stored.", []),
                ("log_gaps_total", "Places where output is missing.", []),
            )
        }
        self._took: dict[str, Histogram] = {
            name: Histogram(f"pilothouse_{name}", text, labels, buckets=buckets, registry=registry)
            for name, text, labels, buckets in (
                ("run_duration_seconds", "From a run's start to its end.", [], SLOW),
                ("dispatch_latency_seconds", "From a task being ready to its run having started.", [], FAST),
                ("gate_wait_seconds", "From a gate's opening to its end.", ["kind"], SLOW),
                ("decision_latency_seconds", "From a question to its answer.", ["kind"], SLOW),
                ("lease_wait_seconds", "How long a lease was waited for.", [], FAST),
                ("message_duration_seconds", "From a request to its response.", ["status"], FAST),
                ("store_commit_seconds", "One group commit.", [], FAST),
            )
        }
        self._begin_at_nothing()

    def _begin_at_nothing(self) -> None:
        """Series whose labels are known stand there with 0, so that a rate over them is right from the first one."""
        for cause in ExitCause:
            self._count["runs_total"].labels(cause)
        for kind in GateKind:
            self._took["gate_wait_seconds"].labels(kind)
        for question in DecisionKind:
            self._took["decision_latency_seconds"].labels(question)
        self._now["breaker_state"].labels("sandboxes").set(0)
        self.stands({}, {}, {}, {})

    # -- what happens -----------------------------------------------------------------------------------------------

    def observe(self, events: Iterable[Event]) -> None:
        """Count committed events and what they say."""
        events = list(events)
        for type, number in Tally(event.type for event in events).items():
            self._count["events_total"].labels(type).inc(number)
        for event in events:
            verb = event.type.verb
            match event.type.noun:
                case "run":
                    self._run(event, verb)
                case "gate":
                    self._gate(event, verb)
                case "decision":
                    self._decision(event, verb)
                case "signal":
                    kind = self._label("signal", event.data.get("kind") or event.data.get("type"))
                    self._count["signals_total"].labels(kind, self._label("outcome", verb)).inc()
                case "lease":
                    self._lease(event, verb)
                case "message":
                    self._message(event, verb)
                case _:
                    if event.type is EventType.LOG_GAP:
                        self._count["log_gaps_total"].inc(_number(event.data.get("gaps")) or 1)
            if "breaker" in event.data:
                state = BREAKER[BreakerState(str(event.data["breaker"]))]
                self._now["breaker_state"].labels(self._label("part", event.data.get("part"))).set(state)

    def _run(self, event: Event, verb: str) -> None:
        if event.run is None:
            return
        if verb == "started":
            self._runs.begin(event.run, self._monotonic())
            since = self._ready.end(event.task or "")
            if since is not None:
                self._took["dispatch_latency_seconds"].observe(self._monotonic() - since)
        elif verb == "ended":
            self._count["runs_total"].labels(self._label("cause", event.data.get("cause"))).inc()
            self._ready.end(event.task or "")
            began = self._runs.end(event.run)
            if began is not None:
                self._took["run_duration_seconds"].observe(self._monotonic() - began)

    def _gate(self, event: Event, verb: str) -> None:
        gate = str(event.data.get("gate"))
        if verb == "opened":
            self.gate_opened(gate, str(event.data.get("kind")), event.at)
        elif verb == "resolved":
            self._waited("gate_wait_seconds", self._gates, gate, event.at)

    def _decision(self, event: Event, verb: str) -> None:
        decision = str(event.data.get("decision"))
        if verb == "opened":
            self.decision_opened(decision, str(event.data.get("kind")), event.at)
        elif verb == "answered":
            self._waited("decision_latency_seconds", self._decisions, decision, event.at)
        elif verb in ("expired", "cancelled"):
            self._decisions.end(decision)

    def gate_opened(self, gate: str, kind: str, at: datetime) -> None:
        """A gate that is open; one of an earlier engine is told of when this one begins."""
        self._gates.begin(gate, at.timestamp(), self._label("gate", kind))

    def decision_opened(self, decision: str, kind: str, at: datetime) -> None:
        """A question that is open, likewise."""
        self._decisions.begin(decision, at.timestamp(), self._label("decision", kind))

    def _waited(self, family: str, beginnings: "Beginnings", subject: str, until: datetime) -> None:
        kind = beginnings.kind(subject)
        since = beginnings.end(subject)
        if since is not None:
            self._took[family].labels(kind).observe(max(0.0, until.timestamp() - since))

    def _lease(self, event: Event, verb: str) -> None:
        if verb == "contended":
            self._count["lease_contentions_total"].inc()
            return
        if verb == "acquired":
            self._took["lease_wait_seconds"].observe(_number(event.data.get("waited")))
            self._now["leases_held"].inc()
        elif verb in ("released", "expired"):
            self._now["leases_held"].dec()
        if verb in ("acquired", "timeout", "refused"):
            self._count["lease_acquisitions_total"].labels(self._label("lease", verb)).inc()

    def _message(self, event: Event, verb: str) -> None:
        status = self._label("status", event.data.get("status") or verb)
        kind = self._label("message", event.data.get("kind") or "request")
        self._count["messages_total"].labels(kind, status).inc()
        if verb in ("responded", "timeout"):
            self._took["message_duration_seconds"].labels(status).observe(_number(event.data.get("seconds")))

    def ready(self, task: str, since: float) -> None:
        """A task was claimed that has been ready since a monotonic time."""
        self._ready.begin(task, since)

    def lagged(self, events: int) -> None:
        """A subscriber was too slow for so many events."""
        self._count["subscriber_lag_total"].inc(events)

    def logged(self, size: int) -> None:
        """So many bytes of output were stored."""
        self._count["log_bytes_total"].inc(size)

    def committed(self, seconds: float) -> None:
        """One group commit took so long."""
        self._took["store_commit_seconds"].observe(seconds)

    # -- what is ----------------------------------------------------------------------------------------------------

    def stands(
        self,
        goals: Mapping[str, int],
        tasks: Mapping[str, int],
        sandboxes: Mapping[str, int],
        decisions: Mapping[str, int],
    ) -> None:
        """How many there are of each at this moment; what is not named is 0."""
        for family, values, found in (
            ("goals", GoalState, goals),
            ("tasks", TaskState, tasks),
            ("sandboxes", [state for state in RunState if state is not RunState.ENDED], sandboxes),
            ("decisions_pending", DecisionKind, decisions),
        ):
            for value in values:
                self._now[family].labels(value).set(found.get(value, 0))

    def leases(self, held: int) -> None:
        """So many leases are held: what an earlier engine left."""
        self._now["leases_held"].set(held)

    def text(self) -> str:
        """Every family in the text format of Prometheus."""
        return generate_latest(self.registry).decode()

    def _label(self, family: str, value: object) -> str:
        """A word as a label's value, as long as its family has not too many of them."""
        word = str(value)
        known = self._known.setdefault(family, set())
        if word not in known:
            if len(known) >= VALUES or _WORD.fullmatch(word) is None:
                return "other"
            known.add(word)
        return word


class Beginnings:
    """When things began that have not ended, and of what kind they are; of too many the oldest are forgotten."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[float, str]] = {}

    def begin(self, subject: str, at: float, kind: str = "") -> None:
        if len(self._since) >= OPEN:
            self._since.pop(next(iter(self._since)))
        self._since[subject] = (at, kind)

    def kind(self, subject: str) -> str:
        return self._since.get(subject, (0.0, "other"))[1]

    def end(self, subject: str) -> float | None:
        """When it began; None when that is not known."""
        found = self._since.pop(subject, None)
        return None if found is None else found[0]

    def __len__(self) -> int:
        return len(self._since)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
