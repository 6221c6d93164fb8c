"""Log files of runs: write, follow and read them."""

from engine.sandbox.log_capture import LineSource, capture
from engine.sandbox.log_pages import read_page
from engine.sandbox.log_room import LogRoom
from engine.sandbox.log_search import Search
from engine.sandbox.run_log import RunLog

__all__ = ["LineSource", "LogRoom", "RunLog", "Search", "capture", "read_page"]
