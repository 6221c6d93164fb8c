"""A real reviewer in a real process sends the work back once, by file and by `ph`; every verb shows it."""

import json
from pathlib import Path

from cli_process import Pilothouse
from goal_files import goal_file

NO = json.dumps(
    {"verdict": "needs_revision", "summary": "not\u001b[31m red", "feedback": "say it louder", "findings": []}
)

LOUDER = f"""\
goal: Greet
tasks:
  - id: write
    run: |
      grep -c louder "$PILOTHOUSE_INPUTS" || true
      echo "run $PILOTHOUSE_RUN_N"
  - id: review
    run: |
      if test "$PILOTHOUSE_RUN_N" = 1; then
        printf '%s' '{NO}' > "$PILOTHOUSE_OUTBOX/verdict.json"
      else
        ! ph complete --verdict needs_revision --summary hm 2>&1
        ph complete --verdict approved --summary fine
      fi
    verdict: review
    on_reject: {{rework: write, max_cycles: 2}}
"""


def test_r86_r89_r90_a_reviewer_sends_work_back_and_then_approves(inside: Pilothouse, project: Path) -> None:
    ran = inside("run", goal_file(project, LOUDER), "--no-ui", "--json", "--runtime", "process")
    assert ran.code == 0, ran.out + ran.err
    lines = [json.loads(line) for line in ran.out.splitlines()]
    said = [line["data"]["words"] for line in lines if line["type"] == "task.verdict"]
    assert [words.partition(":")[0] for words in said] == ["asks for changes", "approved"]
    goal = lines[-1]["goal"]
    assert inside("logs", f"{goal}/write").out.splitlines()[:2] == ["1", "run 2"]
    assert "needs_revision without `feedback`" in inside("logs", f"{goal}/review").out
    tree = inside("tree", goal).out
    assert "approved, 1 of 2 rounds of rework, 2 runs" in tree
    assert "\x1b[31m" not in inside("why", f"{goal}/review").out
    assert "asked for by review: review: say it louder" in inside("why", f"{goal}/write").out
