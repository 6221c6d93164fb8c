"""Regression testers beside workers: who may live, what each is given, and what comes of it (R37)."""
