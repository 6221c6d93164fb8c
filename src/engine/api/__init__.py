"""The only door to the engine: one protocol, its requests and its answers. Imports no implementation."""

from engine.api.answers import (
    BudgetView,
    Diff,
    DiffFile,
    EngineInfo,
    GoalView,
    LogLine,
    LogPage,
    RunView,
    Status,
    TaskView,
    TreeNode,
    WaitingOn,
    Why,
)
from engine.api.contacts import ContactView
from engine.api.cooldowns import Cooldown, NextStart
from engine.api.deciding import (
    AddRule,
    Attention,
    BatchAnswer,
    BatchOutcome,
    Deciding,
    Rehearsal,
    Rule,
    RuleDraft,
    RuleEffect,
    RuleMatch,
    RuleOffer,
    Snooze,
)
from engine.api.decisions import DecisionCard, DecisionView, OpenQuestion
from engine.api.keeping import Keeping, Leftover, LeftoverKind, Sweep, SweepOrder
from engine.api.ledger import LedgerAction, LedgerCheck, LedgerEntry
from engine.api.notes import Note
from engine.api.notices import Notice, NoticeOutcome, Notices, NoticeView, Presence
from engine.api.orders import GoalOrder, Orders, SandboxOrder
from engine.api.plans import PlanTask, PlanView
from engine.api.protocol import Engine
from engine.api.refusals import mistakes, refusal
from engine.api.requests import Answer, CreateGoal, LogQuery, StopMode
from engine.api.sandboxes import ActivitySign, Pinned, SandboxOutcome, SandboxView
from engine.api.schedules import AddSchedule, ScheduleOrder, Schedules, ScheduleView, StartView
from engine.api.signals import CallbackToken, Delivery, Signal, SignalOutcome, Signals, Word
from engine.api.stream import Lagged, Snapshot, Update
from engine.api.verdicts import Asked, Judging, VerdictView

__all__ = [
    "ActivitySign",
    "AddRule",
    "AddSchedule",
    "Answer",
    "Asked",
    "Attention",
    "BatchAnswer",
    "BatchOutcome",
    "BudgetView",
    "CallbackToken",
    "ContactView",
    "Cooldown",
    "CreateGoal",
    "Deciding",
    "DecisionCard",
    "DecisionView",
    "Delivery",
    "Diff",
    "DiffFile",
    "Engine",
    "EngineInfo",
    "GoalOrder",
    "GoalView",
    "Judging",
    "Keeping",
    "Lagged",
    "LedgerAction",
    "LedgerCheck",
    "LedgerEntry",
    "Leftover",
    "LeftoverKind",
    "LogLine",
    "LogPage",
    "LogQuery",
    "NextStart",
    "Note",
    "Notice",
    "NoticeOutcome",
    "NoticeView",
    "Notices",
    "OpenQuestion",
    "Orders",
    "Pinned",
    "PlanTask",
    "PlanView",
    "Presence",
    "Rehearsal",
    "Rule",
    "RuleDraft",
    "RuleEffect",
    "RuleMatch",
    "RuleOffer",
    "RunView",
    "SandboxOrder",
    "SandboxOutcome",
    "SandboxView",
    "ScheduleOrder",
    "ScheduleView",
    "Schedules",
    "Signal",
    "SignalOutcome",
    "Signals",
    "Snapshot",
    "Snooze",
    "StartView",
    "Status",
    "StopMode",
    "Sweep",
    "SweepOrder",
    "TaskView",
    "TreeNode",
    "Update",
    "VerdictView",
    "WaitingOn",
    "Why",
    "Word",
    "mistakes",
    "refusal",
]
