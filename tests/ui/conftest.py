"""The surroundings of a screen."""

from ui.ambience import collect_between, utc

__all__ = ["collect_between", "utc"]
