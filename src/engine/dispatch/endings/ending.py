"""How one run ended, and what decides about trying again (R32, R34)."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import assert_never

from engine.dispatch.work.conflicts import Clash
from engine.ids import IdSource
from engine.model import ExitCause, FailureClass, Judgement
from engine.settings import EngineSettings

SHORTEST_WAIT, LONGEST_WAIT = 0.005, 24 * 3600.0  # seconds; a backoff is never shorter or longer (R34)


@dataclass(frozen=True)
class Ending:
    """How a run ended. `clash`: what kept its commit out of the goal's branch; `tip`: that branch after
    it; `gaps`: markers in its log; `salvage`: the branch that keeps work which is not in the goal's; `unkept`: why its
    work is in no branch, and still in its folder; `permanent`: trying again cannot help until a human changes
    something; `below`: what ended it lies below the task, and may end others too (R36); `away`: no run can
    start at all; `killed`: an operator ended
    it and says whether it runs again; `asks`: a question of it is still open; `gave_up`: its agent itself says that it
    failed, `reported`: that it is done; `cut`: who interrupted it a moment before it ended well; `verdict`: what it
    says of what it looked at, when that is sound."""

    cause: ExitCause
    message: str
    exit_code: int | None = None
    signal: int | None = None
    oom: bool = False
    last_lines: tuple[str, ...] = ()
    commit: str | None = None
    tip: str | None = None
    clash: Clash | None = None
    gaps: int = 0
    salvage: str | None = None
    unkept: str = ""
    permanent: bool = False
    below: bool = False
    away: bool = False
    killed: bool = False
    gave_up: bool = False
    asks: bool = False
    reported: bool = False
    cut: str = ""
    verdict: Judgement | None = None

    @property
    def objects(self) -> bool:
        """Whether it asks for changes: no failure of its own, and no success of its task (R89)."""
        return self.verdict is not None and not self.verdict.passed

    @property
    def counts(self) -> bool:
        """Whether its result is one to go on with."""
        return self.succeeded and not self.objects

    @property
    def succeeded(self) -> bool:
        return self.cause is ExitCause.EXIT and self.exit_code == 0 and not self.gave_up

    def failure_class(self) -> FailureClass:
        """Exactly one class, or none (R32)."""
        match self.cause:
            case ExitCause.EXIT:
                return FailureClass.NONE if self.succeeded or self.objects else FailureClass.AGENT
            case ExitCause.LOST | ExitCause.START_ERROR:
                return FailureClass.INFRA
            case ExitCause.RATE_LIMIT:
                return FailureClass.RATE_LIMIT
            case ExitCause.CANCELLED:
                return FailureClass.OPERATOR
            case ExitCause.SIGNAL | ExitCause.OOM | ExitCause.TIMEOUT | ExitCause.IDLE:
                return FailureClass.AGENT
            case ExitCause.BUDGET | ExitCause.VERDICT_MISSING:
                return FailureClass.AGENT
            case _:
                assert_never(self.cause)


@dataclass(frozen=True)
class Policy:
    """What decides about trying again."""

    settings: EngineSettings
    ids: IdSource
    random: Random

    def backoff(self, failures: int) -> timedelta:
        """Doubling from `retry_backoff`, jittered by a quarter, clamped."""
        seconds = self.settings.retry_backoff * 2.0 ** min(max(failures, 1) - 1, 20)
        jittered = seconds * (0.75 + self.random.random() / 2)
        return timedelta(seconds=max(SHORTEST_WAIT, min(jittered, LONGEST_WAIT)))
