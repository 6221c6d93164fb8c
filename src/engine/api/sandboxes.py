"""Live sandboxes as the engine tells of them: limits, what they use, what they show of life."""

from datetime import datetime

from engine.api.view import View
from engine.model import Activity, DriverName, RunState


class ActivitySign(View):
    """One fact about a live run: where it comes from, what it says, and how old it is in seconds."""

    source: str
    words: str
    age: float


class Pinned(View):
    """A pinned sandbox at work, and the task that occupies it: those that share it wait for its run `n`. `pin`: `root`
    for the goal's own, else the key of the task whose sandbox goes on in others; `words` say it as people do."""

    pin: str
    task: str
    task_key: str
    run: str
    n: int
    sandbox: str
    state: RunState
    words: str


class SandboxView(View):
    """A live sandbox. `memory` in bytes is its limit; `frozen`: it stands still, its clocks too. `activity` and the
    signs it rests on are None and empty where no engine watches it; `cpu`: cores in use, `memory_used` in bytes;
    `stalled`: two independent signs say so; `pin`: the pinned sandbox that its task occupies, None: it is its own."""

    name: str
    driver: DriverName
    container_id: str | None
    goal: str
    task: str
    task_key: str
    run: str
    state: RunState
    started_at: datetime | None
    memory: int
    cpus: float
    network: str
    image: str
    frozen: bool = False
    pin: str | None = None
    activity: Activity | None = None
    activity_age: float | None = None
    activity_evidence: tuple[ActivitySign, ...] = ()
    stalled: bool = False
    cpu: float | None = None
    memory_used: int | None = None


class SandboxOutcome(View):
    """What an order made of a sandbox: `state` is frozen, running, ended or removed; `run` None: no run owned it."""

    name: str
    state: str
    run: str | None = None
    task: str | None = None
    task_key: str | None = None
