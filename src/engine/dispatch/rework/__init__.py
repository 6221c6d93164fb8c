"""Verdicts, and the rounds in which work is done again."""
