"""R56, case 44: secrets are cut before a byte is stored, wherever frames, chunks and restarts fall."""

import base64
import random
import time
from pathlib import Path

import pytest

from engine.api import LogQuery
from engine.model import Stream
from engine.redaction import Redactor
from engine.sandbox.demux import LogDemux
from engine.sandbox.driver import Chunk
from engine.sandbox.log_lines import LINE_LIMIT, Seen, stamp
from engine.sandbox.logs import RunLog, read_page

LIMIT = 64 * 1024**2
NOON = 1_772_366_400_000_000_000
BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
# Built from parts, so that no scanner of repositories takes them for real ones.
FORMATS = {
    "Anthropic key": "sk-" + "ant-api03-Zz9_Yy8-Xx7Ww6Vv5Uu4",
    "API key": "sk-" + "proj1234567890abcdefGHIJ",
    "GitHub token": "github" + "_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv",
    "AWS key id": "AKIA" + "IOSFODNN7EXAMPLE",
    "Slack token": "xoxb" + "-123456789012-abcdefGHIJKL",
    "JWT": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJl-_x",
}
GITHUB = [f"gh{kind}_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8" for kind in "posur"]
EVERY = [*FORMATS.values(), *GITHUB]
ENVIRONMENT = {"API_TOKEN": "hunter2-hunter2", "DB_PASSWORD": 'p"ss w/rd+ü?', "EDITOR": "not-a-secret", "KEY": "short"}


