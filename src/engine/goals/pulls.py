"""What a gate on GitHub is about: a repository and a pull request or commit of it."""

import re

from engine.goals.fields import Fields
from engine.goals.problems import shown
from engine.model import GateKind, pull_of

REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100}")
SHA = re.compile(r"[0-9a-fA-F]{6,64}")
MOST_PR = 2**31
EXAMPLE = "write `repo: owner/name` and `pr: 12`, or `pr_url: https://github.com/owner/name/pull/12`"


def read_pull(inner: Fields, kind: GateKind, *, has_repo: bool) -> dict[str, object]:
    """`repo`, `pr`, `pr_url`, `head_sha`, `poll` and, of a reviewer, `name`."""
    repo, pr = _repo(inner), inner.integer("pr", 1, MOST_PR)
    url, sha = inner.text("pr_url"), _sha(inner)
    named = None if url is None else pull_of(url.strip())
    if url is not None and named is None:
        inner.problems.add(inner.line_of("pr_url"), f"{shown(url)} is no pull request", EXAMPLE)
    if named is not None and (inner.has("repo") or inner.has("pr")):
        inner.problems.add(inner.line_of("pr_url"), "`pr_url` beside `repo` or `pr`", "write one or the other")
    _require_subject(inner, kind, sha is not None, has_repo)
    name, poll = inner.text("name"), inner.flag("poll")
    return {
        "repo": repo if named is None else named[0],
        "pr": pr if named is None else named[1],
        "pr_url": None if url is None else url.strip(),
        "head_sha": sha,
        "name": None if name is None else name.strip(),
        "poll": True if poll is None else poll,
    }


def _repo(inner: Fields) -> str | None:
    text = inner.text("repo")
    if text is not None and REPO.fullmatch(text.strip()) is None:
        inner.problems.add(inner.line_of("repo"), f"{shown(text)} is no repository on GitHub", "write `owner/name`")
        return None
    return None if text is None else text.strip()


def _sha(inner: Fields) -> str | None:
    text = inner.text("head_sha")
    if text is not None and SHA.fullmatch(text.strip()) is None:
        inner.problems.add(inner.line_of("head_sha"), f"{shown(text)} is no commit", "write its 40 hexadecimal digits")
        return None
    return None if text is None else text.strip().lower()


def _require_subject(inner: Fields, kind: GateKind, has_sha: bool, has_repo: bool) -> None:
    """A review needs a pull request; a CI result one, or a commit: its own `head_sha`, or the goal's branch."""
    if inner.has("pr_url"):
        return
    if not inner.has("repo"):
        inner.problems.add(inner.line, f"a gate of kind `{kind}` does not say where", EXAMPLE)
    elif not inner.has("pr") and not (kind is GateKind.GH_CI and (has_sha or has_repo)):
        inner.problems.add(inner.line, f"a gate of kind `{kind}` has no `pr`", EXAMPLE)
