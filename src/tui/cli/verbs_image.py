"""The verb `image`: the default sandbox image."""

import click

from engine.errors import ExitCode
from tui.cli.call import Call, Verb, run_async
from tui.cli.output import put, put_json, say


@click.command("image", cls=Verb)
@click.argument("action", type=click.Choice(["build", "check"]))
@click.option("--image", "tag", default="auto", show_default=True, metavar="TAG", help="The image to check.")
@click.pass_obj
def image(call: Call, action: str, tag: str) -> ExitCode:
    """Build or check the default sandbox image.

    `check` runs it once. `build` takes a base image from a registry when one answers; else it assembles one from this
    host.
    """
    if action == "build" and tag != "auto":
        raise click.UsageError("--image goes with check: build makes the default image only.")
    name = run_async(_build(call) if action == "build" else _check(call, tag))
    if call.as_json:
        put_json({"image": name, "ready": True})
    else:
        put(name)
    return ExitCode.DONE


async def _build(call: Call) -> str:
    from engine.local.images import build_image

    return await build_image(call.settings.sandbox.docker_host, say)


async def _check(call: Call, tag: str) -> str:
    from engine.local.images import check_image

    return await check_image(call.settings.sandbox.docker_host, tag)
