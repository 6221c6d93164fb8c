"""The routes, by noun. Each one parses, asks the engine and answers with its view; nothing is decided here."""
