"""Secrets are cut out of what sandboxes print and of what the engine says, before a byte is stored or sent (R56).

Cut are keys in the formats services give out, private key blocks, and the values a run's environment holds under names
that say secret, each as it is, quoted for a URL or JSON, and within base64. What an agent encodes in another way or
breaks into lines of its own is beyond it. Every pattern here takes time linear in the text (R55).
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

SHORTEST = 8  # bytes of a value that is cut; shorter ones stand in any text by chance
SHORTEST_KEY = 15  # characters of the shortest key in any of the formats below, `sk-ant-` and eight more
KEY = "private key"
KEY_LINES = 400  # lines of one private key at most
SECRET_NAME = re.compile(
    r"(?!.*_(?:FILE|PATH|DIR|SOCK)$)"
    r".*(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|APIKEY|KEYS?(?=_|\d|$)|(?<![A-Z])(?:AUTH|PAT)(?![A-Z]))",
    re.IGNORECASE,
)
# Each alternative begins with a letter of its own, so that the search skips to these letters; groups would hide them.
# What stands before a key is looked at behind its first letters for the same reason.
FORMATS = re.compile(
    rb"sk-(?:ant-[\w-]{8,}"
    rb"|(?:(?<![A-Za-z0-9]sk-)|(?<=[0-9\[]msk-)|(?<=\\[nrt]sk-)|(?<=%[0-9A-Fa-f]{2}sk-))[\w-]{16,})"
    rb"|gh[opsur]_[A-Za-z0-9]{20,}"
    rb"|github_pat_\w{20,}"
    rb"|A[KS]IA[A-Z0-9]{16}"
    rb"|xox[abeoprs]-[A-Za-z0-9-]{10,}"
    rb"|pht_[0-9a-f]{64}"
)
JWT = re.compile(rb"(?<![\w-])([\w-]{10,}+)\.eyJ[\w-]{5,}+(?:\.[\w-]*+)?")
KINDS = {
    b"sk-ant-": "Anthropic key",
    b"sk-": "API key",
    b"g": "GitHub token",
    b"A": "AWS key id",
    b"xox": "Slack token",
    b"pht_": "sandbox token",
}
BEGUN = re.compile(rb"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----(?:.*?(?=-----END)|.*)")
BODY = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,}+=*+\s*+$")
LAST_OF_BODY = re.compile(rb"[^\w+/=]*+[A-Za-z0-9+/]{1,63}+=*+\s*+$")
KEY_HEADER = re.compile(rb"\s*+(?:[A-Za-z-]{1,30}: .*)?$")
# The end of a line that was cut at its limit, where a secret may stand in part.
CUT = b" bytes cut]"
CUT_LINE = re.compile(rb" \xe2\x80\xa6 \[\d+ bytes cut\]$")
BEGINNING = re.compile(rb"(?:sk-|gh[opsur]_|github_pat_|A[KS]IA|xox[abeoprs]-|pht_|eyJ)[\w.-]*$|-----BEGIN[A-Z ]*$")
LONGEST_BEGINNING = 4096
BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")


def marker(kind: str) -> bytes:
    """What stands in place of a secret."""
    return f"[redacted: {kind}]".encode("utf-8", "replace")


@dataclass(frozen=True)
class _Value:
    """Bytes that give a secret away. Around base64 up to `before` and `after` characters belong to it in part."""

    needle: bytes
    mark: bytes
    before: int = 0
    after: int = 0


def _values(environment: Mapping[str, str]) -> list[_Value]:
    """What to look for, the longest first: one may be the beginning of another."""
    found: dict[bytes, _Value] = {}
    for name, whole in environment.items():
        if SECRET_NAME.match(name):
            for value in whole.splitlines():  # a line of a log holds one line of a value
                for form in _forms(value.strip().encode("utf-8", "replace"), marker(name)):
                    found.setdefault(form.needle, form)
    return sorted(found.values(), key=lambda form: -len(form.needle))


def _forms(value: bytes, mark: bytes) -> Iterator[_Value]:
    if len(value) < SHORTEST:
        return
    text = value.decode("utf-8", "replace")
    for plain in (value, quote(value, safe="").encode(), json.dumps(text)[1:-1].encode()):
        yield _Value(plain, mark)
    for shift in range(3):  # within base64 of more, a value begins at one of three places
        encoded = base64.b64encode(b"\0" * shift + value)
        inner = encoded[-(-shift * 8 // 6) : (shift + len(value)) * 8 // 6]
        for needle in (inner, inner.translate(bytes.maketrans(b"+/", b"-_"))):
            yield _Value(needle, mark, before=bool(shift), after=3)


class Redactor:
    """Cuts secrets out of the lines of one log, or out of any text. `environment`: what the sandbox is given.

    A log is given in whole lines; it remembers, per stream, that a private key goes on.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._values = _values(environment or {})
        self._keys: dict[bytes, int] = {}

    def learn(self, environment: Mapping[str, str]) -> None:
        """Cut these values too from here on."""
        self._values = sorted((*self._values, *_values(environment)), key=lambda form: -len(form.needle))

    def lines(self, data: bytes, head: int) -> bytes:
        """Whole lines without their secrets, as many as before. The first `head` bytes of each stay, the first one of
        them names its stream."""
        if self._keys or b"PRIVATE KEY" in data:
            data = _without_keys(data, head, self._keys)
        data = self._cut(data, head)
        if CUT in data:
            data = b"\n".join([self._without_beginning(row) for row in data.split(b"\n")])
        return data

    def resume(self, stream: bytes, text: str) -> None:
        """Go on in a log whose last line of a stream is `text`."""
        if text.endswith(marker(KEY).decode()):
            self._keys[stream] = 2
        else:
            self._keys.pop(stream, None)

    def text(self, text: str) -> str:
        """Any text without its secrets."""
        if len(text) < SHORTEST_KEY and not self._values:
            return str(text)
        data = text.encode("utf-8", "surrogatepass")
        if b"PRIVATE KEY" in data:
            data = _without_keys(data, 0, {})
        return self._cut(data, 0).decode("utf-8", "surrogatepass")

    def data(self, value: Any) -> Any:
        """JSON data with every text in it redacted; keys stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: inner if inner is None else self.data(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(inner) for inner in value]
        return value

    def _cut(self, data: bytes, head: int) -> bytes:
        for value in self._values:
            if value.needle in data:
                data = _replaced(data, value, head)
        data = FORMATS.sub(_marked, data)
        return JWT.sub(_marked_jwt, data) if b".eyJ" in data else data

    def _without_beginning(self, row: bytes) -> bytes:
        """A line that was cut at its limit, without the part of a secret at its end."""
        cut = CUT_LINE.search(row[-64:])
        if cut is None:
            return row
        end = len(row) - (cut.end() - cut.start())
        kept, rest = row[:end], row[end:]
        for value in self._values:
            for length in range(len(value.needle) - 1, 2, -1):
                if kept.endswith(value.needle[:length]):
                    return kept[:-length] + value.mark + rest
        begun = BEGINNING.search(kept, max(0, len(kept) - LONGEST_BEGINNING))
        return row if begun is None else kept[: begun.start()] + marker("part of a secret") + rest


def _marked(found: re.Match[bytes]) -> bytes:
    return marker(next(kind for prefix, kind in KINDS.items() if found[0].startswith(prefix)))


def _marked_jwt(found: re.Match[bytes]) -> bytes:
    """A token from its own beginning: a colour code may touch it."""
    begin = found[1].find(b"eyJ")
    return found[0] if begin < 0 else found[1][:begin] + marker("JWT")


def _replaced(data: bytes, value: _Value, head: int) -> bytes:
    """Every occurrence marked, but none in the first `head` bytes of a line."""
    parts: list[bytes] = []
    kept = at = line = 0
    while (found := data.find(value.needle, at)) >= 0:
        line = max(line, data.rfind(b"\n", at, found) + 1)
        begin, end = found, found + len(value.needle)
        at = end
        if found - line < head:
            at = found + 1
            continue
        if value.before and begin - 1 >= max(kept, line + head) and data[begin - 1] in BASE64:
            begin -= 1
        for _ in range(value.after):
            if end < len(data) and data[end] in BASE64:
                end += 1
        parts += (data[kept:begin], value.mark)
        kept = at = end
    return b"".join((*parts, data[kept:]))


def _without_keys(data: bytes, head: int, inside: dict[bytes, int]) -> bytes:
    """Lines without private keys. `inside`: per stream whose key goes on, how many lines of it there were."""
    rows = data.split(b"\n")
    for n, row in enumerate(rows):
        stream, text = row[: min(1, head)], row[head:]
        if stream in inside or b"PRIVATE KEY" in text:
            rows[n] = row[:head] + _without_key(text, stream, inside)
    return b"\n".join(rows)


def _without_key(text: bytes, stream: bytes, inside: dict[bytes, int]) -> bytes:
    mark = marker(KEY)
    lines = inside.pop(stream, 0)
    if lines:
        end = text.find(b"-----END")
        if end >= 0:
            return (mark if text[:end].strip() else b"") + text[end:]
        if b"-----BEGIN" not in text and lines < KEY_LINES:
            if BODY.search(text):
                inside[stream] = lines + 1
                return mark
            if lines > 1 and LAST_OF_BODY.match(text):
                inside[stream] = KEY_LINES  # nothing but its end comes after it
                return mark
            if KEY_HEADER.match(text):
                inside[stream] = lines
            return text
    cut = BEGUN.sub(mark, text)
    if cut.endswith(mark):
        inside[stream] = 1
    return cut
