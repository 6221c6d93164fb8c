"""The Textual app over an engine."""

from tui.app.factory import make_app
from tui.app.pilothouse import PilothouseApp

__all__ = ["PilothouseApp", "make_app"]
