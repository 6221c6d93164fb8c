"""The app on a real terminal, with nobody at it, over an engine that asks something: started by test_ui_calling.py."""

import asyncio
import sys
from collections.abc import Callable

from engine.events import EventType
from engine.model import Desktop, NotifySettings
from engine.settings import Settings
from tui.app import make_app
from ui.frozen import NOON
from ui.hostile import CONTROL
from ui.scenes import D_SHIP, shop


async def until(holds: Callable[[], bool]) -> None:
    while True:
        if holds():
            return
        await asyncio.sleep(0.05)


async def main() -> None:
    engine = shop()
    app = make_app(
        engine, settings=Settings(notify=NotifySettings(away=0, desktop=Desktop.OSC9)), now=lambda: NOON, blink=False
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(app.run_async())
        await until(lambda: D_SHIP in app.caller._decisions)  # the first look, at which nothing is new
        card = engine.cards[D_SHIP]
        asked = card.decision.model_copy(update={"id": "d-new", "question": f"Is it loud? {CONTROL}"})
        engine.cards["d-new"] = card.model_copy(update={"decision": asked})
        engine.order.append("d-new")
        engine.push(EventType.DECISION_OPENED, goal=asked.goal, decision="d-new")
        await until(lambda: "d-new" in app.caller._decisions or app.return_code is not None)
        app.exit()
    sys.stdout.write("LEFT\n")


if __name__ == "__main__":
    asyncio.run(main())
