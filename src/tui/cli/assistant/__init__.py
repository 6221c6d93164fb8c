"""The MCP server for an operator's assistant: a client of the engine, like every other verb."""
