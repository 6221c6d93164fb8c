"""The engine's own log: what it and its screen have to say about themselves goes to the project's file."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

LIMIT = 5 * 1024**2  # bytes before the file is set aside once
SOURCES = ("engine", "tui", "asyncio", "uvicorn.error")


class _Utc(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


@contextmanager
def log_to(file: Path) -> Iterator[None]:
    """Send our loggers to this file while an engine of this process runs, and nowhere else."""
    handler = RotatingFileHandler(file, maxBytes=LIMIT, backupCount=1, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_Utc("%(asctime)s %(levelname)s %(process)d %(name)s %(message)s"))
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
