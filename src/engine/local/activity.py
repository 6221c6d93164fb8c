"""What live runs do, as this engine saw them last: facts of this process, put beside what the store says."""

from collections.abc import Iterable

from engine.api import ActivitySign, SandboxView, Why
from engine.dispatch.runs.life import LiveRun
from engine.dispatch.runs.live import LiveRuns
from engine.dispatch.stalls.activity import Evidence
from engine.dispatch.stalls.looking import sentence
from engine.units import format_duration


def with_activity(views: Iterable[SandboxView], live: LiveRuns) -> tuple[SandboxView, ...]:
    """The same sandboxes with what was measured of each that is watched here."""
    runs = {run.id: run for run in live}
    return tuple(_filled(view, runs[view.run]) if view.run in runs else view for view in views)


def _filled(view: SandboxView, run: LiveRun) -> SandboxView:
    found = run.pulse.assessment
    measured: dict[str, object] = {"cpu": run.pulse.vitals.cpu, "memory_used": run.pulse.vitals.memory}
    if found is not None:
        signs = tuple(ActivitySign(source=e.source, words=e.words, age=round(e.age, 3)) for e in found.evidence)
        measured |= {
            "activity": found.activity, "activity_age": round(found.age, 3), "activity_evidence": signs,
            "stalled": found.stalled,
        }  # fmt: skip
    return view.model_copy(update=measured)


def with_signs(why: Why, live: LiveRuns) -> Why:
    """What a running task does, and the facts that rests on."""
    for run in live:
        found = run.pulse.assessment
        if run.claimed.task.id == why.id and found is not None and not run.over:
            stalled = ["it has stalled: two signs say so, " + " and ".join(map(_words, found.against))]
            facts = ["seen: " + "; ".join(map(_words, found.evidence))] if found.evidence else []
            reasons = (*why.reasons, sentence(found), *(stalled if found.stalled else []), *facts)
            return why.model_copy(update={"reasons": reasons})
    return why


def _words(evidence: Evidence) -> str:
    return f"{evidence.words} ({format_duration(evidence.age)})"
