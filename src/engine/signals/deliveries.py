"""What a delivery says, as signals: our own form from any source, and the events of GitHub."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from engine.api import Signal
from engine.errors import Invalid
from engine.model import BY_ID_ONLY, GateKind, SignalStatus
from engine.signals.checks import CONCLUSIONS, STATUSES, Mark
from engine.signals.reviews import TRUSTED

EVENT = "x-github-event"
MOST_PULLS = 50  # pull requests of one event


def from_source(source: str, body: bytes) -> Signal:
    """A signal as the API takes it; `type` is webhook and `name` the source's unless it says otherwise. It may name
    no gate by its id, and none that waits for a human, for its members or for time."""
    given = {"type": GateKind.WEBHOOK, "name": source, **_object(body), "by": source, "via": "webhook"}
    if given.get("gate") is not None or given["type"] in {str(kind) for kind in BY_ID_ONLY}:
        raise Invalid("a webhook resolves no gate by its id, and none that waits for a human, its members or time")
    try:
        return Signal.model_validate(given)
    except ValidationError as error:
        rows = [f"{'.'.join(str(part) for part in row['loc'])}: {row['msg']}" for row in error.errors()]
        raise Invalid(
            "the delivery is no signal: " + "; ".join(rows[:8]), hint="docs/webhooks.md has its form"
        ) from error


def from_github(headers: Mapping[str, str], body: bytes) -> list[Signal]:
    """What one event of GitHub says of gates; nothing for the many that say nothing about one."""
    payload = _object(body)
    try:
        return list(_signals(headers.get(EVENT, ""), payload))
    except ValidationError as error:
        raise Invalid(f"the event cannot be read: {error.errors()[0]['msg']}") from error


def _signals(event: str, payload: Mapping[str, Any]) -> Iterator[Signal]:
    match event:
        case "check_suite" | "check_run" | "workflow_run":
            yield from _checks(event, payload)
        case "status":
            mark = STATUSES.get(str(payload.get("state")), Mark.UNKNOWN)
            yield from _of_commit(payload, mark, payload.get("sha"), [])
        case "pull_request_review":
            yield from _review(payload)
        case _:
            return


def _checks(event: str, payload: Mapping[str, Any]) -> Iterator[Signal]:
    about = _inner(payload, event)
    if about.get("status") == "completed":
        mark = CONCLUSIONS.get(str(about.get("conclusion")), Mark.UNKNOWN)
        if event != "check_suite" and mark is Mark.PASS:
            mark = Mark.UNKNOWN  # one check of a suite: the suite's own event says when all are well
        yield from _of_commit(payload, mark, about.get("head_sha"), about.get("pull_requests"))


def _of_commit(payload: Mapping[str, Any], mark: Mark, sha: object, pulls: object) -> Iterator[Signal]:
    if mark not in (Mark.PASS, Mark.FAIL):
        return
    status = SignalStatus.PASS if mark is Mark.PASS else SignalStatus.FAIL
    named = [pull.get("number") for pull in pulls if isinstance(pull, dict)] if isinstance(pulls, list) else []
    for number in named[:MOST_PULLS] or [None]:
        yield _signal(GateKind.GH_CI, status, payload, number, sha)


def _review(payload: Mapping[str, Any]) -> Iterator[Signal]:
    review, pull = _inner(payload, "review"), _inner(payload, "pull_request")
    state = str(review.get("state")).lower()
    if payload.get("action") != "submitted" or state not in ("approved", "changes_requested"):
        return
    status = SignalStatus.PASS if state == "approved" else SignalStatus.FAIL
    reviewer = str(_inner(review, "user").get("login"))
    if str(review.get("author_association")).upper() in TRUSTED:
        yield _signal(GateKind.GH_REVIEW, status, payload, pull.get("number"), review.get("commit_id"))
    yield _signal(GateKind.PR_REVIEW, status, payload, pull.get("number"), review.get("commit_id"), reviewer)


def _signal(
    kind: GateKind, status: SignalStatus, payload: Mapping[str, Any], pr: object, sha: object, name: str | None = None
) -> Signal:
    repo = _inner(payload, "repository").get("full_name")
    values = {"type": kind, "status": status, "repo": repo, "pr": pr, "head_sha": sha, "name": name}
    return Signal.model_validate({**values, "by": "github", "via": "webhook"})


def _inner(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = payload.get(key)
    return value if isinstance(value, Mapping) else {}


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Invalid("the body is no JSON", hint="send `content-type: application/json`") from error
    if not isinstance(parsed, dict):
        raise Invalid("the body is no JSON object")
    return parsed
