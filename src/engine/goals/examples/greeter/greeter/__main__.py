"""`python3 -m greeter NAME [--hour N] [--language CODE]`"""

import argparse
import sys
from datetime import datetime

from greeter.greeting import PHRASES, greet


def main(arguments=None):
    """Print one greeting; 2 for something that cannot be greeted."""
    parser = argparse.ArgumentParser(prog="greeter", description="Greet somebody.")
    parser.add_argument("name")
    parser.add_argument("--hour", type=int, default=None, help="0 to 23 (default: this hour)")
    parser.add_argument("--language", choices=sorted(PHRASES), default="en")
    given = parser.parse_args(arguments)
    hour = datetime.now().hour if given.hour is None else given.hour
    try:
        print(greet(given.name, hour, given.language))
    except ValueError as error:
        print(f"greeter: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
