"""The engine without a screen: events as they come, an exit code at the end. Works on the protocol alone."""

from engine.headless.follow import follow_goal
from engine.headless.gates import OnGate, open_decisions
from engine.headless.idle import until_idle
from engine.headless.lines import event_line, final_line

__all__ = ["OnGate", "event_line", "final_line", "follow_goal", "open_decisions", "until_idle"]
