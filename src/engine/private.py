"""Token files: those that let somebody in are this user's alone, or not used (R116)."""

import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Invalid

SHORTEST = 16  # characters; `token_urlsafe(32)` has 43
LARGEST = 64 * 1024  # bytes of a token file
MAKE = "`openssl rand -base64 32` makes one"


@dataclass(frozen=True)
class TokenLine:
    """One token and the name it was issued under: the word before it, else its file and line."""

    name: str
    token: str


def read_tokens(path: Path) -> Sequence[TokenLine]:
    """The tokens of a file, one a line, at least one; `#` begins a comment. Raises Invalid."""
    lines = []
    for number, line in enumerate(private_text(path).splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2:
            raise Invalid(f"{path}:{number}: no token", hint="a line is `TOKEN` or `NAME TOKEN`")
        if len(words[-1]) < SHORTEST:
            raise Invalid(f"{path}:{number}: no token", hint=f"it has at least {SHORTEST} characters; {MAKE}")
        lines.append(TokenLine(words[0] if len(words) == 2 else f"{path.name}:{number}", words[-1]))
    if not lines:
        raise Invalid(f"{path} holds no token", hint=f"one a line; {MAKE}")
    return lines


def token_now(file: str, variable: str, root: Path) -> str | None:
    """The token for a service as it is at this moment: of the file, else of the variable; None without one. A relative
    path starts at `root`. Raises Invalid."""
    if not file:
        return os.environ.get(variable) or None
    try:
        text = (root / Path(file).expanduser()).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"the token file cannot be read: {type(error).__name__}") from error
    if not text.isprintable():
        raise Invalid("the token file holds more than one token")
    return text or None


def private_text(path: Path) -> str:
    """The text of a file that is this user's alone; raises Invalid for any other."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Invalid(f"the token file {path} cannot be read: {error.strerror}") from error
    try:
        _require_private(descriptor, path)
        data = os.read(descriptor, LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(data) > LARGEST:
        raise Invalid(f"the token file {path} is larger than {LARGEST:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"the token file {path} is no text") from error


def _require_private(descriptor: int, path: Path) -> None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Invalid(f"the token file {path} is no file")
    if found.st_mode & 0o077 or found.st_uid != os.geteuid():
        raise Invalid(f"the token file {path} is open to others", hint=f"it must be yours alone: chmod 600 {path}")


def issue_token(path: Path) -> None:
    """Write a new token to a private file, unless there is a file; raises Invalid when it cannot."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise Invalid(f"the token file {path} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(descriptor, 0o600)  # whatever the umask takes
        file.write(secrets.token_urlsafe(32) + "\n")
