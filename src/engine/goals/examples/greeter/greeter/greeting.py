"""The greeting itself."""

from greeter.daytime import part_of_day
from greeter.names import display_name

PHRASES = {
    "en": {"night": "Good night", "morning": "Good morning", "afternoon": "Good afternoon", "evening": "Good evening"},
    "de": {"night": "Gute Nacht", "morning": "Guten Morgen", "afternoon": "Guten Tag", "evening": "Guten Abend"},
    "fr": {"night": "Bonne nuit", "morning": "Bonjour", "afternoon": "Bonjour", "evening": "Bonsoir"},
}


def greet(name, hour, language="en"):
    """`Good morning, Ada!` in one of the languages of PHRASES; ValueError for another one."""
    if language not in PHRASES:
        raise ValueError(f"no greeting in {language!r}; known: {', '.join(sorted(PHRASES))}")
    return f"{PHRASES[language][part_of_day(hour)]}, {display_name(name)}!"
