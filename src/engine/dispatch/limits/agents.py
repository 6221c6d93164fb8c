"""The agent of a task: its profile, its place, what it is told and how it is launched."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import assert_never

from engine.agents import launch
from engine.dispatch.limits.cooldowns import COOLDOWNS, require_warm
from engine.errors import Conflict, Invalid
from engine.model import AgentProfile, TaskSpec, VerdictKind
from engine.store import Tx

PROMPT = "prompt.txt"
Profiles = Mapping[str, AgentProfile]
HOW_TO_SAY = (
    "Your verdict is a JSON object in the file $PILOTHOUSE_OUTBOX/verdict.json, and nothing else is taken for it:"
)
A_REVIEW = """\
{"verdict": "approved" or "needs_revision", "summary": "…", "feedback": "what is to change, with needs_revision",
 "findings": [{"file": "…", "line": 1, "severity": "…", "text": "…"}]}"""
SOME_CHECKS = """\
{"all_passed": true or false, "checks": [{"name": "…", "passed": true or false, "output": "…"}]}"""


class AgentBusy(Conflict):
    """As many runs of this agent are live as its profile lets run at once."""

    code = "agent_busy"


def take_agent(tx: Tx, spec: TaskSpec, profiles: Profiles) -> None:
    """Inside the claim (R25): AgentBusy or CoolingDown unless one more run of this agent may start."""
    if spec.agent is None:
        return
    if spec.provider is not None:
        require_warm(tx, spec.provider)
    busy = all_places_taken(tx.connection, spec.agent, profiles)
    if busy:
        raise AgentBusy(busy)


def all_places_taken(connection: sqlite3.Connection, agent: str | None, profiles: Profiles) -> str:
    """Why no more run of an agent may start, when its own cap is reached; else empty."""
    profile = profiles.get(agent or "")
    if profile is None or profile.max_parallel is None:
        return ""
    live = connection.execute(COOLDOWNS["live_runs_of_agent"], {"profile": agent}).fetchone()
    taken = int(live["n"]) >= profile.max_parallel
    return f"all {profile.max_parallel} places of agent {agent} are taken" if taken else ""


def profile_of(spec: TaskSpec, profiles: Profiles) -> AgentProfile | None:
    """The profile of its agent, None without an agent; Invalid when the settings have it no more."""
    if spec.agent is None:
        return None
    profile = profiles.get(spec.agent)
    if profile is None:
        known = ", ".join(sorted(profiles)) or "none"
        raise Invalid(f"there is no agent profile {spec.agent} any more", hint=f"the settings name: {known}")
    return profile


def environment(spec: TaskSpec, profiles: Profiles) -> dict[str, str]:
    """What its sandbox is given: the profile's variables under those of the goal file."""
    profile = profiles.get(spec.agent or "")
    return {**(profile.env if profile is not None else {}), **spec.sandbox.env}


def told(spec: TaskSpec, feedback: Sequence[str]) -> str:
    """The prompt of this run: that of the goal file, what reviewers asked for since, how a judge says its verdict."""
    text = spec.prompt
    if feedback:
        asked = "\n\n".join(words.strip() for words in feedback)
        text = f"{text.rstrip()}\n\nReviewers asked for changes to what was done before:\n\n{asked}\n"
    match spec.verdict:
        case VerdictKind.EXIT:
            return text
        case VerdictKind.REVIEW:
            return f"{text.rstrip()}\n\n{HOW_TO_SAY}\n{A_REVIEW}\n"
        case VerdictKind.CHECKS:
            return f"{text.rstrip()}\n\n{HOW_TO_SAY}\n{SOME_CHECKS}\n"
        case _:
            assert_never(spec.verdict)


def command(spec: TaskSpec, profiles: Profiles, prompt: str, prompt_file: str, session: str = "") -> tuple[str, ...]:
    """The command line of a task's sandbox, whose agent may go on with a `session`; Invalid when it cannot be
    launched."""
    profile = profile_of(spec, profiles)
    if profile is not None:
        return launch(profile, prompt, prompt_file, session)
    return ("sh", "-c", spec.run) if isinstance(spec.run, str) else tuple(spec.run or ())
