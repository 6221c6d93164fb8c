"""The demo's project, laid out in a folder."""

from engine.goals import write_demo

__all__ = ["write_demo"]
