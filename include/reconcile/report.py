"""What people read of a month's reconciliation: the CSV with every line, and the page with counts. From the ledger."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence
from datetime import date
from html import escape
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.quality.data_docs import HEAD, reconciliation_page
from include.quality.reports import put
from include.reconcile.kinds import KINDS

if TYPE_CHECKING:
    from include.contract import Contract
    from include.ledger import Ledger, ReconciliationDifference, ReconciliationRow

# A spreadsheet takes a cell that begins so as a formula, the full-width forms included (OWASP, CSV injection).
FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
COLUMNS: Final = (
    "month",
    "dealer",
    "environment",
    "file",
    "kind",
    "explained",
    "document_type",
    "document_number",
    "line_number",
    "document_date",
    "posted_on",
    "net_in_month",
    "net_in_daily",
    "daily_file",
    "note",
)


def write_reports(contract: Contract, month: date, *, ledger: Ledger, reports_root: str) -> Path:
    """
    Write CSV and page of the month that begins on ``month``, from the newest comparison of each dealer.

    A reader finds the old files or the new ones whole. Returns the CSV's path.

    :raises OSError: if the folder cannot be written.
    """
    rows = ledger.reconciliations(interface=contract.id, business_date=month)
    folder = Path(reports_root) / contract.id
    table = folder / "reconciliation" / f"{month:%Y-%m}.csv"
    put(table, csv_of([(row, ledger.reconciliation_differences(row.id)) for row in rows]))
    put(folder / "site" / reconciliation_page(month), page_of(contract, month, rows).encode())
    return table


def csv_of(found: Sequence[tuple[ReconciliationRow, Sequence[ReconciliationDifference]]]) -> bytes:
    """
    Return every difference as a line of CSV that a spreadsheet opens as it is meant.

    With a byte-order mark: without one Excel reads a CSV in the machine's own code page, and nothing else that people
    open it with minds. Text that would be a formula begins with an apostrophe; amounts are numbers, the sign included.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row, differences in found:
        for one in differences:
            writer.writerow(
                [
                    f"{row.business_date:%Y-%m}",
                    safe(row.dealer),
                    safe(row.environment),
                    safe(row.file_name or ""),
                    one.kind,
                    "yes" if one.explained else "no",
                    safe(one.document_type),
                    safe(one.document_number),
                    safe(one.line_number),
                    one.document_date or "",
                    one.posted_on or "",
                    "" if one.net_here is None else one.net_here,
                    "" if one.net_there is None else one.net_there,
                    "" if one.file_there is None else one.file_there,
                    safe(one.note),
                ]
            )
    return text.getvalue().encode("utf-8-sig")


def safe(text: str) -> str:
    """Return ``text`` as a cell that no spreadsheet takes for a formula."""
    # A blank or a mark that nobody sees is no protection: some programs take it off before they look.
    seen = "".join(dropwhile(lambda letter: unicodedata.category(letter) in ("Zs", "Cf"), text))
    return f"'{text}" if seen.startswith(FORMULA) else text


def page_of(contract: Contract, month: date, rows: Sequence[ReconciliationRow]) -> str:
    """Return the page of a month: totals and counts by dealer and kind; no document, nothing loaded from elsewhere."""
    against = ", ".join(sorted({row.against for row in rows}))
    title = f"{contract.id}: {month:%Y-%m} against {against or contract.reconciled_with}"
    kinds = [name for name in KINDS if any(row.kinds.get(name) for row in rows)]
    kinds += sorted({name for row in rows for name in row.kinds} - set(KINDS))
    heads = ("Dealer", "Environment", "Rows", "Rows in daily files", "Total", "Total of daily files", "Difference")
    # May be broken at each underscore, so that the last column is seen without scrolling.
    head = "".join(f"<th>{escape(name).replace('_', '_<wbr>')}</th>" for name in (*heads, *kinds, "File"))
    body = "".join(f"<tr>{_line(row, kinds)}</tr>" for row in rows)
    known = "".join(
        f"<tr><td>{escape(name)}</td><td>{_holds(KINDS[name].explained)}</td><td>{escape(KINDS[name].meaning)}</td></tr>"
        for name in kinds
        if name in KINDS
    )
    legend = (
        '<h2 class="h5">What the kinds mean</h2><table class="table table-sm"><thead><tr><th>Kind</th><th></th>'
        f"<th>A line that is</th></tr></thead><tbody>{known}</tbody></table>"
        if known
        else "<p>No difference.</p>"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><title>{escape(title)}</title>\n{HEAD}</head><body>'
        f'<header class="delivery"><p><a href="index.html">All readings</a> · '
        f'<a href="../reconciliation/{month:%Y-%m}.csv">Every line, as CSV</a></p><h1>{escape(title)}</h1>'
        f'<table class="table table-sm"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{legend}'
        "</header></body></html>\n"
    )


def _line(row: ReconciliationRow, kinds: Sequence[str]) -> str:
    def number(value: Any) -> str:
        return f'<td class="number">{value}</td>'

    fate = (
        f'<span class="held">{escape(row.held_for)}</span>' if row.held_for else '<span class="passed">explained</span>'
    )
    cells = [
        f"<td>{escape(row.dealer)}</td>",
        f"<td>{escape(row.environment)}</td>",
        *(number(f"{value:,}") for value in (row.rows_here, row.rows_there)),
        *(number(f"{value:,.2f}") for value in (row.total_here, row.total_there, row.difference)),
        *(number(row.kinds.get(kind) or "") for kind in kinds),
        f"<td>{escape(row.state)}, {fate}</td>",
    ]
    return "".join(cells)


def _holds(explained: bool) -> str:
    return '<span class="passed">explains</span>' if explained else '<span class="held">holds</span>'
