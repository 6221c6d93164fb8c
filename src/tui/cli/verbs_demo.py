"""The verb `demo`: a small real project and its goal, up to the human gate."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.errors import Conflict, DaemonUnavailable, ExitCode, ImageNotFound
from tui.cli.call import Call, verb
from tui.cli.output import has_terminal, put_json, say

if TYPE_CHECKING:
    from engine.api import CreateGoal

FOLDER = "pilothouse-demo"
MOST = 100  # numbered demo folders beside each other


@verb("demo")
@click.argument("folder", metavar="DIR", required=False)
@click.option("--no-ui", is_flag=True, help="Run it without UI; it stops at the gate with exit code 5.")
async def demo(call: Call, folder: str | None, no_ui: bool) -> ExitCode:
    """Make a small real project and run its goal up to the human gate.

    The project is made in DIR (default ./pilothouse-demo): a real git repository with a failing test, real sandboxes,
    a scripted fixer and one human gate that shows the change; approved, it is merged. A demo that is under way there
    goes on; beside one that is over, without DIR, a new one is made.
    """
    from tui.cli.session import here_only

    here_only(call, "the demo")
    if folder is not None and call.folder is not None:
        raise click.UsageError("give DIR or --project, not both.", click.get_current_context())
    there, goal = await demo_place(call, folder)
    if call.as_json:
        put_json({"type": "demo.ready", "project": str(there.paths.root)}, line=True)
    else:
        say(f"the demo project is in {there.paths.root}")
    await _image(there)
    if no_ui or call.no_ui or call.as_json or not has_terminal():
        return await _headless(there, goal)
    from tui.cli.screen import show_screen

    return await show_screen(there, None if goal else _request(there))


async def demo_place(call: Call, folder: str | None) -> tuple[Call, str | None]:
    """The demo's project, made when it is not there, and its goal when one is under way."""
    from engine.local.demo import write_demo

    places = _candidates(call, folder)
    for place in places:
        there = Call(as_json=call.as_json, folder=place)
        if not _is_demo(place):
            await asyncio.to_thread(write_demo, place)
            return there, None
        over, goal = await _under_way(there)
        if not over:
            return there, goal
    raise Conflict(
        f"the demo in {places[0]} is over: its change is merged", hint="remove the folder, or name another one"
    )


def _candidates(call: Call, folder: str | None) -> list[Path]:
    """The folder that was named; else the default one, and numbered ones for when its demo is over."""
    if folder is not None:
        return [Path(folder).resolve()]
    if call.folder is not None:
        return [call.folder]
    first = Path.cwd() / FOLDER
    return [first, *(first.with_name(f"{FOLDER}-{n}") for n in range(2, MOST))]


def _is_demo(place: Path) -> bool:
    return (place / "goal.yaml").is_file() and (place / "greeter").is_dir() and (place / ".git").exists()


async def _under_way(call: Call) -> tuple[bool, str | None]:
    """Whether the demo's change is merged already; the goal that is under way, if any."""
    from engine.model import FINAL_GOAL_STATES, GoalState
    from tui.cli.session import has_project, look

    if not has_project(call):
        return False, None
    goals = (await look(call, lambda engine: engine.status())).goals
    if any(goal.state is GoalState.DONE for goal in goals):
        return True, None
    return False, next((goal.id for goal in goals if goal.state not in FINAL_GOAL_STATES), None)


async def _image(call: Call) -> None:
    """Make sure that the default image is there where containers are used."""
    from engine.local.images import build_image, check_image
    from engine.model import Runtime

    wanted = call.settings.sandbox
    if wanted.runtime is Runtime.PROCESS:
        return
    try:
        await check_image(wanted.docker_host)
    except ImageNotFound:
        say("the sandbox image is not here yet: building it")
        await build_image(wanted.docker_host, say)
    except DaemonUnavailable as missing:
        if wanted.runtime is Runtime.DOCKER:
            raise
        say(f"{missing.message}: the sandboxes of the demo are plain processes")


async def _headless(call: Call, goal: str | None) -> ExitCode:
    from tui.cli.headless_run import see_through
    from tui.cli.session import seat_for
    from tui.cli.verbs_serve import tell_notices

    async with seat_for(call) as seat:
        if goal is None:
            goal = (await seat.engine.create_goal(_request(call))).id
            await tell_notices(seat.engine)
        return await see_through(call, seat, goal, "fail")


def _request(call: Call) -> "CreateGoal":
    from tui.cli.goalfile import checked_request, goal_text

    # The demo's scripts are our own: they reach for no gate, confined or not.
    return checked_request(
        goal_text(call, str(call.paths.root / "goal.yaml"), None), {}, call.settings, allow_unconfined=True
    )
