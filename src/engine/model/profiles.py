"""Agent profiles: how a coding agent is launched, what its sandbox gets, how its output is read."""

import re
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from engine.model.specs import EgressList, Frozen
from engine.model.states import OutputFormat
from engine.units import Bytes, Seconds

ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWN = "PILOTHOUSE_"
NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
NOT_A_NETWORK = frozenset({"host"})

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")

ProfileName = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]


class AgentProfile(Frozen):
    """How to launch one agent. `argv` is a template: `{prompt}` and `{prompt_file}` are filled in as they stand, word
    by word, and no shell sees them. `resume` is the template for a run whose pinned sandbox the same agent worked in
    last, `{session}` what it called its session. `provider` names the service whose rate limits it shares; None: one
    of its own. Limits that are None are those of the goal file. Sizes in bytes, times in seconds.
    """

    argv: tuple[str, ...] = Field(min_length=1)
    resume: tuple[str, ...] | None = Field(None, min_length=1)
    output: OutputFormat = OutputFormat.TEXT
    provider: ProfileName | None = None
    max_parallel: int | None = Field(None, ge=1, le=1000)
    image: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}$")
    memory: Bytes | None = Field(None, ge=6 * 1024**2)
    cpus: float | None = Field(None, ge=0.01, le=1024)
    pids: int | None = Field(None, ge=8, le=4_000_000)
    network: str | None = None
    egress: EgressList | None = None
    ask: bool | None = None
    timeout: Seconds | None = Field(None, ge=1)
    idle_timeout: Seconds | None = Field(None, ge=1)
    env: dict[str, str] = Field(default_factory=dict)

    @field_validator("argv", "resume")
    @classmethod
    def _runnable(cls, argv: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if argv is None:
            return None
        if not argv[0].strip() or any("\0" in word for word in argv):
            raise ValueError("the first word is the program, and no word holds a NUL character")
        return argv

    @field_validator("network")
    @classmethod
    def _harmless(cls, network: str | None) -> str | None:
        if network is not None and (NETWORK.fullmatch(network) is None or network in NOT_A_NETWORK):
            raise ValueError("write none, egress, open or the name of a Docker network")
        return network

    @field_validator("env")
    @classmethod
    def _named(cls, env: dict[str, str]) -> dict[str, str]:
        for name, value in env.items():
            if ENV_NAME.fullmatch(name) is None or name.startswith(OWN) or "\0" in value:
                raise ValueError(f"{name!r} is no variable that can be set here: letters, digits, `_`, not {OWN}…")
        return env

    def limits(self) -> dict[str, object]:
        """The limits it sets, as arguments of SandboxLimits; its environment is not among them."""
        kept = ("image", "memory", "cpus", "pids", "network", "egress", "ask", "timeout", "idle_timeout")
        return {name: value for name in kept if (value := getattr(self, name)) is not None}
