"""Benchmarks: each module is a program (`python -m bench.NAME`) that reports one `Measured` line."""

from bench._measured import Measured, report

__all__ = ["Measured", "report"]
