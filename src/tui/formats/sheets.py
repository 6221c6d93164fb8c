"""A task as text that one edits, and back."""

import json
import tomllib
from dataclasses import dataclass


@dataclass(frozen=True)
class Sheet:
    """What may be changed of a task."""

    title: str
    description: str
    priority: int
    needs: tuple[str, ...]


def written_sheet(key: str, sheet: Sheet) -> str:
    """TOML, with a line that says what it is."""
    rows = [
        f"# The task {key}. What is saved here is changed; an empty file changes nothing.",
        f"title = {_text(sheet.title)}",
        f"description = {_long(sheet.description)}",
        f"priority = {sheet.priority}",
        f"needs = [{', '.join(map(_text, sheet.needs))}]",
    ]
    return "\n".join(rows) + "\n"


def read_sheet(text: str) -> Sheet:
    """What was written; ValueError says in words what cannot be used."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not readable: {error}") from error
    unknown = sorted(set(values) - {"title", "description", "priority", "needs"})
    if unknown:
        raise ValueError(f"there is no {unknown[0]} here: title, description, priority, needs")
    title, description = values.get("title"), values.get("description", "")
    priority, needs = values.get("priority", 0), values.get("needs", [])
    if not isinstance(title, str) or not title.strip() or not isinstance(description, str):
        raise ValueError("title and description are text, and a title has words")
    if not isinstance(priority, int) or isinstance(priority, bool) or not -1000 <= priority <= 1000:
        raise ValueError("priority is a number from -1000 to 1000")
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        raise ValueError('needs is a list of keys: ["build", "unit"]')
    return Sheet(title.strip(), description.strip(), priority, tuple(needs))


def _text(text: str) -> str:
    """JSON writes text as TOML does, but for one control; what is beyond 16 bits must not be two halves."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _long(text: str) -> str:
    if not text:
        return '""'
    lines = [_text(line)[1:-1] for line in text.split("\n")]
    return '"""\n' + "\n".join(lines) + '\n"""'