def stored(folder: Path) -> bytes:
    """Everything that is on the disk."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def texts(folder: Path) -> list[str]:
    return [entry.text for entry in read_page(folder, "r", LogQuery(limit=50_000)).lines]


@pytest.mark.parametrize(("kind", "secret"), [*FORMATS.items(), *(("GitHub token", token) for token in GITHUB)])
@pytest.mark.parametrize(
    "around", ["{}", "export X={};", '{{"key":"{}"}}', "\x1b[31m{}\x1b[0m", "https://u:{}@host/", "a\\n{}", "Bearer {}"]
)
def test_r56_every_format_is_replaced_by_its_kind(kind: str, secret: str, around: str) -> None:
    assert Redactor().text(around.format(secret)) == around.format(f"[redacted: {kind}]")


@pytest.mark.parametrize(
    "text",
    ["risk-assessment-of-the-whole-project", "task-0123456789-0123456789", "sk-short", "AKIATOOSHORT",
     "eyJub3Q.a.token",
     "-----BEGIN PUBLIC KEY-----", "xox", "commit 0123456789abcdef0123456789abcdef01234567", "o1.eyJx.y"],
)  # fmt: skip
def test_text_that_is_no_secret_stays(text: str) -> None:
    assert Redactor(ENVIRONMENT).text(text) == text


@pytest.mark.parametrize("name", ["API_TOKEN", "DB_PASSWORD"])
def test_case_44_values_of_the_environment_are_cut_in_every_form(name: str) -> None:
    value = ENVIRONMENT[name]
    redactor = Redactor(ENVIRONMENT)
    assert redactor.text(f"it is {value}.") == f"it is [redacted: {name}]."
    for lead in ("", "u", "us", "usr", "user:"):
        for rest in ("", "\n", "ab", "abc"):
            encoded = base64.b64encode((lead + value + rest).encode()).decode()
            for form in (encoded, encoded.replace("+", "-").replace("/", "_")):
                found = redactor.text(f"Basic {form} x")
                assert f"[redacted: {name}]" in found
                left = found.removeprefix("Basic ").removesuffix(" x").replace(f"[redacted: {name}]", "")
                assert len(left) <= 12, left  # nothing but what stood before and after it


def test_values_under_plain_names_or_too_short_stay() -> None:
    plain = {"EDITOR": "visual-studio", "PATH": "/usr/local/bin", "KEY": "1234567", "TOKEN_FILE": "/run/secrets/x",
             "GIT_AUTHOR_NAME": "Somebody Else", "MONKEYS": "banana-banana"}  # fmt: skip
    text = " ".join(plain.values())
    assert Redactor({name: value for name, value in plain.items() if name != "MONKEYS"}).text(text) == text


def test_r56_a_secret_is_found_wherever_frames_and_chunks_end(tmp_path: Path) -> None:
    whole = "".join(f"{n} {secret} and hunter2-hunter2\n" for n, secret in enumerate(EVERY)).encode()
    chance = random.Random(7)
    for attempt in range(30):
        folder = tmp_path / str(attempt)
        log = RunLog.open(folder, LIMIT, Redactor(ENVIRONMENT))
        at = 0
        while at < len(whole):
            size = chance.randint(1, 40)
            log.write(Chunk(Stream.OUT, NOON, whole[at : at + size]))
            if chance.random() < 0.3:
                log.flush()
            at += size
        log.seal()
        assert not any(secret.encode() in stored(folder) for secret in (*EVERY, "hunter2"))
        assert len(texts(folder)) == len(EVERY)
        assert all(text.endswith(" and [redacted: API_TOKEN]") for text in texts(folder))


def test_r56_a_secret_across_two_frames_of_a_daemon(tmp_path: Path) -> None:
    secret = EVERY[0].encode()
    log, demux = RunLog.open(tmp_path, LIMIT), LogDemux(Seen())
    for piece in (b"x" * 16_000 + secret[:9], secret[9:] + b" end\n"):
        payload = stamp(NOON) + b" " + piece
        log.write_lines(demux.feed(b"\x01\0\0\0" + len(payload).to_bytes(4, "big") + payload))
    log.seal()
    assert texts(tmp_path) == ["x" * 16_000 + "[redacted: Anthropic key] end"]


def test_r56_private_keys_are_cut_line_by_line_and_across_a_restart(tmp_path: Path) -> None:
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    lines = ["before", begin, BODY, BODY, BODY[:20] + "==", end, "after", f"k={begin}\\n{BODY}\\n{end}\\n", "word"]
    for cut in range(1, len(lines)):
        folder = tmp_path / str(cut)
        for part in (lines[:cut], lines[cut:]):
            log = RunLog.open(folder, LIMIT)
            for text in part:
                log.write(Chunk(Stream.OUT, NOON, text.encode() + b"\n"))
                log.write(Chunk(Stream.ERR, NOON, b"unharmed\n"))
                log.flush()
            log.close()
        assert b"MII" not in stored(folder)
        assert [text for text in texts(folder) if text != "unharmed"] == [
            "before", *["[redacted: private key]"] * 4, end, "after", f"k=[redacted: private key]{end}\\n", "word",
        ]  # fmt: skip
        assert texts(folder).count("unharmed") == len(lines)


def test_a_key_that_only_begins_hides_no_other_lines() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nno key here\ndone\n" + "x" * 60
    assert Redactor().text(text) == "[redacted: private key]\nno key here\ndone\n" + "x" * 60


@pytest.mark.parametrize("secret", ["hunter2-hunter2", EVERY[0], EVERY[5]])
def test_r56_a_line_that_is_cut_shows_no_part_of_a_secret(tmp_path: Path, secret: str) -> None:
    for kept in (5, 9, len(secret) - 1):
        folder = tmp_path / str(kept)
        log = RunLog.open(folder, LIMIT, Redactor(ENVIRONMENT))
        log.write(Chunk(Stream.OUT, NOON, b" " * (LINE_LIMIT - kept) + secret.encode() + b"\n"))
        log.seal()
        (text,) = texts(folder)
        assert secret[:kept] not in text
        assert "[redacted: " in text[-80:]


def test_stamps_stay_whatever_the_secret_is(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, LIMIT, Redactor({"SECRET": "2026-03-01", "TOKEN": "00000Z one"}))
    log.write(Chunk(Stream.OUT, NOON, b"one on 2026-03-01\n"))
    log.seal()
    (line,) = read_page(tmp_path, "r", LogQuery()).lines
    assert line.text == "one on [redacted: SECRET]"
    assert line.at.isoformat() == "2026-03-01T12:00:00+00:00"


def test_the_last_lines_of_a_run_are_redacted_too(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path, LIMIT, Redactor(ENVIRONMENT))
    log.write(Chunk(Stream.ERR, NOON, b"login with hunter2-hunter2 failed"))
    log.finish_lines()
    assert log.tail(5) == ["login with [redacted: API_TOKEN] failed"]


def test_data_of_events_is_redacted_to_the_last_text() -> None:
    secret = EVERY[0]
    found = Redactor().data({"a": [secret, {"b": f"x {secret}"}], "n": 1, "t": (True, None)})
    assert found == {
        "a": ["[redacted: Anthropic key]", {"b": "x [redacted: Anthropic key]"}],
        "n": 1,
        "t": [True, None],
    }


@pytest.mark.parametrize(
    "piece",
    ["eyJ", "sk-", "a.eyJ", "AKIA", "-----BEGIN PRIVATE KEY", "A", "ghp_", "hunter2-hunter2", "hunter2-",
     " ", "xoxb-", "="],
)  # fmt: skip
@pytest.mark.alone
def test_r55_hostile_text_costs_linear_time(piece: str) -> None:
    redactor = Redactor(ENVIRONMENT)
    redactor.lines(b"-----BEGIN PRIVATE KEY-----\n", 0)
    line = piece.encode() * (LINE_LIMIT // len(piece)) + b"! \xe2\x80\xa6 [1 bytes cut]\n"
    began = time.process_time()
    redactor.lines(line, 0)
    redactor.text(line.decode())
    assert time.process_time() - began < 2.0
