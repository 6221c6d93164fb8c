"""The verb `mcp`: a server for an operator's assistant on stdin and stdout."""

import sys

from engine.errors import ExitCode
from tui.cli.call import Call, verb
from tui.cli.output import say


@verb("mcp")
async def mcp(call: Call) -> ExitCode | None:
    """Serve an assistant over stdio: the Model Context Protocol on this project's engine.

    The assistant starts it and ends it by closing its stdin. It looks at what runs and proposes goals that a human
    starts; it answers decisions only with `mcp.decide = true`, and never what is of high risk. stdout is the protocol.
    """
    from tui.cli.assistant.desk import Desk
    from tui.cli.assistant.pipe import stdio
    from tui.cli.assistant.server import make_server

    server = make_server(Desk(call), decide=call.settings.mcp.decide)
    if sys.stdin.isatty():
        say("an assistant starts this and speaks MCP on stdin (docs/mcp.md); Ctrl-D ends it")
    async with stdio() as (received, sent):
        await server.run(received, sent, server.create_initialization_options())
    return None
