"""The engine in this process: opening it, and what the command line asks of the machine without one.

Every module stands for itself: a verb that only attaches to a running engine never loads the engine.
"""
