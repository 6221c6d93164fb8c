"""People's names as they should be shown."""

PARTICLES = frozenset({"de", "der", "la", "of", "van", "von"})


def display_name(raw):
    """One space between words, each with a capital letter, particles in small letters.

    Raises ValueError when there is no name in it.
    """
    words = raw.split()
    if not words:
        raise ValueError("a name needs at least one letter")
    return " ".join(_word(word, first=index == 0) for index, word in enumerate(words))


def _word(word, first):
    if not first and word.lower() in PARTICLES:
        return word.lower()
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))
