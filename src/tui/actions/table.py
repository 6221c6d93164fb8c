"""Every action there is: one row each. Nothing else in the app may bind a key."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Where an action lives: the first word of its id."""

    EVERYWHERE = "everywhere"
    MOVE = "move"
    FIND = "find"
    GOALS = "goals"
    DETAIL = "detail"
    DECISIONS = "decisions"
    CARD = "card"
    BATCH = "batch"
    RULE = "rule"
    DIFF = "diff"
    LOGS = "logs"
    SANDBOXES = "sandboxes"
    DIALOG = "dialog"
    FORM = "form"


TITLES = {
    Scope.EVERYWHERE: "Everywhere",
    Scope.MOVE: "Lists and text",
    Scope.FIND: "Search",
    Scope.GOALS: "1 Goals",
    Scope.DETAIL: "Details",
    Scope.DECISIONS: "2 Decisions",
    Scope.CARD: "Gate card",
    Scope.BATCH: "Batch",
    Scope.RULE: "Rule on trial",
    Scope.DIFF: "Diff",
    Scope.LOGS: "3 Logs",
    Scope.SANDBOXES: "5 Sandboxes",
    Scope.DIALOG: "Dialogs",
    Scope.FORM: "Forms",
}


class Danger(StrEnum):
    """What stands between a key and its effect."""

    NONE = ""
    ASKS = "†"
    DECIDES = "!"


@dataclass(frozen=True)
class Action:
    """One row. `verb` is the command that does the same outside the UI; None for what only a screen needs.
    `hint` places it in the footer, the lowest first; 0 keeps it out."""

    id: str
    keys: str
    label: str
    help: str
    verb: str | None = None
    danger: Danger = Danger.NONE
    hint: int = 0

    @property
    def scope(self) -> Scope:
        return Scope(self.id.partition(".")[0])

    @property
    def method(self) -> str:
        """The name after `action_` in the code that does it."""
        return self.id.partition(".")[2]


