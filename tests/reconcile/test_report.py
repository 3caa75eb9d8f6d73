"""What people see: a CSV that a spreadsheet cannot be tricked by, a page without documents, the command line."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from include.contract import load_contract
from include.ledger import Ledger, ReconciliationDifference, ReconciliationRow
from include.quality.data_docs import build, external_references
from include.reconcile.cli import main
from include.reconcile.kinds import KINDS, kinds_table
from include.reconcile.report import csv_of, page_of, safe, write_reports
from include.window import day_window, month_window

MONTHLY = load_contract("renault_sar_monthly")
MONTH = date(2026, 10, 1)
FORMULAS = (
    '=cmd|" /C calc"!A0',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    " =1",
)


def difference(**changes: object) -> ReconciliationDifference:
    values: dict[str, object] = {
        "kind": "CORRECTED_LINE",
        "explained": True,
        "document_type": "INVOICE",
        "document_number": "D1",
        "line_number": "1",
        "document_date": date(2026, 10, 5),
        "posted_on": date(2026, 10, 5),
        "net_here": Decimal("-12.50"),
        "net_there": None,
        "file_there": 7,
        "note": "changed since: quantity",
        **changes,
    }
    return ReconciliationDifference(**values)  # type: ignore[arg-type]


def compared(ledger: Ledger, dealer: str, *differences: ReconciliationDifference, held_for: str | None = None) -> None:
    """Record a comparison of a month's file of the dealer."""
    window = month_window(MONTH, "Europe/London")
    same: dict[str, Any] = {
        "window_start": window.start,
        "window_end": window.end,
        "zone": window.zone,
        "business_date": MONTH,
    }
    batch = ledger.open_batch(
        interface=MONTHLY.id, environment="live", run_id="test", contract_version=MONTHLY.version, **same
    )
    file = ledger.plan(
        interface=MONTHLY.id,
        partner=MONTHLY.partner,
        dealer=dealer,
        environment="live",
        contract_version=MONTHLY.version,
        batch_id=batch,
        **same,
    )
    ledger.record_reconciliation(
        file.id,
        batch_id=batch,
        against="merkle_sar_daily",
        rows_here=1200,
        total_here=Decimal("1234.50"),
        rows_there=1199,
        total_there=Decimal("1247.00"),
        held_for=held_for,
        differences=differences,
    )


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula(text: str) -> None:
    assert safe(text) == f"'{text}"
    one = difference(document_number=text, note=text, line_number=text, document_type=text)
    (line,) = read(csv_of([(row(), [one])]))
    for name in ("document_number", "note", "line_number", "document_type"):
        assert line[name].startswith("'")
        assert line[name][1:].replace("\r", "").strip() == text.replace("\r", "").strip()


def test_ordinary_text_and_amounts_stay_as_they_are() -> None:
    assert safe("D-1/2") == "D-1/2"
    (line,) = read(csv_of([(row(), [difference()])]))
    assert (line["net_in_month"], line["net_in_daily"], line["document_number"]) == ("-12.50", "", "D1")


def test_a_spreadsheet_is_told_the_encoding() -> None:
    content = csv_of([(row(), [difference(note="Pièce")])])
    assert content.startswith(b"\xef\xbb\xbf")
    assert read(content)[0]["note"] == "Pièce"


def test_a_page_shows_markup_as_text_and_loads_nothing() -> None:
    page = page_of(MONTHLY, MONTH, [row(dealer="<script>alert(1)</script>", held_for="a <b> & c")])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "a &lt;b&gt; &amp; c" in page
    assert external_references(page) == []


