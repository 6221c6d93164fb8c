"""A container daemon of our own, and engines over it."""

from container_engine import open_engine
from private_daemon import private_daemon, shared_daemon

__all__ = ["open_engine", "private_daemon", "shared_daemon"]
