"""The first rows of a file: personal values masked, rows that break a rule not shown, and nothing read to its end."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest

from include.contract import load_contract
from include.delivered import UnreadableError
from include.inbound.refusals import FileRefused
from include.preview import MASK, Preview, preview_arrived, preview_delivered
from include.window import day_window
from tests.imports.importing import file_of, sold
from tests.layout import example

SALES = load_contract("proresponse_sales")
DAILY = load_contract("merkle_sar_daily")
DAY = day_window(date(2026, 11, 20), SALES.zone)


def delivered(*rows: tuple[str, ...]) -> io.BytesIO:
    lines = [("H", "x"), *(("D", *row) for row in rows), ("T", str(len(rows)), "0")]
    return io.BytesIO("".join(DAILY.delimiter.join(line) + "\n" for line in lines).encode())


def arrived(content: bytes) -> Preview:
    return preview_arrived(
        SALES, io.BytesIO(content), encoding="utf-8", date_format="%m/%d/%Y", dealer="lakeside", window=DAY
    )


def test_of_a_file_that_goes_out_each_personal_column_is_masked_and_no_other() -> None:
    names = DAILY.table.delivered
    personal = {field.name for field in DAILY.fields if field.personal and field.delivered}
    assert personal
    (found,) = preview_delivered(DAILY, delivered(tuple(f"v-{name}" for name in names), ("",) * len(names)))
    assert found.columns == names
    assert found.masked == personal
    assert found.rows[0] == tuple(MASK if name in personal else f"v-{name}" for name in names)
    assert set(found.rows[1]) == {""}, "where there is nothing, nothing is masked"


def test_only_so_many_rows_are_read() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, into: object) -> int:
            Endless.given += 1
            assert Endless.given < 100, "it is read to its end"
            line = (DAILY.delimiter.join(("D", *("1" for _ in DAILY.table.delivered))) + "\n").encode()
            into[: len(line)] = line  # type: ignore[index]
            return len(line)

    (found,) = preview_delivered(DAILY, io.BufferedReader(Endless(), 64), rows=5)
    assert len(found.rows) == 5


def test_a_file_of_another_version_is_said_to_be_one() -> None:
    with pytest.raises(UnreadableError, match="a record has 2 columns") as refused:
        preview_delivered(DAILY, delivered(("Zaunkoenig", "b")))
    assert "Zaunkoenig" not in str(refused.value)


def test_of_an_xml_file_each_table_has_its_first_rows(tmp_path: Path) -> None:
    contract = example.CONTRACT
    with example.write(tmp_path).open("rb") as source:
        found = {each.table: each for each in preview_delivered(contract, source)}
    assert list(found) == [table.name for table in contract.tables]
    for table in contract.tables:
        shown = found[table.name]
        assert shown.columns == table.delivered
        assert len(shown.rows) == len(example.GOOD[table.name])
        for field, values in zip(table.delivered, zip(*shown.rows, strict=True), strict=True):
            if field in shown.masked:
                assert set(values) <= {MASK, None, ""}


def test_of_a_file_that_came_in_only_rows_that_pass_are_shown_and_masked() -> None:
    shifted = sold(DealNumber="D2", SoldDate="Zaunkoenig", StockNumber="Zaunkoenig")
    found = arrived(file_of(sold(LastName="Zaunkoenig", StockNumber="S-7"), shifted))
    assert len(found.rows) == 1
    row = dict(zip(found.columns, found.rows[0], strict=True))
    assert row["stock_number"] == "S-7"
    assert row["last_name"] == row["email"] == MASK
    assert found.refused == {"sold_date-date": 1}
    assert "Zaunkoenig" not in repr(found)


def test_of_a_large_file_the_beginning_is_judged_and_a_cut_line_is_nobodys_fault() -> None:
    found = arrived(file_of(*(sold(DealNumber=f"D{number}") for number in range(4000))))
    assert len(found.rows) == 20
    assert found.refused == {}


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "EMPTY"), (b"\xff\xfeA\x00", "ENCODING"), (b"a,b\n1,2\n", "HEADER_MISSING")]
)
def test_what_cannot_be_taken_apart_is_refused_by_its_code(content: bytes, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        arrived(content)
    assert refused.value.code == code
