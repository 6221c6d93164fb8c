"""A tool: its name and words, the models of its arguments and its answer, and what it does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from engine.api.requests import Request
from tui.cli.assistant.desk import Desk
from tui.cli.assistant.results import Reply, bounded

T = TypeVar("T")


def untitled(schema: Any) -> Any:
    """The same schema without the titles that repeat its names: a list of tools is read by a model."""
    match schema:
        case dict():
            return {key: untitled(value) for key, value in schema.items() if key != "title" or isinstance(value, dict)}
        case list():
            return [untitled(value) for value in schema]
        case _:
            return schema


@dataclass(frozen=True)
class Tool(Generic[T]):
    """`changes`: it gives an order. `newest`: of what is too long its end is kept; `log`: its text is coloured for
    terminals."""

    name: str
    about: str
    model: type[Request]
    result: Any
    does: Callable[[Desk, Any], Awaitable[T]]
    changes: bool = False
    newest: bool = False
    log: bool = False

    @property
    def description(self) -> str:
        more = " ".join((self.model.__doc__ or "").split())
        return f"{self.about}. {more}" if more else self.about

    @property
    def input_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = untitled(self.model.model_json_schema())
        return schema

    @property
    def output_schema(self) -> dict[str, Any]:
        reply = Reply[Any].model_json_schema(mode="serialization")
        result = self._adapter.json_schema(mode="serialization")
        definitions = result.pop("$defs", {})
        schema: dict[str, Any] = untitled(
            {**reply, "properties": {**reply["properties"], "data": result}, "$defs": definitions}
        )
        return schema

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.result)

    async def call(self, desk: Desk, given: Request) -> dict[str, Any]:
        """Carry it out; the answer as JSON-shaped data that fits its schema."""
        found = self._adapter.dump_python(self._adapter.validate_python(await self.does(desk, given)), mode="json")
        data, cut = bounded(found, newest=self.newest, drop_controls=self.log)
        return Reply[Any](data=data, cut=cut).model_dump(mode="json")
