"""The command line of an agent from its template."""

import re

from engine.errors import Invalid
from engine.model import AgentProfile

PLACE = re.compile(r"\{(prompt|prompt_file|session)\}")
LONGEST_WORD = 128 * 1024 - 1  # bytes; what Linux takes as one argument


def launch(profile: AgentProfile, prompt: str, prompt_file: str, session: str = "") -> tuple[str, ...]:
    """The words of `profile.argv`, or of `profile.resume` when there is a session to go on with, filled in once; what
    is filled in is never looked through again and never split. Raises Invalid for a word that is too long to be
    started."""
    values = {"prompt": prompt, "prompt_file": prompt_file}
    template = profile.argv
    if session and profile.resume is not None:
        template, values["session"] = profile.resume, session
    words = tuple(PLACE.sub(lambda place: values.get(place[1], place[0]), word) for word in template)
    if any(len(word.encode("utf-8", "surrogatepass")) > LONGEST_WORD for word in words):
        raise Invalid(
            f"the prompt is longer than {LONGEST_WORD:,} bytes, which is more than one argument may have",
            hint="let the profile read it from {prompt_file}",
        )
    return words