def test_page_and_csv_are_there_whole_and_the_index_leads_to_them(new_ledger_dsn: str, tmp_path: Path) -> None:
    with Ledger(new_ledger_dsn, actor="test") as ledger:
        compared(ledger, "82600001", difference())
        path = write_reports(MONTHLY, MONTH, ledger=ledger, reports_root=str(tmp_path))
        compared(ledger, "82600002", difference(kind="UNEXPLAINED", explained=False, note=""), held_for="why")
        write_reports(MONTHLY, MONTH, ledger=ledger, reports_root=str(tmp_path))
    assert [line["dealer"] for line in read(path.read_bytes())] == ["82600001", "82600002"]
    index = build(MONTHLY.id, str(tmp_path))
    build(MONTHLY.id, str(tmp_path))
    (link,) = re.findall(r'href="(reconciliation[^"]*)"', index.read_text(encoding="utf-8"))
    page = (index.parent / link).read_text(encoding="utf-8")
    for name in re.findall(r'href="([^"#]*\.(?:html|csv|css))"', page):
        assert (index.parent / name).resolve().is_file(), name
    assert "1,234.50" in page
    assert "D1" not in page
    assert sorted(each.name for each in path.parent.iterdir()) == ["2026-10.csv"]


def test_the_command_shows_each_dealer_and_each_line(
    new_ledger_dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DSN", new_ledger_dsn)
    with Ledger(new_ledger_dsn, actor="test") as ledger:
        compared(ledger, "82600001", difference(), held_for="not explained: why")
    assert main(["2026-10", "--differences"]) == 0
    shown = capsys.readouterr().out
    for text in (
        "82600001",
        "1,200",
        "1,199",
        "1,234.50",
        "1,247.00",
        "-12.50",
        "1 CORRECTED_LINE",
        "PLANNED",
        "why",
        "D1",
    ):
        assert text in shown
    assert main(["2026-10", "--json", "--differences"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [("kind" in line, line["dealer"]) for line in told] == [(False, "82600001"), (True, "82600001")]
    assert told[0]["kinds"] == {"CORRECTED_LINE": 1}
    assert told[1]["net_here"] == "-12.50"


def test_a_month_that_nobody_reconciled_says_how_to(
    new_ledger_dsn: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DSN", new_ledger_dsn)
    assert main(["2026-09"]) == 1
    assert '"month": "2026-09", "mode": "preview"' in capsys.readouterr().err


@pytest.mark.parametrize("month", ["2026-13", "2026-10-01", "October", ""])
def test_what_is_no_month_is_refused(month: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([month])
    assert "is no month; write it as 2026-10" in capsys.readouterr().err


def test_a_ledger_that_is_not_named_or_not_there_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEDGER_DSN", raising=False)
    assert main(["2026-10"]) == 2
    monkeypatch.setenv("LEDGER_DSN", "host=/nowhere dbname=ledger connect_timeout=2")
    assert main(["2026-10"]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_the_documented_kinds_are_those_there_are(repository: Path) -> None:
    assert kinds_table() in (repository / "docs" / "reconciliation.md").read_text(encoding="utf-8")
    assert all(re.fullmatch(r"[A-Z][A-Z_]*", name) for name in KINDS)


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def row(**changes: object) -> ReconciliationRow:
    window = day_window(MONTH, "Europe/London")
    values: dict[str, object] = {
        "id": 1,
        "file_id": 1,
        "batch_id": 1,
        "at": datetime(2026, 11, 3, tzinfo=UTC),
        "against": "merkle_sar_daily",
        "rows_here": 1,
        "total_here": Decimal("-12.50"),
        "rows_there": 0,
        "total_there": Decimal("0.00"),
        "held_for": None,
        "kinds": {"CORRECTED_LINE": 1},
        "unexplained": 0,
        "interface": MONTHLY.id,
        "dealer": "82600001",
        "environment": "live",
        "zone": "Europe/London",
        "window_start": window.start,
        "window_end": window.end + timedelta(days=30),
        "business_date": MONTH,
        "revision": 0,
        "state": "GATED",
        "file_name": "SAR_M_82600001_202610_000001.csv",
        "purged_at": None,
        **changes,
    }
    return ReconciliationRow(**values)  # type: ignore[arg-type]
