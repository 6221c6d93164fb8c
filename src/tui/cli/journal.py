"""The engine's own log: what it and its screen have to say about themselves goes to the project's file."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from engine.about import subject
from engine.redaction import Redactor

LIMIT = 5 * 1024**2  # bytes before the file is set aside once
SOURCES = ("engine", "tui", "asyncio", "uvicorn.error")


class _Line(logging.Formatter):
    """One record: its time in UTC, what it is about, and no secret in its words or its trace."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(process)d %(name)s [%(subject)s] %(message)s")
        self._redactor = Redactor()

    def format(self, record: logging.LogRecord) -> str:
        known = subject()  # a record is formatted by whoever logs, in the context of that work
        record.subject = str(known)
        return self._redactor.text(known.clean(super().format(record)))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


@contextmanager
def log_to(file: Path) -> Iterator[None]:
    """Send our loggers to this file while an engine of this process runs, and nowhere else."""
    handler = RotatingFileHandler(file, maxBytes=LIMIT, backupCount=1, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_Line())
    loggers = [logging.getLogger(name) for name in SOURCES]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if logger.name in ("engine", "tui") else logging.WARNING)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, level, propagate in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
        handler.close()
