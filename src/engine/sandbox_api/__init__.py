"""What an agent in a sandbox says to the engine: a socket, an outbox, and the shape of each request. Knows no rule."""
