"""Every built-in template from end to end: real work trees, real sandboxes, scripted agents (F13, F15)."""

import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest
from outside import send
from scripted import Bench, ScriptedDriver
from voices import seen

from engine.api import Answer, DecisionView, LogQuery
from engine.events import EventType
from engine.local.opening import open_local
from engine.local.schedules import goal_of
from engine.model import AnswerKind, DecisionKind, GoalState
from engine.model.schedules import ScheduleTerms
from engine.paths import ProjectPaths
from engine.settings import Settings

AGENT = """
import json, os, pathlib, re, sys
prompt = sys.argv[1]
asked = "Reviewers asked for changes" in prompt
if "verdict.json" in prompt:
    no = os.environ.get("OBJECTS", "-") in prompt and os.environ["PILOTHOUSE_RUN_N"] == "1"
    words = {"verdict": "needs_revision" if no else "approved", "feedback": "say it louder" if no else ""}
    pathlib.Path(os.environ["PILOTHOUSE_OUTBOX"], "verdict.json").write_text(json.dumps(words))
    sys.exit()
if prompt.startswith(("Carry out", "Run this check", "Bring this branch")):
    if asked or prompt.startswith("Carry out"):
        pathlib.Path("change.txt").write_text(f"loud {os.environ['PILOTHOUSE_RUN_N']}" if asked else "quiet")
    sys.exit()
if prompt.startswith("Review"):
    pathlib.Path("review.md").write_text("looked at " + " ".join(sorted(os.listdir("."))))
    sys.exit(int(os.environ.get("SAYS_NO", "0")))
path = pathlib.Path(re.match(r"Write (\\S+):", prompt)[1])
if path.name == os.environ.get("FAILS_AT"):
    sys.exit("no idea")
path.parent.mkdir(exist_ok=True)
there = sorted(other.name for other in path.parent.iterdir())
path.write_text(f"{path.name} after {there}")
"""
Open = Callable[..., Awaitable[Bench]]
plainly = pytest.mark.parametrize("runtime", ["process"], indirect=True)


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=O", "-c", "user.email=o@localhost")
    return subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
async def opened(project: Path, runtime: str) -> AsyncIterator[Open]:
    """An engine on a project that is a repository itself."""
    git(project, "init", "--quiet", "--initial-branch=main")
    backlog = [
        {"id": "login", "prompt": "login {{ as it stands }}", "title": "Log in {{ now }}"},
        {"id": "search", "prompt": "search", "needs": ["login"]},
        {"id": "export", "prompt": "export", "priority": 3},
    ]
    (project / "backlog.json").write_text(json.dumps(backlog))
    (project / "a.py").write_text("print(1)\n")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "first")
    async with AsyncExitStack() as stack:

        async def open_one(**env: str) -> Bench:
            profile = {"argv": ["python3", "-c", AGENT, "{prompt}"], "env": env}
            settings = Settings.model_validate({
                "agents": {"claude": profile}, "engine": {"undo_window": 0, "retry_backoff": 0.01},
                "sandbox": {"runtime": runtime}, "github": {"api_url": "http://127.0.0.1:9"},
            })  # fmt: skip
            local = await open_local(project, settings)
            stack.push_async_callback(local.close)
            bench = Bench(local, ScriptedDriver(root=project))
            bench.patience = 60  # real sandboxes and git
            return bench

        yield open_one


async def begun(bench: Bench, name: str, **values: str) -> str:
    terms = ScheduleTerms(template=name, vars=values, every=3600, allow_unconfined=True)
    request = goal_of(ProjectPaths(bench.driver.root), terms)
    return (await bench.engine.create_goal(request.model_copy(update={"start": True}))).id


async def asked(bench: Bench, goal: str, kind: DecisionKind = DecisionKind.APPROVAL) -> DecisionView:
    async with aclosing(bench.engine.subscribe()) as updates:  # type: ignore[type-var]
        async for _ in updates:
            for decision in await bench.engine.decisions():
                if decision.goal == goal and decision.kind is kind:
                    return decision
    raise AssertionError("the stream ended")


