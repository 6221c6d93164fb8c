"""Bearer tokens of the TCP door: read from private files, kept as hashes, revoked by taking them out of their file."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.errors import Invalid
from engine.private import read_tokens

FRESH = 1.0  # seconds: a token taken out of its file is refused after so long


class Role(StrEnum):
    """`operator` may do everything, `reader` may look."""

    OPERATOR = "operator"
    READER = "reader"


@dataclass(frozen=True)
class Caller:
    """Whom a token was issued for: the name on its line, else its file and line."""

    name: str
    role: Role


@dataclass(frozen=True)
class TokenFile:
    path: Path
    role: Role


@dataclass(frozen=True)
class _Issued:
    digest: bytes
    caller: Caller


class Tokens:
    """Every token of some files. A file that goes, or is no longer private, takes its tokens with it."""

    def __init__(self, files: Sequence[TokenFile], monotonic: Callable[[], float]) -> None:
        """Reads the files; raises Invalid for one that cannot be used."""
        self._files = files
        self._monotonic = monotonic
        self._issued = [issued for file in files for issued in _read(file)]
        self._read_at = monotonic()

    async def caller(self, token: str) -> Caller | None:
        """Whose token this is; every known one is compared, each in constant time."""
        if self._monotonic() - self._read_at > FRESH:
            self._issued = await asyncio.to_thread(self._again)
            self._read_at = self._monotonic()
        digest = _digest(token)
        found = [issued.caller for issued in self._issued if hmac.compare_digest(issued.digest, digest)]
        return found[0] if found else None

    def _again(self) -> list[_Issued]:
        issued: list[_Issued] = []
        for file in self._files:
            try:
                issued += _read(file)
            except Invalid:
                continue  # closed rather than open: what cannot be trusted lets nobody in
        return issued


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


def _read(file: TokenFile) -> list[_Issued]:
    return [_Issued(_digest(line.token), Caller(line.name, file.role)) for line in read_tokens(file.path)]
