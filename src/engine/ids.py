"""Ids: opaque, random, never from a count; and the one parsed type for names that leave the process."""

import re
import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import NewType

from engine.errors import Invalid

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 10  # 50 random bits: a thousand goals a day for a year collide with chance < 1e-4
ID = re.compile(rf"(?:g|t|r|d|x|e|u)-[{ALPHABET}]{{{LENGTH}}}")
# HARDENING fact 1: every Docker client lets an id traverse, so only this shape ever reaches a daemon.
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")

SafeName = NewType("SafeName", str)


class Kind(StrEnum):
    """The letter an id starts with."""

    GOAL = "g"
    TASK = "t"
    RUN = "r"
    DECISION = "d"
    GATE = "x"
    ENGINE = "e"
    RULE = "u"


_LETTERS = ALPHABET.encode() * 8  # one for each byte, each as often as any other

IdSource = Callable[[Kind], str]
SANDBOX_PREFIX = "ph-"


def random_id(kind: Kind) -> str:
    """A new id such as `t-8k2m0q7xwz`."""
    return f"{kind}-{secrets.token_bytes(LENGTH).translate(_LETTERS).decode()}"


def safe_name(text: str) -> SafeName:
    """A name that may reach the daemon, git or the disk; Invalid for anything else."""
    if SAFE_NAME.fullmatch(text) is None or ".." in text:
        raise Invalid(f"{text[:140]!r} is not a name", hint="letters, digits, `_`, `.` and `-`, at most 128")
    return SafeName(text)


def sandbox_name(engine: str, run: str) -> SafeName:
    """The deterministic container name of a run: `ph-<engine8>-<run>` (HARDENING section 2)."""
    return safe_name(f"{SANDBOX_PREFIX}{engine.removeprefix('e-')[:8]}-{run}")
