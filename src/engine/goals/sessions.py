"""`session:` and `continues:`: which tasks share a sandbox, one at a time."""

from collections.abc import Mapping, Sequence

from engine.goals.drafts import ROOT, Draft
from engine.goals.fields import Fields, Word
from engine.goals.outline import Outline
from engine.goals.problems import Problems, nearest, shown
from engine.goals.rework import comes_before
from engine.model import SessionPolicy


def read_session(draft: Draft, fields: Fields) -> None:
    """What a task says of the sandbox it runs in."""
    draft.session = fields.choice("session", SessionPolicy)
    if fields.has("continues") and (before := fields.text("continues")) is not None:
        draft.continues = Word(before.strip(), fields.line_of("continues"))


def read_pins(drafts: Sequence[Draft], outline: Outline, policy: SessionPolicy, problems: Problems) -> dict[str, str]:
    """The pinned sandbox per task that has one: under `reuse` the goal's own, under `auto` that of the task it
    continues, which is pinned by being continued. `drafts` are in tree order."""
    first = {draft.id: index for index, draft in reversed(list(enumerate(drafts)))}
    reuse = [draft for draft in drafts if draft.works and _policy(draft, policy) is SessionPolicy.REUSE]
    pins = {draft.id: ROOT for draft in reuse if draft.stored is None}
    pins |= {draft.id: draft.pin for draft in drafts if draft.pin is not None}
    follows: dict[str, str] = {}
    for index, draft in enumerate(drafts):
        if draft.continues is None:
            continue
        before = _continued(index, draft, policy, first, outline, problems)
        if before is not None and drafts[first[before]].stored is not None and before not in pins:
            what = f"{shown(before)} has a sandbox of its own, and nothing of it is kept"
            problems.add(draft.continues.line, what, "say what to continue in the goal file, or use `needs`")
        if before is not None and draft.id not in pins:
            follows[draft.id] = before
    for key in follows:
        _pin(key, follows, pins)
    return pins


def _policy(draft: Draft, policy: SessionPolicy) -> SessionPolicy:
    return draft.session or policy


def _continued(
    index: int, draft: Draft, policy: SessionPolicy, first: Mapping[str, int], outline: Outline, problems: Problems
) -> str | None:
    """The task it continues, None when that was reported."""
    word = draft.continues
    assert word is not None
    target = first.get(word.text)
    if _policy(draft, policy) is SessionPolicy.SPAWN:
        todo = "say `session: auto`, here or in the `policy`"
        problems.add(word.line, f"{shown(draft.id)} continues a task and has a sandbox of its own", todo)
    elif target is None or not outline.works[target]:
        works = [other for other, at in first.items() if outline.works[at]]
        what = "names no task" if target is None else "is no task with `run` or `agent`"
        problems.add(word.line, f"`continues: {word.text}` {what}", nearest(word.text, works))
    elif not comes_before(outline, target, index):
        todo = f"add `needs: [{word.text}]`"
        problems.add(word.line, f"{shown(draft.id)} continues {shown(word.text)} and does not wait for it", todo)
    else:
        return word.text
    return None


def _pin(key: str, follows: Mapping[str, str], pins: dict[str, str]) -> None:
    """Pin a chain of tasks to the sandbox of the first one."""
    chain = [key]
    while chain[-1] not in pins and chain[-1] in follows and follows[chain[-1]] not in chain:
        chain.append(follows[chain[-1]])
    pin = pins.get(chain[-1], chain[-1])
    for each in chain:
        pins[each] = pin
