"""The app over a hostile engine on a real terminal: started by test_ui_terminal.py."""

import asyncio
import os
import sys
import time

from engine.settings import Settings
from tui.app import make_app
from ui.frozen import NOON
from ui.hostile import poisoned

if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    time.tzset()
    left = asyncio.run(make_app(poisoned(), settings=Settings(), now=lambda: NOON, blink=False).run_async())
    sys.stdout.write(f"LEFT {left}\n")
