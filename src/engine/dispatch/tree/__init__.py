"""The tree of a goal: its graph in memory, its rows, and how it may be changed while it runs."""
