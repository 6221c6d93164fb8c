"""What makes a terminal call for its operator: the bell, and the two sequences that terminals show as notifications."""

from collections.abc import Mapping

from engine.model import Desktop
from tui.formats import one_line

BELL = "\x07"
LONGEST = 400  # characters of a notification
# Terminals that know OSC 777, by the beginning of TERM or by a variable of their own; the others that show anything
# know OSC 9.
KNOW_777 = ("rxvt", "foot", "contour")


def desktop(how: Desktop, title: str, text: str, environ: Mapping[str, str]) -> str:
    """The sequence, around text that is harmless; empty for `off`."""
    words, named = one_line(text)[:LONGEST], one_line(title)[:LONGEST]
    match _chosen(how, environ):
        case Desktop.OSC9:
            # Digits before a semicolon mean other things to some terminals: a word stands first.
            sequence = f"\x1b]9;Pilothouse: {named} · {words}\x07"
        case Desktop.OSC777:
            sequence = f"\x1b]777;notify;{named.replace(';', ',')};{words}\x07"
        case _:
            return ""
    return _through_tmux(sequence) if environ.get("TMUX") else sequence


def _chosen(how: Desktop, environ: Mapping[str, str]) -> Desktop:
    if how is not Desktop.AUTO:
        return how
    told = environ.get("TERM", "").startswith(KNOW_777) or "VTE_VERSION" in environ
    return Desktop.OSC777 if told else Desktop.OSC9


def _through_tmux(sequence: str) -> str:
    """tmux hands on what is wrapped so, where its `allow-passthrough` is on."""
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
