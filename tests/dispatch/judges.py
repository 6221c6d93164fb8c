"""Judges under the scripted driver: what a run says of what it looked at stands in its command, run by run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from scripted import ScriptedDriver

from engine.ids import SafeName
from engine.sandbox.driver import Exit, SandboxSpec, Started

T = TypeVar("T")
YES: dict[str, Any] = {"verdict": "approved", "summary": "fine"}


def no(feedback: str = "say it louder", **more: object) -> dict[str, Any]:
    return {"verdict": "needs_revision", "summary": "not yet", "feedback": feedback, **more}


@dataclass
class JudgeDriver(ScriptedDriver):
    """`says` maps a task's key to what its runs leave as verdict file, one after the other, the last one from there on:
    a document, raw text, or None for no file. `codes` are their exit codes in the same way. `inputs` keeps what each
    run was given, by `KEY N`."""

    says: dict[str, list[object]] = field(default_factory=dict)
    codes: dict[str, list[int]] = field(default_factory=dict)
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, tuple[str, int]] = field(default_factory=dict)

    async def start(self, spec: SandboxSpec) -> Started:
        self._begin(spec)
        return await super().start(spec)

    def _begin(self, spec: SandboxSpec) -> None:
        given = json.loads(Path(spec.env["PILOTHOUSE_INPUTS"]).read_text())
        key, n = given["task"]["key"], given["run"]["n"]
        self.inputs[f"{key} {n}"], self.names[spec.name] = given, (key, n)
        said = _nth(self.says.get(key, []), n)
        if said is not None:
            text = said if isinstance(said, str) else json.dumps(said)
            (Path(spec.env["PILOTHOUSE_OUTBOX"]) / "verdict.json").write_text(text)

    async def wait(self, name: SafeName) -> Exit:
        ended, (key, n) = await super().wait(name), self.names[name]
        code = _nth(self.codes.get(key, []), n)
        return ended if code is None else Exit(code)

    def feedback(self, run: str) -> list[str]:
        """What a run, `KEY N`, was told, in order."""
        return [each["text"] for each in self.inputs[run]["feedback"]]


def _nth(values: Sequence[T], n: int) -> T | None:
    """The nth, or the last one; None when there are none."""
    return values[min(n, len(values)) - 1] if values else None


def write(key: str = "write", **more: object) -> dict[str, object]:
    return {"id": key, "run": f"exit 0 {key}", **more}


def judge(key: str = "review", run: str = "true", **more: object) -> dict[str, object]:
    """A reviewer that sends `write` back."""
    return {"id": key, "run": f"{run} {key}", "verdict": "review", "on_reject": {"rework": "write"}, **more}


def together(*tasks: dict[str, object], **more: object) -> dict[str, object]:
    return {"id": "reviews", "order": "parallel", "on_failure": "continue", "tasks": list(tasks), **more}
