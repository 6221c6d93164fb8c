"""A scripted fixer: stands where a coding agent would work, and is none.

It knows one bug and its cure, edits the source as an agent would, and adds a line to CHANGES.md. When it is asked for
changes, it adds the reviewer's words to CHANGES.md. Running it twice does no harm.

    python3 fixer.py [--pace SECONDS]
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

SOURCE = Path("greeter/daytime.py")
CHANGES = Path("CHANGES.md")
WRONG = "    if hour <= 12:\n"
RIGHT = "    if hour < 12:\n"
ENTRY = "- Noon counts as afternoon: `part_of_day(12)` said morning.\n"


def main():
    parser = argparse.ArgumentParser(description="Mend the one bug this script knows.")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds to wait after each step")
    pace = parser.parse_args().pace

    def say(text):
        print(text, flush=True)
        time.sleep(pace)

    say("scripted fixer: no model is asked, the cure is written in fixer.py")
    say(f"reading {SOURCE}")
    text = SOURCE.read_text(encoding="utf-8")
    if WRONG in text:
        say("found: `hour <= 12` puts noon into the morning, the docstring says the afternoon begins at 12 sharp")
        SOURCE.write_text(text.replace(WRONG, RIGHT, 1), encoding="utf-8")
        say("changed: `hour <= 12` became `hour < 12`")
    elif RIGHT in text:
        say("the source is mended already")
    else:
        say("this is not the source that the script knows: nothing changed")
        return 1
    note(ENTRY, say)
    for words in feedback():
        note(f"- Asked for in review: {words}\n", say)
    say("done; the next task runs the tests")
    return 0


def note(line, say):
    """Add a line to CHANGES.md unless it stands there."""
    text = CHANGES.read_text(encoding="utf-8")
    if line not in text:
        CHANGES.write_text(text + line, encoding="utf-8")
        say(f"noted in {CHANGES}: {line.strip()}")


def feedback():
    """What reviewers asked for, each on one line; nothing when there is no inputs file."""
    try:
        inputs = json.loads(Path(os.environ["PILOTHOUSE_INPUTS"]).read_text(encoding="utf-8"))
    except (KeyError, OSError, ValueError):
        return []
    given = inputs.get("feedback") if isinstance(inputs, dict) else None
    texts = [item.get("text") for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    return [" ".join(text.split()) for text in texts if isinstance(text, str) and text.strip()]


if __name__ == "__main__":
    sys.exit(main())
