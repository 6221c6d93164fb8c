"""How runs and tasks end, and what follows in the same transaction."""
