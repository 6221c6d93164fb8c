"""Whatever GitHub can say is mapped, and what is missing, unknown or old is no pass (R66, R71)."""

from typing import Any

import pytest

from engine.model import SignalStatus
from engine.signals.checks import CONCLUSIONS, judge_checks
from engine.signals.reviews import judge_comments, judge_reviews

HEAD, OLD = "a" * 40, "b" * 40
PASS, FAIL = SignalStatus.PASS, SignalStatus.FAIL
GOOD = {"name": "lint", "status": "completed", "conclusion": "success"}


def run(conclusion: object, status: str = "completed") -> dict[str, Any]:
    return {"name": "test", "status": status, "conclusion": conclusion}


def status(state: str) -> dict[str, Any]:
    return {"context": "ci/old", "state": state}


RUNS = [
    ("success", PASS), ("neutral", PASS), ("skipped", PASS), ("failure", FAIL), ("cancelled", FAIL),
    ("timed_out", FAIL), ("action_required", FAIL), ("startup_failure", FAIL), ("stale", None),
    ("NEUTRAL", PASS), ("TIMED_OUT", FAIL), ("something new", None), (None, None), ("", None),
]  # fmt: skip


@pytest.mark.parametrize(("conclusion", "wanted"), RUNS, ids=str)
def test_r71_every_conclusion_beside_a_success(conclusion: object, wanted: SignalStatus | None) -> None:
    assert judge_checks([GOOD, run(conclusion)], [], HEAD).status is wanted


def test_r71_the_table_is_whole() -> None:
    assert set(CONCLUSIONS) <= {str(conclusion).lower() for conclusion, _ in RUNS}


@pytest.mark.parametrize("state", ["queued", "in_progress", "waiting", "requested", "pending", "odd"])
def test_r71_what_has_not_ended_keeps_the_gate_open_and_says_so(state: str) -> None:
    found = judge_checks([GOOD, run(None, state)], [], HEAD)
    assert found.status is None
    assert f"test ({state})" in found.words


@pytest.mark.parametrize("conclusion", ["neutral", "skipped"])
def test_r62_checks_that_were_all_skipped_passed_nothing(conclusion: str) -> None:
    found = judge_checks([run(conclusion)], [], HEAD)
    assert found.status is None
    assert "none of 1 checks succeeded" in found.words


def test_r71_an_empty_list_keeps_the_gate_open_and_says_so() -> None:
    found = judge_checks([], [], HEAD)
    assert (found.status, found.words) == (None, f"no check of {HEAD[:12]} has been reported yet")


@pytest.mark.parametrize(
    ("state", "wanted"), [("success", PASS), ("failure", FAIL), ("error", FAIL), ("pending", None), ("odd", None)]
)
def test_r71_every_commit_status(state: str, wanted: SignalStatus | None) -> None:
    assert judge_checks([], [status(state)], HEAD).status is wanted
    assert judge_checks([GOOD], [status(state)], HEAD).status is wanted


def review(state: str, who: str = "ann", commit: str = HEAD, role: str = "MEMBER") -> dict[str, Any]:
    return {"state": state, "user": {"login": who}, "commit_id": commit, "author_association": role}


REVIEWS = [
    ([], None, "no approval"),
    ([review("APPROVED")], PASS, "ann approved"),
    ([review("COMMENTED")], None, "no approval"),
    ([review("PENDING")], None, "no approval"),
    ([review("CHANGES_REQUESTED")], FAIL, "asked for changes"),
    ([review("APPROVED"), review("CHANGES_REQUESTED", "bob")], FAIL, "bob asked"),
    ([review("CHANGES_REQUESTED"), review("APPROVED")], PASS, "ann approved"),
    ([review("APPROVED"), review("COMMENTED")], PASS, "ann approved"),
    ([review("APPROVED"), review("DISMISSED")], None, "no approval"),
    ([review("CHANGES_REQUESTED"), review("DISMISSED"), review("APPROVED", "bob")], PASS, "bob approved"),
    ([review("APPROVED", commit=OLD)], None, "an earlier commit"),
    ([review("CHANGES_REQUESTED", commit=OLD), review("APPROVED", "bob")], None, "at an earlier commit"),
    ([review("APPROVED", role="NONE")], None, "no approval"),
    ([review("APPROVED", role="CONTRIBUTOR")], None, "no approval"),
    ([review("SOMETHING_NEW")], None, "not known here"),
    ([review("APPROVED"), review("SOMETHING_NEW", "bob")], None, "not known here"),
]


@pytest.mark.parametrize(("reviews", "wanted", "words"), REVIEWS)
def test_r66_r71_every_way_reviews_can_stand(
    reviews: list[dict[str, Any]], wanted: SignalStatus | None, words: str
) -> None:
    found = judge_reviews(reviews, HEAD)
    assert found.status is wanted
    assert words in found.words


def test_only_the_named_reviewer_counts_whatever_its_role() -> None:
    both = [review("CHANGES_REQUESTED", "ann"), review("APPROVED", "Bot", role="NONE")]
    assert judge_reviews(both, HEAD, "bot").status is PASS
    assert judge_reviews(both, HEAD, "other").status is None


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (f"Fine.\npilothouse-review: pass {HEAD}\n", PASS),
        (f"pilothouse-review: fail {HEAD}\r\nbecause", FAIL),
        (f"pilothouse-review: pass {OLD}", None),
        (f"I would say pilothouse-review: pass {HEAD}", None),
        ("LGTM, approved, pass", None),
        (f"> pilothouse-review: pass {HEAD}", None),
    ],
)
def test_r62_free_text_says_nothing_and_a_marked_line_counts_for_its_commit(
    body: str, wanted: SignalStatus | None
) -> None:
    found = judge_comments([{"user": {"login": "bot"}, "body": body}], HEAD, "bot")
    assert (None if found is None else found.status) is wanted
    assert judge_comments([{"user": {"login": "ann"}, "body": body}], HEAD, "bot") is None
