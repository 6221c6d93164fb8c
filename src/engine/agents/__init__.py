"""Coding agents: how one is launched, and what its structured output says."""

from engine.agents.launching import launch
from engine.agents.limits import Limit
from engine.agents.reading import Adapter, Found, RecordReader, Totals
from engine.agents.shapes import adapter_for

__all__ = ["Adapter", "Found", "Limit", "RecordReader", "Totals", "adapter_for", "launch"]
