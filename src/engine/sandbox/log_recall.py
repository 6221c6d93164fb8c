"""What a log's own files tell about where its writer was."""

from pathlib import Path

from engine.sandbox.log_lines import ERR, GAP, HEAD, OUT, Seen, parse_stamp
from engine.sandbox.log_segments import list_segments


def recall(folder: Path) -> tuple[Seen, int]:
    """The newest stamp of each stream and the gap markers of what is stored, newest segment first."""
    seen, gaps = Seen(), 0
    for segment in reversed(list_segments(folder)):
        data = b"\n" + segment.path.read_bytes()
        gaps += data.count(b"\n" + GAP)
        seen.out = seen.out or _last_stamp(data, OUT)
        seen.err = seen.err or _last_stamp(data, ERR)
    return seen, gaps


def _last_stamp(data: bytes, mark: bytes) -> bytes:
    at = data.rfind(b"\n" + mark)
    found = data[at + 2 : at + HEAD] if at >= 0 else b""
    try:
        parse_stamp(found)
    except ValueError:
        return b""
    return found
