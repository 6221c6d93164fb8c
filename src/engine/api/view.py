"""What every answer of the engine is."""

from pydantic import BaseModel, ConfigDict


class View(BaseModel):
    """An immutable answer. Fields a newer engine adds are ignored by an older client."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="ignore")
