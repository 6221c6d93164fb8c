"""What a gate asks of GitHub, and what comes of the answers."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol, assert_never

from engine.model import GateKind, GateSpec
from engine.signals.checks import judge_checks
from engine.signals.finding import Finding, Trouble
from engine.signals.reviews import judge_comments, judge_reviews

WHOLE = 30.0  # seconds for everything asked about one gate


class Asked(Protocol):
    """The service, as far as it is asked."""

    async def get(self, path: str) -> Any: ...

    async def listed(self, path: str, key: str | None = None) -> list[Mapping[str, Any]]: ...


async def look(service: Asked, spec: GateSpec, head: str | None) -> Finding:
    """Ask about one gate. `head`: the commit under test; None where it is the pull request's own. Raises Trouble."""
    try:
        async with asyncio.timeout(WHOLE):
            return await _look(service, spec, head)
    except TimeoutError as error:
        raise Trouble(f"the answers took longer than {WHOLE:g} seconds") from error


async def head_of(service: Asked, spec: GateSpec) -> str:
    """The commit that the pull request stands at."""
    pull = await service.get(f"/repos/{spec.repo}/pulls/{spec.pr}")
    sha = pull.get("head", {}).get("sha") if isinstance(pull, dict) and isinstance(pull.get("head"), dict) else None
    if not isinstance(sha, str) or not sha:
        raise Trouble(f"what is said of {spec.repo}#{spec.pr} names no head commit")
    return sha.lower()


async def _look(service: Asked, spec: GateSpec, head: str | None) -> Finding:
    asked = None if spec.pr is None else await head_of(service, spec)
    about = head or asked
    if about is None:
        raise Trouble("it names no commit and no pull request")
    if asked is not None and not asked.startswith(about):
        return Finding(None, f"{spec.repo}#{spec.pr} is at {asked[:12]}, the gate is about {about[:12]}", about)
    about = asked or about
    match spec.kind:
        case GateKind.GH_CI:
            runs = await service.listed(f"/repos/{spec.repo}/commits/{about}/check-runs", "check_runs")
            statuses = await service.listed(f"/repos/{spec.repo}/commits/{about}/status", "statuses")
            return judge_checks(runs, statuses, about)
        case GateKind.GH_REVIEW | GateKind.PR_REVIEW:
            return await _reviews(service, spec, about)
        case GateKind.HUMAN_APPROVAL | GateKind.CHOICE | GateKind.FORM | GateKind.WEBHOOK | GateKind.TIMER:
            raise AssertionError(f"nobody is asked about a gate of kind {spec.kind}")
        case GateKind.ALL | GateKind.ANY | GateKind.N_OF:
            raise AssertionError(f"nobody is asked about a gate of kind {spec.kind}")
        case _:
            assert_never(spec.kind)


async def _reviews(service: Asked, spec: GateSpec, head: str) -> Finding:
    found = judge_reviews(await service.listed(f"/repos/{spec.repo}/pulls/{spec.pr}/reviews"), head, spec.name)
    if found.status is None and spec.name is not None:
        comments = await service.listed(f"/repos/{spec.repo}/issues/{spec.pr}/comments")
        return judge_comments(comments, head, spec.name) or found
    return found
