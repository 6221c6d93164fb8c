"""The only door to the engine: one protocol, its requests and its answers. Imports no implementation."""

from engine.api.answers import (
    DecisionCard,
    DecisionView,
    Diff,
    DiffFile,
    EngineInfo,
    GoalView,
    LogLine,
    LogPage,
    RunView,
    SandboxOutcome,
    SandboxView,
    Status,
    TaskView,
    TreeNode,
    WaitingOn,
    Why,
)
from engine.api.keeping import Keeping, Leftover, LeftoverKind, Sweep, SweepOrder
from engine.api.orders import GoalOrder, Orders, SandboxOrder
from engine.api.plans import PlanTask, PlanView
from engine.api.protocol import Engine
from engine.api.requests import Answer, CreateGoal, LogQuery, StopMode
from engine.api.stream import Lagged, Snapshot, Update

__all__ = [
    "Answer",
    "CreateGoal",
    "DecisionCard",
    "DecisionView",
    "Diff",
    "DiffFile",
    "Engine",
    "EngineInfo",
    "GoalOrder",
    "GoalView",
    "Keeping",
    "Lagged",
    "Leftover",
    "LeftoverKind",
    "LogLine",
    "LogPage",
    "LogQuery",
    "Orders",
    "PlanTask",
    "PlanView",
    "RunView",
    "SandboxOrder",
    "SandboxOutcome",
    "SandboxView",
    "Snapshot",
    "Status",
    "StopMode",
    "Sweep",
    "SweepOrder",
    "TaskView",
    "TreeNode",
    "Update",
    "WaitingOn",
    "Why",
]
