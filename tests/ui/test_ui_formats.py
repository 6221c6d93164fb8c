"""What is shown reads well and is harmless: the one neutraliser, states, ages, bars, cutting."""

import time
import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model import GoalState, RunState, TaskState
from tui.formats import ago, bar, clean, fit, glyph, one_line, shorten, shorten_path, size, styled, until, width_of
from ui.frozen import NOON

HOSTILE = {
    "csi": ("a\x1b[31mred\x1b[0m", "ared"),
    "csi_unterminated": ("a\x1b[31", "a"),
    "csi_8bit": ("a\x9b31mred", "ared"),
    "osc_bel": ("a\x1b]52;c;UFdORUQ=\x07b", "ab"),
    "osc_st": ("a\x1b]0;title\x1b\\b", "ab"),
    "osc_8bit": ("a\x9d52;c;UFdORUQ=\x9cb", "ab"),
    "osc_unterminated_ends_with_its_line": ("a\x1b]52;c;UFdO\nb", "a\nb"),
    "osc_link": ("\x1b]8;;http://x\x1b\\click\x1b]8;;\x1b\\", "click"),
    "dcs": ("a\x1bPq#0\x1b\\b", "ab"),
    "tmux_passthrough": ("\x1bPtmux;\x1b\x1b]52;c;x\x07\x1b\\z", "z"),
    "sos_pm_apc": ("\x1bXone\x1b\\a\x1b^two\x1b\\b\x1b_three\x1b\\c", "abc"),
    "two_characters": ("\x1bca\x1b(Bb\x1b7c", "abc"),
    "lone_escape": ("a\x1b", "a"),
    "escape_escape": ("\x1b\x1b[31mx", "x"),
    "c0": ("a\x00\x07\x08\x0b\x0c\x0e\x7fb\tc\nd", "ab\tc\nd"),
    "carriage_return": ("fine\rfake", "finefake"),
    "c1": ("a\x85\x90\x9fb", "a"),
    "bidi": ("a\u202eb\u2066c\u200fd\u061ce", "abcde"),
    "zero_width": ("a\u200bb\u200dc\ufeffd\u2060e\u00adf", "abcdef"),
    "variation_and_tags": ("a\ufe0fb\U000e0041c", "abc"),
    "line_separators": ("a\u2028b\u2029c", "abc"),
    "surrogate": ("a\udc80b", "a\ufffdb"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_case_45_clean_takes_what_steers_a_terminal(name: str) -> None:
    raw, wanted = HOSTILE[name]
    assert clean(raw) == wanted


def test_case_45_decision_views_show_what_was_removed() -> None:
    assert clean("a\x1b[31m\r\x7f\x9b\u202e", visible=True) == "a␛[31m␍␡‹9b›‹202e›"
    assert one_line("a\nb\tc", visible=True) == "a␊b␉c"


def test_case_45_every_character_that_shows_nothing_is_taken() -> None:
    unseen = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) in ("Cc", "Cf", "Zl", "Zp")]
    assert clean("".join(c for c in unseen if c not in "\t\n\x1b\x90\x98\x9b\x9d\x9e\x9f")) == ""


@given(st.text(alphabet=st.characters(), max_size=300))
def test_case_45_nothing_unseen_is_left_of_any_text(raw: str) -> None:
    for text in (clean(raw), clean(raw, visible=True)):
        assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\t\n" for c in text)
    assert clean(clean(raw)) == clean(raw)
    assert "\n" not in one_line(raw)


@given(
    st.lists(
        st.sampled_from(["a", "\x1b[", "31", "m", "\x1b]", ";", "\x07", "\x1b", "\\", "\x9b", "\n", "8"]), max_size=40
    )
)
def test_case_45_colours_never_change_the_text(parts: list[str]) -> None:
    raw = "".join(parts)
    assert "".join(text for text, _ in styled(raw)) == clean(raw)


def test_case_45_only_colours_survive_of_sgr() -> None:
    pieces = styled("\x1b[1;31mred\x1b[8mhidden\x1b]8;;http://x\x07link\x1b[38;2;1;2;3mrgb\x1b[0mplain")
    assert [text for text, _ in pieces] == ["red", "hidden", "link", "rgb", "plain"]
    assert pieces[0][1].fore == 1
    assert pieces[0][1].bold
    assert pieces[1][1] == pieces[0][1], "concealed text stays readable"
    assert pieces[3][1].fore == (1, 2, 3)
    assert pieces[4][1].fore is None


@pytest.mark.parametrize("piece", ["\x1b]", "\x1b[", "\x9d", "\x1b[1;", "\x1b", "\u202e", "a\x1b[31m"])
@pytest.mark.alone
def test_r55_a_megabyte_of_sequences_costs_little(piece: str) -> None:
    raw = piece * (1_000_000 // len(piece))
    start = time.process_time()
    clean(raw)
    clean(raw, visible=True)
    styled(raw)
    assert time.process_time() - start < 3.0


def test_a_state_is_a_glyph_and_never_colour_alone() -> None:
    assert len({glyph(state) for state in TaskState}) == len(TaskState)
    assert len({glyph(state, plain=True) for state in TaskState}) == len(TaskState)
    for state in (*TaskState, *GoalState, *RunState):
        assert width_of(glyph(state)) == 1
        assert glyph(state, plain=True).isascii()


def test_ages_and_deadlines_read_in_two_units_at_most() -> None:
    assert ago(NOON - timedelta(seconds=41), NOON) == "41s"
    assert ago(NOON - timedelta(minutes=41, seconds=9), NOON) == "41m"
    assert ago(NOON - timedelta(hours=2, minutes=5), NOON) == "2h 5m"
    assert ago(NOON + timedelta(seconds=5), NOON) == "0s", "a clock that was set back makes no negative age"
    assert until(NOON + timedelta(minutes=19), NOON) == "in 19m"
    assert until(NOON - timedelta(minutes=4), NOON) == "4m over"
    assert (ago(None, NOON), until(None, NOON)) == ("", "")


def test_bars_are_full_only_when_all_is_done() -> None:
    assert bar(0, 9) == "╌" * 10
    assert bar(1, 1000) == "━" + "╌" * 9
    assert bar(999, 1000) == "━" * 9 + "╌"
    assert bar(9, 9) == "━" * 10
    assert bar(0, 0) == "╌" * 10


@given(st.text(max_size=40), st.integers(0, 30))
def test_cutting_respects_wide_characters(text: str, width: int) -> None:
    text = one_line(text)
    assert width_of(shorten(text, width)) <= width
    assert width_of(fit(text, width)) == width
    assert width_of(shorten_path(text, width)) <= width


def test_sizes_are_short() -> None:
    assert [size(n) for n in (None, 0, 512 * 1024**2, 1536 * 1024**2)] == ["–", "0", "512M", "1.5G"]
