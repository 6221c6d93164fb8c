"""The control API over the Engine protocol: FastAPI on a Unix socket that only its owner can open."""

from engine.server.listener import serve

__all__ = ["serve"]
