"""The seed of everything in the tests of faults that is drawn; tests/README.md says how to replay one."""

import os

GIVEN = os.environ.get("FAULT_SEED")
SEED = int(GIVEN or "1")


def seeds(*usual: int) -> list[int]:
    """The one that was given, or else the usual ones."""
    return list(usual) if GIVEN is None else [SEED]
