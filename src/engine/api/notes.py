"""Words that people leave at a decision or a task."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Note(BaseModel):
    """One note: who wrote what, and when. `subject` is the id of the decision or task."""

    model_config = ConfigDict(frozen=True, defer_build=True, extra="ignore")

    subject: str
    text: str
    by: str
    at: datetime