async def approve(bench: Bench, decision: DecisionView) -> None:
    content = (await bench.engine.decision(decision.id)).decision.content
    await bench.engine.answer(decision.id, Answer(version=decision.version, answer=AnswerKind.APPROVE, content=content))


@plainly
async def test_parallel_docs_writes_side_by_side_and_merges(opened: Open, project: Path) -> None:
    bench = await opened()
    goal = await begun(bench, "parallel-docs", check="test $(ls docs | wc -l) = 4")
    await approve(bench, await asked(bench, goal))
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert git(project, "show", "main:docs/README.md") == "README.md after ['examples.md', 'guide.md', 'reference.md']"


@plainly
async def test_parallel_docs_asks_when_one_writer_fails(opened: Open, project: Path) -> None:
    bench = await opened(FAILS_AT="reference.md")
    goal = await begun(bench, "parallel-docs", folder="manual")
    failure = await asked(bench, goal, DecisionKind.FAILURE)
    assert failure.task_key == "reference"
    await bench.until(goal, lambda _, states: (states["guide"], states["examples"]) == ("done", "done"))
    await bench.engine.skip(f"{goal}/reference", "me")
    await approve(bench, await asked(bench, goal))
    assert (await bench.ended(goal)).state is GoalState.DONE
    names = git(project, "ls-tree", "--name-only", "main:manual").split()
    assert names == ["README.md", "examples.md", "guide.md"]


async def test_pr_deployment_reviews_tests_asks_and_deploys_under_a_lease(opened: Open) -> None:
    bench = await opened()
    goal = await begun(bench, "pr-deployment", test="python3 a.py", deploy="cat a.py; echo deployed", target="staging")
    gate = await asked(bench, goal)
    assert (gate.question, gate.risk) == ("Deploy to staging?", "high")
    assert (await bench.states(goal))["deploy"] == "pending"
    await approve(bench, gate)
    assert (await bench.ended(goal)).state is GoalState.DONE
    lines = (await bench.engine.logs(f"{goal}/deploy", LogQuery())).lines
    assert "deployed" in [line.text for line in lines]
    leases = [(event.type, event.data.get("name")) for event in await bench.events() if event.type.startswith("lease.")]
    assert leases == [(EventType.LEASE_ACQUIRED, "staging"), (EventType.LEASE_RELEASED, "staging")]


@plainly
async def test_pr_deployment_ends_with_a_reviewer_that_says_no(opened: Open) -> None:
    bench = await opened(SAYS_NO="1")
    goal = await begun(bench, "pr-deployment", test="true", deploy="true")
    assert (await bench.ended(goal)).state is GoalState.FAILED
    states = await bench.states(goal)
    assert (states["review"], states["deploy"]) == ("failed", "blocked")


async def test_features_works_a_backlog_down_to_its_last_item(opened: Open, project: Path) -> None:
    bench = await opened()
    worker = 'set -e; name=${1%% *}; test "$name" != search || test -f login.txt; printf %s "$1" > "$name.txt"'
    goal = await begun(bench, "features", worker=worker, test="ls login.txt search.txt export.txt")
    await approve(bench, await asked(bench, goal))
    assert (await bench.ended(goal)).state is GoalState.DONE
    states = await bench.states(goal)
    assert {states[key] for key in ("login", "search", "export")} == {"done"}
    assert git(project, "show", "main:login.txt") == "login {{ as it stands }}"
    assert (await bench.engine.task(f"{goal}/login")).title == "Log in {{ now }}"


