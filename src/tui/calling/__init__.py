"""How a terminal calls for the operator who is not looking. Loads no screen library."""
