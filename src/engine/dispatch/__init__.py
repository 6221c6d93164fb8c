"""Scheduling: what is ready, what may start, and what an end leads to."""
