"""An engine that dies as if by kill -9 at one step of making a container: `PROJECT HOST STEP`.

STEP: `create` (the intent is stored, nothing exists), `start` (it exists and does not run), `row` (it runs, and the
store does not say so).
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from container_engine import HELD, container_engine

from engine.dispatch.runs import starting
from engine.sandbox.docker_containers import Containers

STEPS = {"create": (Containers, "start"), "start": (Containers, "_run"), "row": (starting, "mark_all_started")}


def die(*args: Any, **named: Any) -> NoReturn:
    os._exit(137)


async def main(project: str, host: str, step: str) -> None:
    setattr(*STEPS[step], die)
    async with container_engine(Path(project), host) as bench:
        await bench.goal({"one": f"echo once; {HELD}; exit 7"})
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
