"""How a notice leaves the engine: through a program of the operator's, or to an address that takes messages."""
