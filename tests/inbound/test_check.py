"""A landed file judged to its end: rows told apart, every reason kept, all of it staged and counted."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import fsspec
import polars as pl
import pytest

from include.contract import Rule
from include.inbound.check import CheckedArrival, check_file
from include.inbound.refusals import FileRefused
from include.staging import Staging, StagingError
from include.window import day_window
from tests.inbound.arrangement import HEADER, arrangement

ROOT = Path(__file__).resolve().parents[2]
DAY = day_window(date(2026, 3, 16), "America/Chicago")
GOOD = 'Sample,03/14/2026,"$12,000.00",240 mo,99.50,03/01/2046,1M8GDM9AXKP042788,01234'


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(fsspec.filesystem("file"), str(tmp_path / "staging"))


def checked(
    content: str | bytes, staging: Staging, tmp_path: Path, tolerance: Rule | None = None
) -> tuple[CheckedArrival, pl.DataFrame, pl.DataFrame]:
    path = tmp_path / "landed"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    told = check_file(
        arrangement(), path, dealer="d1", window=DAY, staging=staging, batch=7, arrival_id=3, tolerance=tolerance
    )
    with staging.reader(told.accepted_name) as good, staging.reader(told.rejected_name) as bad:
        return told, pl.read_parquet(good), pl.read_parquet(bad)


def test_a_full_disk_is_told_and_nothing_is_staged(staging: Staging, tmp_path: Path) -> None:
    (tmp_path / "landed").write_text("\n".join([HEADER, *[GOOD] * 20_000, ""]))
    # In a process of its own: the limit would hold for the whole test run.
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, 1 << 14))
from pathlib import Path
import fsspec
from tests.inbound.test_check import DAY, Staging, arrangement, check_file
staging = Staging(fsspec.filesystem("file"), {str(tmp_path / "staging")!r})
try:
    check_file(arrangement(), Path({str(tmp_path / "landed")!r}), dealer="d1", window=DAY, staging=staging, batch=7,
               arrival_id=3)
except OSError as error:
    print(type(error).__name__)
"""
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "StagingError\n"
    assert not staging.exists("7/3.accepted.parquet")
    assert not staging.exists("7/3.rejected.parquet")


def test_accepted_rows_have_their_line_and_their_normal_form(staging: Staging, tmp_path: Path) -> None:
    told, good, bad = checked(f"{HEADER}\n\n{GOOD}\n", staging, tmp_path)
    assert (told.rows, told.accepted, told.rejected, told.failed) == (1, 1, 0, {})
    assert good.to_dicts() == [
        {
            "line": 3,
            "last_name": "Sample",
            "sold_date": "2026-03-14",
            "amount_financed": "12000.00",
            "term": "240",
            "monthly_payment": "99.50",
            "last_payment_date": "2046-03-01",
            "unit_identifier": "1M8GDM9AXKP042788",
            "postal_code": "01234",
            "cash_purchase": "f",
            "identifier_type": "VIN",
        }
    ]
    assert bad.schema == {"line": pl.Int64, "reasons": pl.List(pl.String), "raw": pl.String}
    assert bad.height == 0


def test_a_rejected_row_has_every_reason_and_its_text_as_it_came(staging: Staging, tmp_path: Path) -> None:
    row = ' ,02/31/2026,"1.234,56",20 years,x,,"A ""B""",'
    told, good, bad = checked(f"{HEADER}\r\n{GOOD}\r\n{row}\r\nshort\r\n{GOOD}\r\n", staging, tmp_path)
    assert good["line"].to_list() == [2, 5]
    reasons = [
        "last_name-required",
        "sold_date-date",
        "amount_financed-number",
        "term-integer",
        "monthly_payment-number",
    ]
    assert bad.to_dicts() == [
        {"line": 3, "reasons": reasons, "raw": row},
        {"line": 4, "reasons": ["row-columns"], "raw": "short"},
    ]
    assert told.failed == {**dict.fromkeys(reasons, 1), "row-columns": 1}
    assert told.header == HEADER


def test_a_warning_is_counted_and_the_row_goes_on(staging: Staging, tmp_path: Path) -> None:
    told, good, _ = checked(f"{HEADER}\n{GOOD.replace('03/01/2046', '03/01/2026')}\n", staging, tmp_path)
    assert (good.height, told.failed) == (1, {"sold_date-notAfter": 1})


def test_a_sale_of_tomorrow_is_rejected(staging: Staging, tmp_path: Path) -> None:
    _, good, bad = checked(
        f"{HEADER}\n{GOOD.replace('03/14', '03/17')}\n{GOOD.replace('03/14', '03/16')}\n", staging, tmp_path
    )
    assert good["line"].to_list() == [3]
    assert bad["reasons"].to_list() == [["sold_date-notAfterWindow"]]


