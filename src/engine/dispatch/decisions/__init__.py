"""Decisions: opened, answered, put off, ruled on, and what an answer does."""
