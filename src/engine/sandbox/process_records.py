"""The small JSON files of a process sandbox. Standard library only: the shim uses them.

`owner.json` whose it is, `launch.json` what to run, `shim.json` who supervises it, `exit.json` how it ended.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OWNER, LAUNCH, SHIM, EXIT = "owner.json", "launch.json", "shim.json", "exit.json"
LOCK, SHIM_LOG = "lock", "shim.log"


def write_record(path: Path, record: Mapping[str, object], *, durable: bool = False) -> None:
    """Write a file that is there as a whole or not at all, private whatever the umask.

    `durable`: after a power cut too.
    """
    scratch = path.with_name(path.name + ".tmp")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        json.dump(record, file)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    scratch.replace(path)
    if durable:
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_record(path: Path) -> dict[str, Any] | None:
    """The record; None when it is not there. OSError or ValueError when it cannot be read."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is not a record")
    return found
