"""Random tables come back as they were written, and random bytes are read, rejected or refused, never lost."""

from __future__ import annotations

import contextlib
import csv
import io
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.inbound.headers import Column
from include.inbound.records import _lay_out_one_by_one, lay_out
from include.inbound.refusals import FileRefused
from tests.inbound.reading import COLUMNS, HEADER, Told, read

VALUES = st.text(
    st.one_of(
        st.sampled_from('",;\r\n\t \u20ac\u00e9\u2028'), st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])
    ),
    max_size=12,
)
WIDE = tuple(Column(f"c{number}", f"Header {number}") for number in range(4))
TABLES = st.lists(st.tuples(VALUES, VALUES, VALUES, VALUES), max_size=12)
# Few characters, so that quotes, delimiters and line ends meet in every way.
BROKEN = st.text(st.sampled_from('a",\r\n \0\u00e9'), max_size=60)


@settings(max_examples=150, deadline=None)
@given(
    rows=TABLES,
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    piece_bytes=st.sampled_from([5, 64, 1 << 20]),
)
def test_a_table_comes_back_as_a_writer_wrote_it(
    rows: list[tuple[str, ...]], delimiter: str, end: str, quoting: int, piece_bytes: int
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow([column.header for column in WIDE])
    for row in rows:
        # The writer leaves alone a line end that is not its own; a reader that takes all three needs it quoted.
        quoted = csv.QUOTE_ALL if any(set(value) & {"\r", "\n"} for value in row) else quoting
        csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoted).writerow(row)  # type: ignore[arg-type]
    told = read(text.getvalue(), columns=WIDE, delimiter=delimiter, piece_bytes=piece_bytes)
    assert told.misshapen == []
    assert [tuple(value or "" for value in row) for row in told.rows] == rows
    assert told.lines == _first_lines([[column.header for column in WIDE], *rows])[1:]


def _first_lines(rows: list[list[str] | tuple[str, ...]]) -> list[int]:
    """On which line each row begins: one line end ends it, and those in its values come on top."""
    lines, line = [], 1
    for row in rows:
        lines.append(line)
        line += 1 + sum(len(re.findall(r"\r\n|\r|\n", value)) for value in row)
    return lines


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(*[st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=8)] * 4), max_size=8
    ),
    piece_bytes=st.sampled_from([7, 1 << 20]),
)
def test_a_table_in_a_code_page_comes_back(rows: list[tuple[str, ...]], piece_bytes: int) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([[column.header for column in WIDE], *rows])
    content = text.getvalue().encode("cp1252")
    if not content.isascii() and _is_utf8(content):
        # Nobody can tell it from UTF-8, which is by far more likely.
        with pytest.raises(FileRefused, match="ENCODING"):
            read(content, columns=WIDE, encoding="cp1252", piece_bytes=piece_bytes)
        return
    told = read(content, columns=WIDE, encoding="cp1252", piece_bytes=piece_bytes)
    assert [tuple(value or "" for value in row) for row in told.rows] == rows


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(content=BROKEN, piece_bytes=st.integers(1, 40))
def test_every_record_is_a_row_or_a_rejected_row(content: str, piece_bytes: int) -> None:
    whole = _outcome(f"{HEADER}\n{content}", 1 << 20)
    assert _outcome(f"{HEADER}\n{content}", piece_bytes) == whole
    if isinstance(whole, FileRefused | str):
        return
    # Nothing is lost: between the texts of the records there is nothing but line ends.
    rest = content.replace("\0", "\u2400")
    for text in whole.texts:
        skipped, found, rest = rest.partition(text)
        assert found
        assert not skipped.strip("\r\n")
    assert not rest.strip("\r\n")


def _outcome(content: str | bytes, piece_bytes: int) -> Told | str:
    try:
        return read(content, piece_bytes=piece_bytes)
    except FileRefused as error:
        return f"{error} {error.line} {error.byte_offset}"


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200), headed=st.booleans(), encoding=st.sampled_from(["utf-8", "cp1252", "latin-1"]))
def test_whatever_the_bytes_are_they_are_read_or_refused(content: bytes, headed: bool, encoding: str) -> None:
    content = f"{HEADER}\n".encode() + content if headed else content
    with contextlib.suppress(FileRefused):
        read(content, encoding=encoding, piece_bytes=64)


@settings(max_examples=500, deadline=None)
@given(content=BROKEN, final=st.booleans(), line=st.integers(1, 9))
def test_the_fast_way_and_the_slow_way_agree(content: str, final: bool, line: int) -> None:
    data = content.encode()
    fast = lay_out(data, ",", line=line, final=final)
    slow = _lay_out_one_by_one(data, ",", line=line, final=final)
    for name in ("starts", "ends", "lines", "fields", "misquoted", "lone_returns"):
        assert np.array_equal(getattr(fast, name), getattr(slow, name)), name
    assert (fast.consumed, fast.next_line) == (slow.consumed, slow.next_line)


def test_rows_are_those_of_pythons_own_reader_where_nothing_is_wrong() -> None:
    chance = random.Random(7)
    pieces = ["a", "bc", '""', ",", "\n", "\r\n", " ", "\u00e9", "'"]
    text = [HEADER]
    for _ in range(2000):
        values = ["".join(chance.choices(pieces, k=chance.randrange(5))) for _ in COLUMNS]
        text.append(",".join(f'"{value}"' for value in values))
    content = "\n".join(text) + "\n"
    wanted = list(csv.reader(io.StringIO(content, newline=""), strict=True))[1:]
    told = read(content, piece_bytes=1000)
    assert [[value or "" for value in row] for row in told.rows] == wanted
