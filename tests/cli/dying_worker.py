"""The real command, whose screen has a worker that dies as soon as there is something to see: started by
test_screen_ends.py."""

from tui.app.pilothouse import PilothouseApp
from tui.cli.main import main

ready = PilothouseApp.on_ready


async def die() -> None:
    raise ZeroDivisionError("a fault of ours")


def ready_and_dying(app: PilothouseApp) -> None:
    ready(app)
    app.run_worker(die())


if __name__ == "__main__":
    setattr(PilothouseApp, "on_ready", ready_and_dying)  # noqa: B010  # a method is not assigned to
    main()
