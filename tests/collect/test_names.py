"""A partner's names: which are taken, and that any other is shown without doing anything to whoever reads it."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.collect import fault_of, label

HOSTILE = {
    "a path": b"../../x_SL.csv",
    "an absolute path": b"/etc/passwd_SL.csv",
    "a folder": b"a/b_SL.csv",
    "another system's path": b"a\\b_SL.csv",
    "dots": b"..",
    "hidden dots": b"x..y_SL.csv",
    "a line break": b"a\n_SL.csv",
    "a carriage return": b"a\r_SL.csv",
    "an escape sequence": b"\x1b[2J_SL.csv",
    "NUL": b"a\x00_SL.csv",
    "DEL": b"a\x7f_SL.csv",
    "300 bytes": b"a" * 293 + b"_SL.csv",
    "not UTF-8": b"caf\xe9_SL.csv",
    "a half surrogate": b"\xed\xa0\x80_SL.csv",
    "text that runs backwards": "a\u202evsc.LS_.csv".encode(),
    "an invisible character": "a\u200b_SL.csv".encode(),
    "a line separator": "a\u2028_SL.csv".encode(),
    "a space before": b" a_SL.csv",
    "nothing": b"",
}
SOUND = [b"sales_20260320_SL.csv", b"CON", "Café Été_SL.csv".encode(), b"a" * 193 + b"_SL.csv", b"a b.c-d_e"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_and_shown_harmlessly(name: str) -> None:
    assert fault_of(HOSTILE[name]) is not None
    shown = label(HOSTILE[name])
    assert shown.isprintable()
    assert len(shown) < 300


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_name_is_its_own_label(name: bytes) -> None:
    assert fault_of(name) is None
    assert label(name).encode() == name


def test_a_label_says_which_bytes_were_the_trouble() -> None:
    assert label(b"caf\xe9\n\\x.csv") == "caf\\xe9\\x0a\\x5cx.csv"


@given(st.binary(max_size=300))
def test_no_name_at_all_is_shown_with_a_character_that_acts(name: bytes) -> None:
    shown = label(name)
    assert shown.isprintable()
    if fault_of(name) is None:
        assert shown.encode() == name, "the label is the path that is asked for"


@given(st.lists(st.sampled_from([*string.printable, "é", "\u202e", "\\x0a"]), max_size=8))
def test_different_names_have_different_labels(letters: list[str]) -> None:
    name = "".join(letters).encode()
    other = name.replace(b"\n", b"\\x0a")
    assert (label(name) == label(other)) == (name == other)
