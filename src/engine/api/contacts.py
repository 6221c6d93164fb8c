"""What a run contacted outside through the engine, as it is shown."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from engine.model import Verdict


class ContactView(BaseModel):
    """One host and port that run number `run_n` wanted to reach, `tries` times, of which so many were `refused`;
    `reason`: why it stands as it does; `bytes_up` went out and `bytes_down` came in over connections that ended."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="ignore")

    run: str
    run_n: int
    host: str
    port: int
    verdict: Verdict
    reason: str
    tries: int
    refused: int
    bytes_up: int
    bytes_down: int
    first_at: datetime
    last_at: datetime

    @property
    def to(self) -> str:
        """`host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
