"""Files that are refused whole: each code, with the place where it can be told."""

from __future__ import annotations

import pytest

from include.inbound.headers import MOST_COLUMNS
from include.inbound.read import RECORD_BYTES
from include.inbound.refusals import FileRefused
from tests.inbound.reading import HEADER, read

GOOD = f"{HEADER}\n1,a,2,3\n"


def refused(content: bytes | str, encoding: str = "utf-8", delimiter: str = ",") -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        read(content, encoding=encoding, delimiter=delimiter)
    # The same in small pieces: where a piece ends must not matter.
    with pytest.raises(FileRefused) as again:
        read(content, encoding=encoding, delimiter=delimiter, piece_bytes=50_000)
    assert (str(again.value), again.value.line) == (str(caught.value), caught.value.line)
    return caught.value


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_nothing_in_it(content: bytes) -> None:
    assert refused(content).code == "EMPTY"


@pytest.mark.parametrize(
    ("head", "what"),
    [(b"PK\x03\x04", "Excel"), (b"\x1f\x8b\x08", "gzip"), (b"%PDF-1.7", "PDF"), (b"<HTML>", "web page")],
)
def test_another_kind_of_file(head: bytes, what: str) -> None:
    error = refused(head + b"\0\xff" * 40)
    assert error.code == "NOT_CSV"
    assert what in str(error)


@pytest.mark.parametrize("head", ["LastName\0,a", '"LastName,a', 'LastName,"a"b'])
def test_a_first_line_that_is_no_record(head: str) -> None:
    assert refused(f"{head},Amount.Financed,Monthly Payment\n1,2,3,4\n").code in ("NOT_CSV", "TRUNCATED")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_utf_16_and_32_are_refused_by_their_mark(encoding: str) -> None:
    error = refused(GOOD.encode(encoding))
    assert (error.code, error.byte_offset) == ("ENCODING", 0)


def test_utf_16_without_its_mark_is_no_text() -> None:
    assert refused(GOOD.encode("utf-16-le")).code == "NOT_CSV"


@pytest.mark.parametrize("before", [GOOD, GOOD + "2,x,,\n" * 20_000, "\ufeff" + GOOD, GOOD + "2,\u00e9,,\n" * 9_000])
def test_windows_1252_read_as_utf_8_is_refused_at_its_byte(before: str) -> None:
    head = before.encode() + b"3,Zo"
    error = refused(head + b"\xeb,,\n")
    assert (error.code, error.byte_offset) == ("ENCODING", len(head))
    assert f"offset {len(head)}" in str(error)
    assert "cp1252" in str(error)


def test_a_character_that_the_end_of_the_file_cuts_is_refused() -> None:
    head = f"{GOOD}2,".encode()
    error = refused(head + "\u20ac".encode()[:2])
    assert (error.code, error.byte_offset) == ("ENCODING", len(head))


def test_utf_8_read_as_windows_1252_would_garble_names() -> None:
    assert refused(f"{GOOD}2,Zo\u00eb,,\n".encode(), encoding="cp1252").code == "ENCODING"
    mixed = f"{GOOD}2,Zo\u00eb,,\n".encode() + "3,Ren\u00e9,,\n".encode("cp1252")
    assert [row[1] for row in read(mixed, encoding="cp1252").rows] == ["a", "Zo\u00c3\u00ab", "Ren\u00e9"]


def test_a_byte_that_the_code_page_lacks_is_refused() -> None:
    head = GOOD.encode() + b"2,\xe9"
    assert refused(head + b"\x81,,\n", encoding="cp1252").byte_offset == len(head)


def test_the_mark_of_utf_8_in_a_feed_of_windows_1252() -> None:
    assert refused(b"\xef\xbb\xbf" + GOOD.encode(), encoding="cp1252").code == "ENCODING"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7", "no-such", "base64"])
def test_an_encoding_that_no_feed_may_have_is_a_mistake_of_ours(encoding: str) -> None:
    with pytest.raises(ValueError, match="utf-8, cp1252"):
        read(GOOD, encoding=encoding)


@pytest.mark.parametrize("renamed", ["Amount Financed", "AmountFinanced", "amount_financed"])
def test_a_renamed_header_is_named_beside_what_it_may_have_become(renamed: str) -> None:
    error = refused(GOOD.replace("Amount.Financed", renamed))
    assert (error.code, error.line) == ("HEADER_MISSING", 1)
    assert f"'Amount.Financed' (it has {renamed!r})" in str(error)


def test_a_file_without_a_header_row_is_refused_without_repeating_a_row() -> None:
    error = refused("1,Private,2,3\n2,b,4,5\n")
    assert error.code == "HEADER_MISSING"
    assert "Private" not in str(error)


def test_an_empty_line_before_the_header() -> None:
    assert refused(f"\n{GOOD}").code == "HEADER_MISSING"


def test_a_doubled_header_is_refused_and_a_doubled_stranger_is_not() -> None:
    error = refused(GOOD.replace("DealNumber", "LASTNAME "))
    assert (error.code, error.line) == ("HEADER_DOUBLED", 1)
    assert read("LastName,Amount.Financed,Monthly Payment,x,x\n1,2,3,4,5\n").rows == [(None, "1", "2", "3")]


@pytest.mark.parametrize(("wrong", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_another_delimiter_than_the_contracts(wrong: str, name: str) -> None:
    error = refused(GOOD.replace(",", wrong))
    assert error.code == "DELIMITER"
    assert name in str(error)
    quoted = ",".join(f'"{header}"' for header in HEADER.split(",")).replace(",", wrong)
    assert refused(f"{quoted}\n").code == "DELIMITER"


@pytest.mark.parametrize("rows", ["", "1,a,2,3\n", "1,\u00e9,2,3\n" * 9_000])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_file_cut_within_quotes(rows: str, encoding: str) -> None:
    head = f"{HEADER}\n{rows}".encode(encoding)
    error = refused(head + b'9,"Sam', encoding=encoding)
    assert (error.code, error.byte_offset, error.line) == ("TRUNCATED", len(head), 2 + rows.count("\n"))


@pytest.mark.parametrize("cut", ["9", "9,Sam", "9,Sam,1", "9,a\0"])
def test_a_file_cut_within_its_last_line(cut: str) -> None:
    error = refused(GOOD + cut)
    assert (error.code, error.byte_offset, error.line) == ("TRUNCATED", len(GOOD), 3)


def test_a_quote_that_is_never_closed_does_not_fill_the_memory() -> None:
    error = refused(f'{GOOD}2,"b,,\n' + "3,c,,\n" * 400_000)
    assert (error.code, error.line) == ("TOO_LARGE", 3)


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_value_of_ten_megabytes(quote: str) -> None:
    error = refused(f"{GOOD}2,{quote}{'x' * 10 * RECORD_BYTES}{quote},,\n{GOOD}")
    assert (error.code, error.line) == ("TOO_LARGE", 3)


def test_a_million_columns() -> None:
    assert refused(",".join(["x"] * (MOST_COLUMNS + 1))).code == "TOO_LARGE"
    assert refused("x," * 1_000_000).code == "TOO_LARGE"
