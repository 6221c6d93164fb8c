"""The verdict of a run that has ended: read once, from its outbox and from what it said as `complete` (R86)."""

import asyncio
import json
from dataclasses import replace

from engine.dispatch.claims import Claimed
from engine.dispatch.context import Context
from engine.dispatch.endings.ending import Ending
from engine.dispatch.runs.way_out import outbox_of
from engine.dispatch.steps import AGENTS
from engine.errors import Invalid
from engine.model import ExitCause, Judgement, VerdictKind
from engine.redaction import Redactor
from engine.sandbox.driver import Driver
from engine.sandbox_api.outbox import VERDICT, read_verdict
from engine.sandbox_api.verdicts import document, judgement

NOT_RUN = (126, 127)  # exit codes of a shell that could not run what it was told to: nothing was judged


async def judged(context: Context, claimed: Claimed, driver: Driver, redactor: Redactor, ending: Ending) -> Ending:
    """The ending with the verdict of a judge; one without a sound verdict has failed."""
    spec = claimed.task.spec
    if not spec.judges or ending.cause is not ExitCause.EXIT or ending.gave_up:
        return ending
    if spec.verdict is VerdictKind.EXIT:
        return replace(ending, verdict=_by_exit(ending))
    if not ending.succeeded:
        return ending
    try:
        found = await _found(context, claimed, driver, redactor)
    except Invalid as error:
        return replace(ending, cause=ExitCause.VERDICT_MISSING, message=f"no sound verdict: {error.message}")
    return replace(ending, verdict=found, message=found.words)


def _by_exit(ending: Ending) -> Judgement | None:
    """What an exit code says; None when nothing was judged."""
    if ending.exit_code is None or ending.exit_code in NOT_RUN:
        return None
    lines = "" if ending.succeeded else "\n".join(ending.last_lines)
    return Judgement(kind=VerdictKind.EXIT, passed=ending.succeeded, summary=ending.message, feedback=lines)


async def _found(context: Context, claimed: Claimed, driver: Driver, redactor: Redactor) -> Judgement:
    """The one verdict of this very run. Invalid when there is none, or two that differ."""
    run, kind = claimed.run, claimed.task.spec.verdict
    found: list[Judgement] = []
    letter = await asyncio.to_thread(read_verdict, outbox_of(driver.work_folder(run.id)))
    if letter is not None:
        if letter.refused:
            raise Invalid(f"{VERDICT}: {letter.refused}")
        found.append(judgement(kind, redactor.data(document(letter.content))))
    row = await context.database.one(AGENTS["report_of"], {"run": run.id})
    if row is not None and row["verdict"] is not None:
        found.append(judgement(kind, json.loads(row["verdict"])))
    if not found:
        raise Invalid(f"it wrote no $PILOTHOUSE_OUTBOX/{VERDICT} and said none as `complete`")
    if found[0].passed != found[-1].passed:
        raise Invalid(f"{VERDICT} and `complete` contradict each other")
    return found[0]
