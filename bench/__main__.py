"""Run every benchmark, one after the other so that none disturbs another: `python -m bench [NAME…]`."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import bench

LIMIT = 300.0  # seconds for one benchmark


def main(wanted: list[str]) -> int:
    """Print each benchmark's own lines; 1 when one missed its target or failed."""
    names = sorted(found.name for found in pkgutil.iter_modules(bench.__path__) if not found.name.startswith("_"))
    unknown = set(wanted) - set(names)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    return max((_run(name) for name in wanted or names), default=0)


def _run(name: str) -> int:
    argv = [sys.executable, "-m", f"bench.{name}"]
    try:
        done = subprocess.run(argv, cwd=Path(__file__).parent.parent, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        print(f"{name}: no answer within {LIMIT:g} s")
        return 1
    if done.returncode not in (0, 1):
        print(f"{name}: failed with exit code {done.returncode}")
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
