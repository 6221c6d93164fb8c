"""SQL with names: `-- name: word` heads each query of a file in `queries/`."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_HEAD = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def named_queries(file: str) -> Mapping[str, str]:
    """The queries of `queries/<file>.sql` by name; ValueError when a name stands twice."""
    text = files("engine.store").joinpath("queries", f"{file}.sql").read_text(encoding="utf-8")
    parts = _HEAD.split(text)[1:]
    queries: dict[str, str] = {}
    for name, sql in zip(parts[::2], parts[1::2], strict=True):
        if name in queries:
            raise ValueError(f"{file}.sql names {name} twice")
        queries[name] = sql.strip().removesuffix(";")
    return queries
