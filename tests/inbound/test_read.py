"""What the reader makes of a partner's CSV: values, lines, and rows that are no rows."""

from __future__ import annotations

import pytest

from include.inbound.read import ROW_BYTES
from tests.inbound.reading import COLUMNS, HEADER, read


def test_values_are_text_exactly_as_they_came() -> None:
    told = read(f'{HEADER}\n007, Sample ,"$1,234.56",=HYPERLINK("x")\n'.replace('"x"', "x"))
    assert told.rows == [("007", " Sample ", "$1,234.56", "=HYPERLINK(x)")]


def test_columns_are_found_by_header_and_never_by_position() -> None:
    told = read("Monthly Payment,Other, amount.FINANCED ,LASTNAME,DealNumber\n1,2,3,4,5\n")
    assert told.rows == [("5", "4", "3", "1")]
    assert told.headers is not None
    assert (told.headers.ignored, told.headers.missing) == (1, ())


def test_an_optional_column_may_be_missing() -> None:
    told = read("LastName,Amount.Financed,Monthly Payment\na,1,2\n")
    assert told.rows == [(None, "a", "1", "2")]
    assert told.headers is not None
    assert told.headers.missing == ("number",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_line_end_ends_a_record_and_counts_as_one_line(end: str) -> None:
    told = read(end.join([HEADER, "1,a,2,3", f'2,"x{end}y",,', "", "3,c,,", ""]))
    assert told.rows == [("1", "a", "2", "3"), ("2", f"x{end}y", None, None), ("3", "c", None, None)]
    assert told.lines == [2, 3, 6]


def test_line_ends_may_be_mixed() -> None:
    told = read(f"{HEADER}\r\n1,a,,\r2,b,,\n3,c,,\r\r\n4,d,,")
    assert [row[0] for row in told.rows] == ["1", "2", "3", "4"]
    assert told.lines == [2, 3, 4, 6]


def test_quotes_delimiters_and_line_ends_in_quotes_belong_to_the_value() -> None:
    told = read(f'{HEADER}\n1,"24"" ""Special"", big",,"a\r\nb\n"\n2,"""",,""""""\n')
    assert told.rows == [("1", '24" "Special", big', None, "a\r\nb\n"), ("2", '"', None, '""')]
    assert told.lines == [2, 5]
    assert told.raw[0] == '1,"24"" ""Special"", big",,"a\r\nb\n"'


def test_the_last_line_may_lack_its_line_end() -> None:
    assert read(f"{HEADER}\n1,a,2,3").rows == [("1", "a", "2", "3")]


def test_a_header_alone_is_a_file_of_no_rows() -> None:
    for content in (HEADER, f"{HEADER}\n", f"{HEADER}\r\n\r\n"):
        told = read(content)
        assert (told.rows, told.misshapen) == ([], [])
        assert told.headers is not None


def test_the_mark_of_utf_8_is_no_part_of_the_first_header() -> None:
    assert read(b"\xef\xbb\xbf" + f"{HEADER}\n1,a,,\n".encode()).rows == [("1", "a", None, None)]


def test_text_beyond_ascii_comes_through_in_the_declared_encoding() -> None:
    text = f"{HEADER}\n1,Zo\u00eb \u20ac,,\n"
    assert (
        read(text.encode("cp1252"), encoding="cp1252").rows == read(text).rows == [("1", "Zo\u00eb \u20ac", None, None)]
    )


def test_a_separator_of_unicode_is_no_line_end() -> None:
    told = read(f"{HEADER}\n1,a\u2028b\u0085c\u2029,,\n2,b,,\n")
    assert told.rows[0][1] == "a\u2028b\u0085c\u2029"
    assert told.lines == [2, 3]


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        ("1,a,2", ("row-columns",)),
        ("1,a,2,3,4", ("row-columns",)),
        ("   ", ("row-columns",)),
        ('1,24" Special,2,3', ("row-quotes",)),
        ('1,"a"b,2,3', ("row-quotes",)),
        ('1,"a" ,2', ("row-columns", "row-quotes")),
        ("1,a\0b,2,3", ("row-control",)),
        ("1,a\x1ab,2", ("row-columns", "row-control")),
        (f"1,{'a' * ROW_BYTES},2,3", ("row-length",)),
    ],
)
def test_a_row_that_cannot_be_taken_apart_has_its_reasons_and_its_text(row: str, reasons: tuple[str, ...]) -> None:
    told = read(f'{HEADER}\n1,"x, y",2,3\n{row}\r\n2,b,,\n')
    (bad,) = told.misshapen
    assert (bad.line, bad.reasons, bad.raw) == (3, reasons, row.replace("\0", "\u2400"))
    assert told.rows == [("1", "x, y", "2", "3"), ("2", "b", None, None)]
    assert told.lines == [2, 4]


def test_an_open_quote_takes_the_lines_up_to_the_next_one_with_it_and_loses_nothing() -> None:
    told = read(f'{HEADER}\n1,"a,2,3\n2,b,,\n3,"c",,\n4,d,,\n')
    (bad,) = told.misshapen
    assert (bad.line, bad.reasons, bad.raw) == (2, ("row-quotes",), '1,"a,2,3\n2,b,,\n3,"c",,')
    assert told.rows == [("4", "d", None, None)]
    assert told.lines == [5]


def test_many_rows_with_stray_quotes_are_each_rejected_alone() -> None:
    told = read(HEADER + "\n" + '1,24" a,,\n2,b,,\n' * 300)
    assert len(told.misshapen) == 300
    assert [bad.line for bad in told.misshapen] == list(range(2, 602, 2))
    assert told.lines == list(range(3, 603, 2))


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_delimiter_is_that_of_the_contract(delimiter: str) -> None:
    content = f"{HEADER}\n1,a,2,3\n".replace(",", delimiter)
    assert read(content, delimiter=delimiter).rows == [("1", "a", "2", "3")]


def test_the_beginning_of_a_file_is_read_up_to_its_last_line_end() -> None:
    assert read(f'{HEADER}\n1,a,,\n2,"b', whole=False).rows == [("1", "a", None, None)]
    assert read(f"{HEADER}\n1,a,,\n2,b", whole=False).rows == [("1", "a", None, None)]


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 7, 64])
def test_pieces_of_any_size_give_the_same(piece_bytes: int) -> None:
    content = f'\ufeff{HEADER}\r\n1,"\u00e9 ""x""\r\ny",,\r\n\r\n2,a"b,,\r3,c,d\n4,"e",,'.encode()
    whole, cut = read(content), read(content, piece_bytes=piece_bytes)
    assert cut == whole
    assert [bad.line for bad in whole.misshapen] == [5, 6]


def test_columns_of_the_tests_are_those_of_the_header() -> None:
    assert [column.header for column in COLUMNS] == HEADER.split(",")
