"""Reviews of a pull request: what the newest word of each reviewer comes to for one commit (R66)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.model import SignalStatus
from engine.signals.finding import Finding

TRUSTED = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})  # those whose approval GitHub itself counts
WORD = re.compile(r"^pilothouse-review: (pass|fail) ([0-9a-f]{40,64})$", re.MULTILINE)
SILENT = frozenset({"COMMENTED", "PENDING"})  # say nothing for or against
DECIDING = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})


def judge_reviews(reviews: Sequence[Mapping[str, Any]], head: str, reviewer: str | None = None) -> Finding:
    """An approval of `head` that is not taken back, and nobody who asks for changes, passes; changes asked for at
    `head` fail; a dismissed or stale review is neither. `reviewer`: only the word of this one counts."""
    newest: dict[str, Mapping[str, Any]] = {}
    unknown: list[str] = []
    for review in reviews:
        login, state = _login(review), str(review.get("state")).upper()
        if state in DECIDING and _counts(review, reviewer):
            newest[login] = review
        elif state not in SILENT | DECIDING:
            unknown.append(f"{login} ({state.lower()})")
    refused = _who(newest, "CHANGES_REQUESTED")
    fresh = [login for login in refused if newest[login].get("commit_id") == head]
    if fresh:
        return Finding(SignalStatus.FAIL, f"{', '.join(fresh)} asked for changes", head)
    if unknown:
        return Finding(None, f"a review says something that is not known here: {', '.join(unknown[:5])}", head)
    if refused:
        return Finding(None, f"{', '.join(refused)} asked for changes at an earlier commit", head)
    approved = _who(newest, "APPROVED")
    if any(newest[login].get("commit_id") == head for login in approved):
        return Finding(SignalStatus.PASS, f"{', '.join(approved)} approved {head[:12]}", head)
    if approved:
        return Finding(None, f"{', '.join(approved)} approved an earlier commit, not {head[:12]}", head)
    return Finding(None, f"no approval of {head[:12]} yet", head)


def judge_comments(comments: Sequence[Mapping[str, Any]], head: str, reviewer: str) -> Finding | None:
    """The newest comment of the reviewer that has a line `pilothouse-review: pass|fail COMMIT` about `head`; free
    text says nothing. None when there is no such comment."""
    for comment in reversed(comments):
        if _login(comment).lower() != reviewer.lower():
            continue
        for word, commit in WORD.findall(str(comment.get("body")).replace("\r", "")):
            if commit == head:
                return Finding(SignalStatus(word), f"{reviewer} says {word} of {head[:12]}", head)
    return None


def _who(newest: Mapping[str, Mapping[str, Any]], state: str) -> list[str]:
    return [login for login, review in newest.items() if str(review.get("state")).upper() == state]


def _counts(review: Mapping[str, Any], reviewer: str | None) -> bool:
    if reviewer is not None:
        return _login(review).lower() == reviewer.lower()
    return str(review.get("author_association")).upper() in TRUSTED


def _login(entry: Mapping[str, Any]) -> str:
    user = entry.get("user")
    return str(user.get("login")) if isinstance(user, Mapping) else "somebody"
