"""Runs: prepared, started, followed, kept and cleared away."""
