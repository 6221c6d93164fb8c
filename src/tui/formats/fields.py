"""What is typed into a field of a form, read as the type the field has; in words what does not fit."""

import math
import re
from typing import assert_never

from engine.model import FieldType, FormField

Value = str | int | float | bool
LONGEST = 20_000  # characters of one text
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][+-]?\d{1,3})?")


class Misfit(ValueError):
    """What was typed does not fit the field; its text says why, in words for beside the field."""


def read_field(field: FormField, typed: str | bool) -> Value | None:
    """The typed value; None when it stays empty. Raises Misfit.

    The engine reads it again and has the last word; this is what can be said while one still types.
    """
    if isinstance(typed, str) and not typed.strip():
        if field.required:
            raise Misfit("it must be filled in")
        return None
    match field.type:
        case FieldType.TEXT:
            return _text(typed)
        case FieldType.INTEGER:
            return _integer(typed)
        case FieldType.NUMBER:
            return _number(typed)
        case FieldType.FLAG:
            return bool(typed)
        case FieldType.CHOICE:
            if typed not in field.options:
                raise Misfit("choose one of its options")
            return typed
        case _:
            assert_never(field.type)


def _text(typed: str | bool) -> str:
    text = str(typed)
    if len(text) > LONGEST:
        raise Misfit(f"it is longer than {LONGEST:,} characters")
    return text


def _integer(typed: str | bool) -> int:
    text = str(typed).strip()
    if not _INTEGER.fullmatch(text):
        raise Misfit("a whole number, such as 12")
    return int(text)


def _number(typed: str | bool) -> float:
    text = str(typed).strip()
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not abs(number) < 1e300:
        raise Misfit("a number, such as 2.5")
    return number
