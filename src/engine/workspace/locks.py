"""One lock per git dir in this process; git's own compare-and-swap guards against other processes."""

import asyncio
from pathlib import Path
from weakref import WeakValueDictionary

_locks: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()


def lock_of(git_dir: Path) -> asyncio.Lock:
    """The lock of a git dir, the same for everybody who holds it."""
    return _locks.setdefault(git_dir, asyncio.Lock())