@pytest.mark.parametrize(
    ("amount", "cash", "noted"),
    [
        ("", "t", {}),
        ("   ", "t", {}),
        ("0", "t", {"amount_financed-emptyWhen": 1}),
        ("$0.00", "t", {"amount_financed-emptyWhen": 1}),
        ("$ -", "t", {"amount_financed-emptyWhen": 1}),
        ("0.01", "f", {}),
    ],
)
def test_a_sale_without_an_amount_financed_is_cash(
    amount: str, cash: str, noted: dict[str, int], staging: Staging, tmp_path: Path
) -> None:
    told, good, _ = checked(f"{HEADER}\na,03/14/2026,{amount},,,,,\n", staging, tmp_path)
    assert (good["cash_purchase"].to_list(), told.failed) == ([cash], noted)


def test_a_cash_purchase_has_no_loan_whatever_the_file_says_of_one(staging: Staging, tmp_path: Path) -> None:
    told, good, bad = checked(f"{HEADER}\na,03/14/2026,,20 years,99,03/01/2046,,\n", staging, tmp_path)
    assert good.select("term", "monthly_payment", "last_payment_date").row(0) == (None, None, None)
    assert told.failed == {"cash_purchase-financeIgnored": 1}
    assert bad.height == 0


def test_an_amount_that_cannot_be_read_is_rejected_and_never_cash(staging: Staging, tmp_path: Path) -> None:
    _, _, bad = checked(f"{HEADER}\na,03/14/2026,n/a,240,,,,\n", staging, tmp_path)
    assert bad["reasons"].to_list() == [["amount_financed-number"]]


@pytest.mark.parametrize(
    ("identifier", "kind"),
    [
        ("1M8GDM9AXKP042788", "VIN"),
        ("1m8gdm9axkp042788", "VIN"),
        ("1M8GDM9AXKPO42788", "SERIAL"),
        ("ABC12345D404", "HIN"),
        ("US-ABC12345D404", "HIN"),
        ("T-9", "SERIAL"),
        ("", None),
    ],
)
def test_the_kind_of_an_identifier_is_told_by_its_form(
    identifier: str, kind: str | None, staging: Staging, tmp_path: Path
) -> None:
    _, good, _ = checked(f"{HEADER}\na,03/14/2026,,,,,{identifier},\n", staging, tmp_path)
    assert good["identifier_type"].to_list() == [kind]


def test_a_header_alone_is_an_idle_day(staging: Staging, tmp_path: Path) -> None:
    told, good, _ = checked(f"{HEADER}\n", staging, tmp_path)
    assert (told.rows, good.height, told.problems) == (0, 0, ())
    assert "no rows" in told.warnings[0]
    assert good.columns[:2] == ["line", "last_name"]


def test_columns_that_are_not_there_or_not_known_are_told(staging: Staging, tmp_path: Path) -> None:
    told, good, _ = checked(f"{HEADER.replace('Zip', 'Colour')}\n{GOOD}\n", staging, tmp_path)
    assert good["postal_code"].to_list() == [None]
    assert told.warnings == (
        "the file comes without postal_code",
        "1 columns are none of the contract's; they are not read",
    )


def test_too_many_rejected_rows_are_a_matter_for_a_person(staging: Staging, tmp_path: Path) -> None:
    rule = Rule("file-rejectedRows", "rejectedRows", (), "error", "accuracy", {"percent": 20, "rows": 1}, "")
    # A warning is no reason: of those there are more.
    warned = GOOD.replace("03/01/2046", "03/01/2026")
    bad = GOOD.replace("03/14", "13/14")
    told, _, _ = checked(f"{HEADER}\n{GOOD}\n{bad}\n", staging, tmp_path, rule)
    assert told.problems == ()
    told, _, _ = checked(f"{HEADER}\n{warned}\n{warned}\n{warned}\n{bad}\n{bad}\n", staging, tmp_path, rule)
    assert told.problems == (
        "file-rejectedRows: 2 of 5 rows rejected (40.0 %), allowed at most 20 % or 1 rows "
        "(most often 2 of sold_date-date)",
    )


def test_a_refused_file_leaves_nothing_staged(staging: Staging, tmp_path: Path) -> None:
    content = f"{HEADER}\n" + f"{GOOD}\n" * 120_000 + 'x,"cut'
    with pytest.raises(FileRefused, match="TRUNCATED"):
        checked(content, staging, tmp_path)
    for name in ("7/3.accepted.parquet", "7/3.rejected.parquet"):
        with pytest.raises(StagingError), staging.reader(name):
            pass


def test_rows_keep_their_order_over_many_pieces(staging: Staging, tmp_path: Path) -> None:
    rows = 150_000
    lines = [GOOD if number % 1000 else "short" for number in range(rows)]
    told, good, bad = checked("\n".join([HEADER, *lines]) + "\n", staging, tmp_path)
    assert (told.accepted, told.rejected) == (good.height, bad.height) == (rows - rows // 1000, rows // 1000)
    assert good["line"].is_sorted()
    assert bad["line"].to_list() == list(range(2, rows + 2, 1000))
