"""A pull request by its address."""

import re

_PULL = re.compile(
    r"https?://[^/\s]+/([A-Za-z0-9][A-Za-z0-9-]{0,99}/[A-Za-z0-9._-]{1,100})/pull/([0-9]{1,9})(?:[/?#].*)?"
)


def pull_of(url: str) -> tuple[str, int] | None:
    """(owner/name, number) of an address such as `https://github.com/o/r/pull/12`; None for anything else."""
    found = _PULL.fullmatch(url)
    return None if found is None else (found[1], int(found[2]))