@plainly
async def test_r37_testers_of_features_send_back_what_has_broken(opened: Open, project: Path) -> None:
    bench = await opened()
    # login is done well once a tester has said what is wrong with it; the other two are worked on until then
    worker = """set -e; name=${1%% *}; what=badly
      case $name in
        login) ! grep -q 'it greets nobody' "$PILOTHOUSE_INPUTS" || what=well ;;
        *) ph ask "Is login well?" --option yes ;;
      esac
      echo $what > $name.txt"""
    tester = "grep badly login.txt && ph complete --broken login='it greets nobody'"
    goal = await begun(bench, "features", worker=worker, tester=tester, workers="4")
    await seen(bench, EventType.TASK_REWORK)  # what was done is so no more
    await bench.until(goal, lambda _, states: states["login"] == "done")
    for _ in ("export", "search", "search again, as it was at work on a login that was broken"):
        question = await asked(bench, goal, DecisionKind.QUESTION)
        said = Answer(version=question.version, answer=AnswerKind.CHOOSE, option="yes")
        await bench.engine.answer(question.id, said)
    await approve(bench, await asked(bench, goal))
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert git(project, "show", "main:login.txt") == "well\n"
    assert (
        "items.tester-1 (run 1) found broken login: it greets nobody"
        in (await bench.engine.why(f"{goal}/items")).reasons
    )


@plainly
async def test_repository_report_reports(opened: Open, project: Path) -> None:
    bench = await opened()
    goal = await begun(bench, "repository-report", repo=".")
    await approve(bench, await asked(bench, goal))
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert "| Python | 1 |" in git(project, "show", "main:repository-report/README.md")


@plainly
async def test_f88_sdlc_goes_to_its_end_through_one_rejection(opened: Open, project: Path) -> None:
    bench = await opened(OBJECTS="for correctness")
    goal = await begun(bench, "sdlc", work="greet", check="cat change.txt")
    agreed = await asked(bench, goal)
    assert agreed.task_key == "agreed"
    await approve(bench, agreed)
    await bench.until(goal, lambda _, states: states["approve"] == "waiting")
    gate = await asked(bench, goal)
    said = {
        verdict.task_key: (verdict.n, verdict.passed) for verdict in (await bench.engine.decision(gate.id)).verdicts
    }
    assert said == {
        "plan-review": (1, True), "check": (2, True), "correctness": (2, True), "security": (2, True),
    }  # fmt: skip
    await approve(bench, gate)
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert git(project, "show", "main:change.txt") == "loud 2"
    assert (await bench.engine.task(f"{goal}/plan")).failures == 0


@plainly
async def test_f89_self_healing_repairs_until_its_check_holds(opened: Open, project: Path) -> None:
    bench = await opened()
    goal = await begun(bench, "self-healing", check="cat change.txt")
    gate = await asked(bench, goal)
    assert len((await bench.engine.task(f"{goal}/repair")).runs) == 2
    await approve(bench, gate)
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert git(project, "show", "main:change.txt") == "loud 2"


@plainly
async def test_f90_pr_lifecycle_mends_what_the_check_and_the_service_find(opened: Open, project: Path) -> None:
    bench = await opened()
    git(project, "branch", "topic")
    goal = await begun(bench, "pr-lifecycle", github="o/r", pr="12", branch="topic", check="cat change.txt")
    for status, kinds in (("fail", ["gh_ci"]), ("pass", ["gh_ci", "gh_review"])):
        await bench.until(goal, lambda _, states: states["pushed"] == "waiting")
        await approve(bench, await asked(bench, goal))
        await bench.until(goal, lambda _, states: states["ready"] == "waiting")
        head = git(project, "rev-parse", "topic").strip()
        for kind in kinds:
            await send(bench, kind, status, repo="o/r", pr=12, head_sha=head)
        await bench.until(goal, lambda _, states: states["ready"] != "waiting")
    await bench.until(goal, lambda _, states: states["merged"] == "waiting")
    await approve(bench, await asked(bench, goal))
    assert (await bench.ended(goal)).state is GoalState.DONE
    assert len((await bench.engine.task(f"{goal}/mend")).runs) == 3, "the check once, the service once"
    assert git(project, "show", "topic:change.txt") == "loud 3"
