"""Changes to what is under way: a task that has not run, and the caps of the engine itself."""

from typing import Protocol

from pydantic import Field, model_validator

from engine.api.answers import EngineInfo, TaskView, View
from engine.api.requests import Request

LONGEST_DESCRIPTION = 100_000  # characters


class Place(Request):
    """Where a task stands: in the group `parent`, by key or id (None: the one it is in; `root`: the goal's top level),
    right before or after another task of that group, or at its end."""

    parent: str | None = Field(None, min_length=1, max_length=200)
    before: str | None = Field(None, min_length=1, max_length=200)
    after: str | None = Field(None, min_length=1, max_length=200)

    @model_validator(mode="after")
    def _one(self) -> "Place":
        if self.before is not None and self.after is not None:
            raise ValueError("a place is before a task or after one, not both")
        return self


class TaskEdit(Request):
    """What to change of a task; what is None stays. `needs` replaces all of them, by key or id. `version`, when it is
    given, must be the one that was seen. A state is never set: it follows from orders (R2)."""

    title: str | None = Field(None, min_length=1, max_length=1_000)
    description: str | None = Field(None, max_length=LONGEST_DESCRIPTION)
    place: Place | None = None
    priority: int | None = Field(None, ge=-1000, le=1000)
    needs: tuple[str, ...] | None = Field(None, max_length=1_000)
    version: int | None = None
    by: str = Field("operator", max_length=200)

    @model_validator(mode="after")
    def _something(self) -> "TaskEdit":
        if all(said is None for said in (self.title, self.description, self.priority, self.needs, self.place)):
            raise ValueError("nothing to change: name title, description, priority, needs or place")
        if self.title is not None and not self.title.strip():
            raise ValueError("a title has words")
        return self


class AddTasks(Place):
    """New tasks of a goal under way: `source` is one task of a goal file, a list of them, or a mapping with `tasks:`;
    `path` names it in messages. `parent` None: the goal's top level; `version`: of that group, as it was seen."""

    source: str = Field(min_length=1, max_length=2_000_000)
    path: str = Field("tasks.yaml", min_length=1, max_length=4_096)
    version: int | None = None
    by: str = Field("operator", max_length=200)


class AddedTask(View):
    id: str
    key: str


class AddedTasks(View):
    """What was added to `group`, with everything inside it."""

    goal: str
    group: str
    tasks: tuple[AddedTask, ...]


class ChangeSettings(Request):
    """Settings by dotted name, such as `engine.max_parallel`; they hold until the engine ends."""

    changes: dict[str, str | int | float] = Field(min_length=1, max_length=50)
    by: str = Field("operator", max_length=200)


class Edits(Protocol):
    """The half of Engine that changes what is under way."""

    async def edit_task(self, ref: str, edit: TaskEdit) -> TaskView:
        """Refused with IllegalMove where its state does not allow it, with Invalid for needs that would be a cycle."""
        ...

    async def add_tasks(self, goal: str, order: AddTasks) -> AddedTasks:
        """All of them or none: InvalidGoalFile for what does not fit the tree as it is, IllegalMove where nothing can
        be added any more."""
        ...

    async def change_settings(self, order: ChangeSettings) -> EngineInfo:
        """All of them or none; Invalid for one that is unknown, out of range or needs a restart."""
        ...
