"""Foreign text made harmless: what a sandbox, a repository or a goal file wrote never steers the terminal."""

import re

_STRING = r"[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # an unterminated one ends with its line
# Every part of a sequence is a class that excludes the next one, so the match is linear in the text (R55).
SEQUENCE = re.compile(
    rf"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]){_STRING}"  # OSC, DCS, SOS, PM, APC with their payload
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # two-character escapes, a lone ESC
)
# What shows nothing, or shows something else than it is: controls, bidi, zero width, variation, tags.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")  # cannot be encoded: one would end the app while it paints


def clean(text: str, *, visible: bool = False) -> str:
    """Text that is safe to show; only tab and newline remain of the controls.

    Terminal sequences go with their payload. With `visible`, for views a decision rests on, nothing goes: each
    removed character is shown as its picture (`␛`, `␍`) or its number (`‹202e›`).
    """
    if text.isascii() and text.isprintable():
        return text
    text = _SURROGATE.sub("\ufffd", text)
    if visible:
        return UNSEEN.sub(lambda found: picture(found[0]), text)
    return UNSEEN.sub("", SEQUENCE.sub("", text))


def one_line(text: str, *, visible: bool = False) -> str:
    """Clean text without line ends and tabs, for a row, a title or a cell."""
    if visible:
        return clean(text, visible=True).replace("\n", "␊").replace("\t", "␉")
    return " ".join(clean(text.replace("\r", "\n")).split())


def picture(character: str) -> str:
    """What a character that shows nothing is shown as."""
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹{code:02x}›"
