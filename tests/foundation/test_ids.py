"""R15 and R45: ids are random and pass their own check; hostile names never leave the process."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ExitCode, Invalid
from engine.ids import ID, Kind, random_id, safe_name, sandbox_name

HOSTILE = [
    "",
    ".",
    "..",
    "../volumes/x",
    "a/../b",
    "a/b",
    "/etc/passwd",
    "-rf",
    ".hidden",
    "a..b",
    "a b",
    "a\nb",
    "name\n",
    "a\x00b",
    "a\x1b[2J",
    "é",
    "a%2fb",
    "a?x=1",
    "a#b",
    "$(id)",
    "x" * 129,
]


@given(st.sampled_from(list(Kind)))
def test_r15_every_generated_id_passes_its_validators(kind: Kind) -> None:
    new = random_id(kind)
    assert ID.fullmatch(new)
    assert new.startswith(f"{kind}-")
    assert safe_name(new) == new


def test_r15_ids_come_from_no_count_and_no_seed() -> None:
    random.seed(1)
    first = [random_id(Kind.TASK) for _ in range(2000)]
    random.seed(1)
    second = [random_id(Kind.TASK) for _ in range(2000)]
    assert len(set(first + second)) == 4000
    assert first != sorted(first)


@pytest.mark.parametrize("text", HOSTILE)
def test_r45_a_hostile_name_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        safe_name(text)
    assert refused.value.exit_code is ExitCode.USAGE


@given(st.text(max_size=140))
def test_r45_what_passes_is_plain(text: str) -> None:
    try:
        name = safe_name(text)
    except Invalid:
        return
    assert name.isascii()
    assert not set(name) & set("/\\ \n\t\x00%")
    assert name[0].isalnum()


def test_sandbox_names_are_a_function_of_engine_and_run() -> None:
    engine, run = random_id(Kind.ENGINE), random_id(Kind.RUN)
    assert sandbox_name(engine, run) == sandbox_name(engine, run) == f"ph-{engine[2:10]}-{run}"
    assert sandbox_name(engine, random_id(Kind.RUN)) != sandbox_name(engine, run)
