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
    PlanTask,
    PlanView,
    RunView,
    SandboxView,
    Status,
    TaskView,
    TreeNode,
    WaitingOn,
    Why,
)
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
    "GoalView",
    "Lagged",
    "LogLine",
    "LogPage",
    "LogQuery",
    "PlanTask",
    "PlanView",
    "RunView",
    "SandboxView",
    "Snapshot",
    "Status",
    "StopMode",
    "TaskView",
    "TreeNode",
    "Update",
    "WaitingOn",
    "Why",
]
