"""A file that is whole or nothing: its header record counts and adds up its lines, or all of it is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import fsspec
import pytest

from include.contract import load_contract
from include.inbound.check import CheckedArrival, check_arrival
from include.inbound.refusals import FileRefused
from include.staging import Staging
from include.window import day_window
from tests.imports.payments import HEADER, paid, payment, written

CONTRACT = load_contract("renault_warranty_payments")
DAY = day_window(date(2026, 3, 20), CONTRACT.zone)
GOOD = payment("CN1", paid("C1"), paid("C2", "-40.10", VAT="20.02"), paid("C3", "0.00", Reason="7B"))


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(fsspec.filesystem("file"), str(tmp_path / "staging"))


def checked(content: bytes, staging: Staging, tmp_path: Path) -> CheckedArrival:
    path = tmp_path / "landed"
    path.write_bytes(content)
    return check_arrival(
        CONTRACT,
        path,
        dealer="group",
        encoding="utf-8",
        date_format="%d/%m/%Y",
        window=DAY,
        staging=staging,
        batch="arrival-1",
        arrival_id=1,
    )


def test_a_file_whose_header_is_right_passes(staging: Staging, tmp_path: Path) -> None:
    told = checked(GOOD, staging, tmp_path)
    assert (told.rows, told.accepted, told.rejected, told.problems) == (4, 4, 0, ())
    assert checked(payment("CN1"), staging, tmp_path).rows == 1


def test_the_header_need_not_come_first(staging: Staging, tmp_path: Path) -> None:
    head, *lines = GOOD.decode().splitlines()[1:]
    assert checked("\n".join([HEADER, *lines, head, ""]).encode(), staging, tmp_path).rows == 4


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (payment("CN1", paid("C1"), Labour="100.01"), "TOTALS", "labour: header 100.01, lines 100.00"),
        (payment("CN1", paid("C1"), VAT="-0.01"), "TOTALS", "vat: header -0.01, lines 0.00"),
        (payment("CN1", paid("C1"), Lines="2"), "TOTALS", "line_count: header 2, lines 1"),
        (payment("CN1", paid("C1", CreditNote="CN2")), "TOTALS", "1 lines with another document_number"),
        (payment("CN1", paid("C1", Currency="EUR")), "TOTALS", "1 lines with another document_number or payment_date"),
        (payment("CN1", paid("C1"), Record="D", Lines="", Line="9"), "HEADER_RECORD", "0 header records"),
        (GOOD + payment("CN1").splitlines()[1] + b"\n", "HEADER_RECORD", "2 header records"),
        (f"{HEADER}\n".encode(), "HEADER_RECORD", "0 header records"),
        (payment("CN1", paid("C1", Line="one")), "ROWS", "line 3; most often 1 of line_no-integer"),
        (payment("CN1", *[paid("C1", RepairDate="none")] * 7), "ROWS", "7 of its records .*line 3, 4, 5, 6, 7, …"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_add_up_is_refused_whole(
    content: bytes, code: str, said: str, staging: Staging, tmp_path: Path
) -> None:
    with pytest.raises(FileRefused, match=said) as refused:
        checked(content, staging, tmp_path)
    assert refused.value.code == code
    assert "Ask the partner for the file again" in refused.value.message
    assert "VF1AA" not in refused.value.message
    assert not staging.exists("arrival-1/1.accepted.parquet")


def test_a_cut_file_does_not_add_up(staging: Staging, tmp_path: Path) -> None:
    """The one kind of cut that nothing else finds: exactly behind a line end."""
    cut = b"".join(GOOD.splitlines(keepends=True)[:-1])
    with pytest.raises(FileRefused, match="line_count: header 3, lines 2"):
        checked(cut, staging, tmp_path)


def test_sums_are_exact_beyond_what_floats_hold(staging: Staging, tmp_path: Path) -> None:
    big = [paid(f"C{number}", "9999999999.99") for number in range(50)]
    assert checked(payment("CN1", *big), staging, tmp_path).rows == 51
    with pytest.raises(FileRefused, match="TOTALS"):
        checked(payment("CN1", *big, Labour="499999999999.51"), staging, tmp_path)


def test_a_record_needs_no_line_feed_and_may_stand_in_any_column_order(staging: Staging, tmp_path: Path) -> None:
    shuffled = "\r\n".join(",".join(reversed(row.split(","))) for row in GOOD.decode().splitlines())
    assert checked(shuffled.encode(), staging, tmp_path).rows == 4
    assert written() == f"{HEADER}\n".encode()
