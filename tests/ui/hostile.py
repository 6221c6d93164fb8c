"""A shop whose every foreign text is hostile: control sequences, markup, direction changes, nothing at all."""

from engine.api import Diff, DiffFile, Why
from ui.frozen import FrozenEngine
from ui.pieces import lines
from ui.scenes import shop

CONTROL = "PWN\x1b]52;c;UFdORUQ=\x07\x1b]0;PWNED\x07\x1b[2J\x1b[31m\x9b31m\x9d52;c;x\x9c\x1bPq\x1b\\\x1b]8;;http://evil\x1b\\L\x00\x7f\u202e\u200b\r\udc80"
MARKUP = "[@click=app.quit]go[/] [/bold] [red]x[/red] [link=http://evil]l[/link] [b"
ALL = CONTROL + MARKUP


def poison(engine: FrozenEngine, text: str) -> FrozenEngine:
    """Put the text wherever the outside can write."""
    for ref, goal in engine.goals.items():
        engine.goals[ref] = goal.model_copy(update={"title": text, "cause": text, "repo": text, "branch": text})
        waiting = tuple(w.model_copy(update={"label": text, "task": text}) for w in goal.waiting_on)
        engine.goals[ref] = engine.goals[ref].model_copy(update={"waiting_on": waiting})
    for ref, tree in engine.trees.items():
        children = tuple(
            child.model_copy(update={"key": text, "title": text + "!", "cause": text, "gate": text})
            for child in tree.children
        )
        engine.trees[ref] = tree.model_copy(update={"key": text, "title": text, "children": children})
    for ref, task in engine.tasks.items():
        update = {"key": text, "title": text, "cause": text, "command": text, "image": text, "network": text}
        engine.tasks[ref] = task.model_copy(update=update)
    for ref, run in engine.runs.items():
        update = {"key": text, "sandbox": text, "message": text, "last_lines": (text,)}
        engine.runs[ref] = run.model_copy(update=update)
        engine.lines[ref] = lines([text, text * 50, *[text] * 40])
    for ref, task in engine.tasks.items():
        runs = tuple(engine.runs[run.id] for run in task.runs)
        engine.tasks[ref] = task.model_copy(update={"runs": runs})
    for ref in engine.whys:
        engine.whys[ref] = Why(id=ref, key=text, state=text, summary=text, reasons=(text,), last_lines=(text,))
    diff = Diff(base="b", commit=text, files=(DiffFile(path=text, added=1, removed=0),), text=_diff(text))
    for ref, card in engine.cards.items():
        view = card.decision.model_copy(
            update={"question": text, "goal_title": text, "task_key": text, "content": text, "by": text}
        )
        engine.cards[ref] = card.model_copy(
            update={"decision": view, "blocks": (text,), "diff": diff, "last_lines": tuple(lines([text]))}
        )
    engine.diffs = dict.fromkeys(engine.diffs, diff)
    engine.boxes = [
        box.model_copy(update={"task_key": text, "network": text, "name": text, "image": text}) for box in engine.boxes
    ]
    engine.engine = engine.engine.model_copy(update={"project": "/srv/" + text, "notices": (text,)})
    return engine


def _diff(text: str) -> str:
    flat = text.replace("\n", " ")
    return f"diff --git a/{flat} b/{flat}\n--- a/x\n+++ b/x\n@@ -1,1 +1,2 @@ {flat}\n {flat}\n+{flat}\n"


def poisoned(text: str = ALL) -> FrozenEngine:
    return poison(shop(), text)
