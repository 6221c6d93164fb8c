"""A conflict of a merge is bound to where both branches stood: when one has moved, it is looked at again (R82)."""

import json
import logging
from pathlib import Path

from engine.dispatch.context import Context
from engine.dispatch.decisions.lifecycle import get, undo
from engine.dispatch.steps import DECISIONS, GOALS, TASKS
from engine.dispatch.work.conflicts import OPTIONS, Clash, Way, merge_of
from engine.dispatch.work.merging import by_hand
from engine.errors import PilothouseError, StaleVersion
from engine.model import AnswerKind, DecisionRecord, DecisionState
from engine.store import Tx
from engine.store.rows import decision_from
from engine.workspace import GoalRepository

log = logging.getLogger(__name__)


async def require_as_shown(context: Context, decision: str, answer: AnswerKind | None, option: str | None) -> None:
    """Raise StaleVersion, with the question asked anew, when an answer rests on a merge that has come to something else
    since. To merge again is to look again: it rests on nothing."""
    if answer not in OPTIONS or option == Way.AGAIN:
        return
    row = await context.database.one(DECISIONS["get"], {"id": decision})
    held = None if row is None else decision_from(row)
    into = None if held is None else merge_of(held)
    if held is None or into is None or held.state not in (DecisionState.PENDING, DecisionState.STAGED):
        return
    clash = await _seen(context, held, into)
    if clash is None or (clash.commit, clash.tip) == (held.evidence.get("commit"), held.evidence.get("tip")):
        return
    await context.database.write(lambda tx: _ask_anew(tx, held, clash))
    words = f"conflicts in {len(clash.files)} files" if clash.files else "fits"
    raise StaleVersion(f"{into} or the goal's branch has moved since: the goal's branch {words}",
                       hint="look at what changed and decide again")  # fmt: skip


async def _seen(context: Context, held: DecisionRecord, into: str) -> Clash | None:
    """What the merge comes to at this moment; None when that cannot be seen, which keeps nobody from giving it up."""
    goal = await context.database.one(GOALS["get"], {"id": held.goal})
    repository = None if goal is None else context.repository(held.goal, goal["branch"])
    if goal is None or repository is None or goal["repo"] is None:
        return None
    try:
        return await _rehearsed(context, held.goal, repository, Path(goal["repo"]), into)
    except PilothouseError as error:
        log.warning("the branches of %s cannot be looked at: %s", held.id, error.message)
        return None


async def _rehearsed(context: Context, goal: str, repository: GoalRepository, repo: Path, into: str) -> Clash:
    seen = await repository.rehearse_into(repo, into)
    command = by_hand(context.paths.goal_repository(goal), repository.branch)
    base = seen.result.base or seen.tip
    return Clash(seen.result.conflicts, seen.result.how, base, seen.goal, seen.tip, into, command)


def _ask_anew(tx: Tx, seen: DecisionRecord, clash: Clash) -> None:
    """The same question about what there is to see now, unless somebody was faster."""
    held = get(tx, seen.id)
    if held.version != seen.version:
        return
    if held.state is DecisionState.STAGED:
        undo(tx, held.id, by="engine", note="a branch that it asks about has moved")
        held = get(tx, held.id)
    task = tx.one(TASKS["get"], {"id": held.task})
    assert task is not None
    evidence = {**held.evidence, **clash.evidence(str(held.evidence.get("run")), None)}
    values = {"question": clash.question(task["title"]), "evidence": json.dumps(evidence)}
    tx.run(DECISIONS["ask_anew"], {"id": held.id, "seen": held.version, **values})