_A, _ASKS, _DECIDES = Action, Danger.ASKS, Danger.DECIDES
ACTIONS: tuple[Action, ...] = (
    _A("everywhere.help", "question_mark,f1", "help", "keys of this screen; again: the whole map", hint=99),
    _A("everywhere.command_palette", "colon,ctrl+p", "palette", "every action, goal and decision by name"),
    _A("everywhere.goals", "1", "goals", "the tree of all goals", "status"),
    _A("everywhere.decisions", "2", "decisions", "everything that waits for a human", "decisions"),
    _A("everywhere.logs", "3", "logs", "the output of any run", "logs"),
    _A("everywhere.sandboxes", "5", "sandboxes", "what is alive", "sandboxes"),
    _A("everywhere.last", "minus", "last screen", "back to the screen before"),
    _A("everywhere.urgent", "exclamation_mark", "urgent", "the most urgent decision", "decisions"),
    _A("everywhere.undo", "u,ctrl+z", "undo", "take a staged answer back while its window is open", "undo", hint=5),
    _A("everywhere.refresh", "full_stop", "merge news", "merge what is new and read everything again"),
    _A("everywhere.copy", "y", "copy", "copy the value under the cursor"),
    _A("everywhere.command", "Y", "copy command", "copy the command that does or shows the same"),
    _A("everywhere.dispatch", "P", "dispatch", "the kill switch: off, nothing starts anywhere; on", "dispatch", _ASKS),
    _A("everywhere.leave", "escape,q", "leave", "leave; on a first screen: detach, drain or stop", "stop", _ASKS),
    _A("everywhere.quit", "ctrl+q", "quit", "detach, drain or stop", "stop", _ASKS),
    _A("move.down", "j,down", "down", "one line down"),
    _A("move.up", "k,up", "up", "one line up"),
    _A("move.top", "g,home", "top", "to the first line"),
    _A("move.bottom", "G,end", "bottom", "to the last line"),
    _A("move.page_down", "ctrl+d,pagedown", "page down", "a page down"),
    _A("move.page_up", "ctrl+u,pageup", "page up", "a page up"),
    _A("move.open", "enter", "open", "open the details of this line; never decides", hint=70),
    _A("find.find", "slash", "search", "search; hits are counted", hint=80),
    _A("find.next", "n", "next hit", "to the next hit while a search is on", hint=2),
    _A("find.previous", "N", "previous hit", "to the hit before while a search is on"),
    _A("goals.why", "i", "why", "the proof of what holds it, or how it ended", "why", hint=10),
    _A("goals.logs", "l", "logs", "the output of its newest run", "logs", hint=12),
    _A("goals.diff", "D", "diff", "what it changed", "diff", hint=14),
    _A("goals.shell", "s", "shell", "a shell in its live sandbox; leaving it comes back here", "shell"),
    _A("goals.answer", "a,r", "answer", "opens the card of the decision it waits for; decides nothing", hint=8),
    _A("goals.cancel", "x", "cancel", "end it for good", "cancel", _ASKS, hint=30),
    _A("goals.retry", "t", "retry", "run again what failed in it", "retry", hint=9),
    _A("goals.skip", "greater_than_sign", "skip", "go on without this task", "skip", _ASKS),
    _A(
        "goals.pause",
        "p",
        "pause",
        "pause or resume the goal, start a draft; on a task freeze or thaw its sandbox",
        "pause",
    ),
    _A("goals.details", "d", "details", "everything about it", hint=16),
    _A("goals.fold", "h,left", "fold", "fold, or go to the parent"),
    _A("goals.unfold", "right", "unfold", "unfold, or go to the first child"),
    _A("goals.toggle_fold", "o", "fold", "fold or unfold this node", hint=40),
    _A("goals.subtree", "O", "fold all", "fold or unfold everything below"),
    _A("goals.human", "at", "waits for you", "to the next one that waits for a human", hint=50),
    _A("goals.failed", "number_sign", "next failed", "to the next one that failed or is blocked"),
    _A("goals.note", "w", "note", "leave a few words at this task", "note"),
    _A("goals.fork", "f", "fork", "a new goal in which this task begins with a checkpoint of it", "fork", _ASKS),
    _A("goals.edit", "e", "edit", "title, description, priority and needs of a task in `$EDITOR`", "task"),
    _A("goals.needs", "b", "needs", "what this task needs, by key", "task"),
    _A("goals.lower", "left_square_bracket", "lower", "its priority one lower", "task"),
    _A("goals.raise", "right_square_bracket", "raise", "its priority one higher: higher ones start first", "task"),
    _A("goals.task", "N", "new tasks", "new tasks in this goal or group, or right after this task", "task"),
    _A("goals.new", "n", "new goal", "a goal from a goal file", "run", hint=60),
    _A("detail.tab_left", "left_square_bracket", "tab left", "Overview, Logs, Runs: one to the left", hint=20),
    _A("detail.tab_right", "right_square_bracket", "tab", "Overview, Logs, Runs: one to the right", hint=21),
    _A(
        "decisions.approve",
        "a",
        "approve",
        "let it through, once; opens what is chosen or filled in",
        "decide",
        _DECIDES,
        hint=1,
    ),
    _A("decisions.reject", "r", "reject", "stop it here; asks for the reason", "decide", _DECIDES, hint=2),
    _A("decisions.changes", "c", "changes", "asks what to change, then it runs again", "decide", _DECIDES, hint=3),
    _A("decisions.abort", "R", "abort", "reject it and cancel its task, previewed", "decide", _ASKS, hint=34),
    _A("decisions.rule", "A", "rule", "a rule that approves its like, tried on history first", "rules", hint=30),
    _A("decisions.snooze", "z", "snooze", "put it off: 15 minutes, an hour, until news", "decide", _ASKS, hint=4),
    _A("decisions.delegate", "greater_than_sign", "delegate", "say who should answer", "delegate", hint=20),
    _A("decisions.note", "w", "note", "leave a few words at it", "note", hint=32),
    _A("decisions.batch", "b", "batch", "answer what is marked, every line shown first", "decide", hint=6),
    _A("decisions.mark", "space", "mark", "mark it for a batch; the cursor stays", hint=22),
    _A("decisions.unmark", "ctrl+backslash", "unmark all", "take every mark away"),
    _A("decisions.mine", "at", "mine", "only what is for me and not put off; again: everything", hint=24),
    _A("decisions.history", "H", "history", "who answered what, via what and how fast", "decisions", hint=26),
    _A("decisions.details", "d", "card", "the whole card", hint=12),
    _A("decisions.evidence", "i", "evidence", "into the evidence beside the list", hint=14),
    _A("decisions.diff", "D", "diff", "the change in full", "diff", hint=16),
    _A("decisions.logs", "l", "logs", "the output behind it", "logs", hint=18),
    _A(
        "card.approve",
        "a",
        "approve",
        "let it through, once; sends the option chosen, opens the form",
        "decide",
        _DECIDES,
        hint=1,
    ),
    _A("card.reject", "r,d", "reject", "stop it here; asks for the reason", "decide", _DECIDES, hint=2),
    _A("card.changes", "c", "changes", "asks what to change, then it runs again", "decide", _DECIDES, hint=3),
    _A("card.choose", "1,2,3,4,5,6,7,8,9", "choose", "mark the option of that number; sends nothing", hint=4),
    _A("card.more_options", "0", "next options", "the numbers go to the next nine options"),
    _A("card.fill", "ctrl+j", "form", "open its form; sends nothing by itself"),
    _A("card.abort", "R", "abort", "reject it and cancel its task, previewed", "decide", _ASKS, hint=12),
    _A("card.rule", "A", "rule", "a rule that approves its like, tried on history first", "rules", hint=11),
    _A("card.snooze", "z", "snooze", "put it off: 15 minutes, an hour, until news", "decide", _ASKS, hint=5),
    _A("card.delegate", "greater_than_sign", "delegate", "say who should answer", "delegate", hint=6),
    _A("card.note", "w", "note", "leave a few words at it", "note", hint=13),
    _A("card.diff", "D", "diff", "the change in full", "diff", hint=9),
    _A("card.logs", "l", "logs", "the output behind it", "logs", hint=10),
    _A("card.next_file", "j", "file", "to the next file", hint=7),
    _A("card.previous_file", "k", "file before", "to the file before"),
    _A("card.next_hunk", "right_curly_bracket", "hunk", "to the next hunk", hint=8),
    _A("card.previous_hunk", "left_curly_bracket", "hunk before", "to the hunk before"),
    _A("card.down", "down", "down", "scroll the change down"),
    _A("card.up", "up", "up", "scroll the change up"),
    _A("card.page_down", "ctrl+d,pagedown", "page down", "a page of the change down"),
    _A("card.page_up", "ctrl+u,pageup", "page up", "a page of the change up"),
    _A("card.next_card", "J", "next card", "to the next decision; this one stays undecided"),
    _A("card.previous_card", "K", "card before", "to the decision before; this one stays undecided"),
    _A("batch.approve", "a", "approve all", "let every line through", "decide", _DECIDES, hint=1),
    _A("batch.reject", "r", "reject all", "stop every line; asks for one reason", "decide", _DECIDES, hint=2),
    _A("rule.make", "a", "make it", "make the rule, and approve what it was made from", "rules", _DECIDES, hint=1),
    _A("rule.widen", "w", "widen", "this task, this goal, any goal: tried on history again", hint=2),
    _A("diff.next_hunk", "right_curly_bracket", "hunk", "to the next hunk", hint=2),
    _A("diff.previous_hunk", "left_curly_bracket", "hunk before", "to the hunk before"),
    _A("diff.next_file", "right_square_bracket", "file", "to the next file", hint=1),
    _A("diff.previous_file", "left_square_bracket", "file before", "to the file before"),
    _A("logs.follow", "f", "follow", "stay at the newest line; scrolling up pauses, G resumes", hint=1),
    _A("logs.wrap", "w", "wrap", "fold long lines", hint=6),
    _A("logs.times", "t", "times", "off, wall, relative", hint=5),
    _A("logs.stream", "O", "stream", "out, err, both", hint=7),
    _A("logs.next_mark", "right_curly_bracket", "gap or error", "to the next gap, note or error line", hint=8),
    _A("logs.previous_mark", "left_curly_bracket", "gap before", "to the gap, note or error line before"),
    _A("logs.right", "right", "right", "to the right of long lines"),
    _A("logs.left", "left,h", "left", "to the left of long lines"),
    _A("sandboxes.logs", "l", "logs", "what it prints", "logs", hint=1),
    _A("sandboxes.shell", "s", "shell", "a shell inside; leaving it comes back here", "shell"),
    _A("sandboxes.why", "i", "why", "what it is doing and what limits it", "why", hint=2),
    _A("sandboxes.cancel", "x", "cancel task", "end the task it runs, for good", "cancel", _ASKS, hint=3),
    _A("sandboxes.freeze", "p", "freeze", "let it stand still, with its time limits, or go on", "freeze", hint=4),
    _A("sandboxes.interrupt", "I", "interrupt", "interrupt the turn of its agent, which may go on", "interrupt", _ASKS),
    _A(
        "sandboxes.kill",
        "X",
        "kill",
        "end its run at once; its task then asks whether it runs again",
        "kill",
        _ASKS,
        hint=5,
    ),
    _A("dialog.help", "question_mark,f1", "help", "keys of this dialog; again: the whole map"),
    _A("dialog.leave", "escape,ctrl+c", "back", "leave everything as it was", hint=90),
    _A("dialog.before", "left", "choice before", "to the choice before"),
    _A("dialog.after", "right", "next choice", "to the next choice"),
    _A("form.submit", "ctrl+j,ctrl+enter", "send", "send what is written; enter does not", hint=1),
)
_BY_ID = {action.id: action for action in ACTIONS}


def by_id(name: str) -> Action:
    """The row of an id; KeyError for an unknown one."""
    return _BY_ID[name]


def in_scope(scope: Scope) -> tuple[Action, ...]:
    return tuple(action for action in ACTIONS if action.scope is scope)
