"""Schedules: when they start a goal, what a start meets, and what an operator orders by hand (R40)."""
