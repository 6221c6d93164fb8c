"""A filled-in form, field by field: nothing unknown, nothing missing, each value of its type (R78)."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import assert_never

from engine.errors import Invalid
from engine.model import FieldType, FormField

Value = str | int | float | bool
LONGEST = 20_000  # characters of one text
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][+-]?\d{1,3})?")
FLAGS = {"true": True, "yes": True, "false": False, "no": False}


def filled_in(fields: Sequence[FormField], given: Mapping[str, Value]) -> dict[str, Value]:
    """The values by name, typed; Invalid naming the field that does not fit. Words that read as the type are taken,
    because a command line has nothing else."""
    known = {field.name: field for field in fields}
    for name in given:
        if name not in known:
            raise Invalid(f"there is no field {name[:80]!r}", hint=f"the fields are {', '.join(known)}")
    missing = [field.name for field in fields if field.required and _is_empty(given.get(field.name))]
    if missing:
        raise Invalid(f"{', '.join(missing)} must be filled in", hint="--field NAME=VALUE for each")
    return {name: _typed(known[name], value) for name, value in given.items() if not _is_empty(value)}


def _is_empty(value: Value | None) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _typed(field: FormField, value: Value) -> Value:
    match field.type:
        case FieldType.TEXT:
            return _text(field, value)
        case FieldType.INTEGER:
            return _integer(field, value)
        case FieldType.NUMBER:
            return _number(field, value)
        case FieldType.FLAG:
            return _flag(field, value)
        case FieldType.CHOICE:
            if value not in field.options:
                raise Invalid(f"{field.name} is one of {', '.join(field.options)}, not {_short(value)}")
            return value
        case _:
            assert_never(field.type)


def _text(field: FormField, value: Value) -> str:
    if not isinstance(value, str):
        raise Invalid(f"{field.name} is a text, not {_short(value)}")
    if len(value) > LONGEST:
        raise Invalid(f"{field.name} is longer than {LONGEST:,} characters")
    return value


def _integer(field: FormField, value: Value) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return value
    raise Invalid(f"{field.name} is a whole number, not {_short(value)}")


def _number(field: FormField, value: Value) -> int | float:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 and math.isfinite(value):
        return value
    raise Invalid(f"{field.name} is a number, not {_short(value)}")


def _flag(field: FormField, value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in FLAGS:
        return FLAGS[value.strip().lower()]
    raise Invalid(f"{field.name} is true or false, not {_short(value)}")


def _short(value: Value) -> str:
    return repr(value if not isinstance(value, str) else value[:80])
