"""The closed grammar of rules: `*` for any characters, `?` for one; no expression, no backtracking, no surprise."""

import re

# What a wildcard in an argument never stands for: it could end one command and begin another.
SPECIAL = re.compile(r"[\x00-\x1f\x7f;&|<>$`()\\]")
CLIMBS = re.compile(r"(?:^|/)\.\.(?=/|$)")


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text fits the whole pattern. Linear in each star's stretch: one place to come back to."""
    at, star, back = 0, -1, 0
    place = 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, back = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at += 1
            place += 1
        elif star >= 0:
            back += 1
            at, place = star + 1, back
        else:
            return False
    return all(rest == "*" for rest in pattern[at:])


def fits_argument(pattern: str, text: str) -> bool:
    """The same for the value of an argument: no wildcard stands for a character that means something to a shell or
    for a way out of a folder."""
    if SPECIAL.findall(pattern) != SPECIAL.findall(text) or len(CLIMBS.findall(text)) > len(CLIMBS.findall(pattern)):
        return False
    parts = zip(SPECIAL.split(pattern), SPECIAL.split(text), strict=True)
    return all(fits(mine, theirs) for mine, theirs in parts)
