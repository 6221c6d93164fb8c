"""`agent:` and `prompt:` of a task, held against the profiles of the settings."""

from collections.abc import Mapping

from engine.goals.drafts import Draft
from engine.goals.fields import Fields
from engine.goals.problems import listing, nearest, shown
from engine.goals.sandbox_keys import Limits
from engine.model import AgentProfile, VerdictKind
from engine.model.profiles import NAME

Profiles = Mapping[str, AgentProfile]
LOOK = "Look at what was done for this goal so far, and judge it."


def read_agent(draft: Draft, fields: Fields, profiles: Profiles | None) -> Limits:
    """Fill in who works on what; the limits its profile sets. `profiles` None: the settings are not known here, and
    any name will do."""
    draft.agent = _name(fields, profiles)
    draft.prompt = fields.text("prompt") or ""
    if not fields.has("prompt") and draft.verdict is not VerdictKind.EXIT:
        draft.prompt = LOOK
    elif not fields.has("prompt"):
        fields.problems.add(fields.line_of("agent"), "an agent has no `prompt`", "say with `prompt:` what it is to do")
    profile = (profiles or {}).get(draft.agent or "")
    if draft.agent is not None:
        draft.provider = profile.provider if profile is not None and profile.provider else draft.agent
    return {} if profile is None else profile.limits()


def _name(fields: Fields, profiles: Profiles | None) -> str | None:
    name = fields.text("agent")
    if name is None:
        return None
    line = fields.line_of("agent")
    if NAME.fullmatch(name) is None:
        fields.problems.add(line, f"{shown(name)} is not a name", "start with a-z or 0-9, then a-z 0-9 . _ - only")
        return None
    if profiles is not None and name not in profiles:
        known = f"known: {listing(sorted(profiles))}" if profiles else "the settings name none (`[agents.NAME]`)"
        close = nearest(name, profiles)
        todo = f"{close} {known}" if close.startswith("did") else known
        fields.problems.add(line, f"no agent profile {shown(name)}", todo)
    return name
