"""Documents as the manufacturer writes them, and files that go wrong as a whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from local.sample.warranty.book import Document, Line
from local.sample.warranty.money import Money

ENCODING: Final = "cp1252"
DATE_FORMAT: Final = "%d/%m/%Y"
HEADER: Final = (
    "Record", "CreditNote", "PaymentDate", "Currency", "Lines", "Line", "Dealer", "RetailDealer", "Claim", "WorkOrder",
    "VIN", "RepairDate", "Labour", "Parts", "SubContract", "Handling", "VAT", "Reason",
)  # fmt: skip


def stamp(day: date, minute: int = 0) -> int:
    """Seconds since 1970 at which a file of ``day`` was written: in the small hours of the day after."""
    return int((datetime.combine(day, time(5), UTC) + timedelta(days=1, minutes=minute)).timestamp())


def name(day: date, number: int) -> str:
    return f"GAREXP_{day:%Y%m%d}_{number:04}.csv"


def content(
    document: Document, *, too_much: Money | None = None, headers: int = 1, spoilt_line: int | None = None
) -> bytes:
    """
    The document as a file.

    :param too_much: what its header says more than its lines.
    :param headers: how often the header stands there.
    :param spoilt_line: the line whose labour is no number.
    """
    whole = [document.number, document.day.strftime(DATE_FORMAT), document.currency]
    sums = document.sums if too_much is None else document.sums + too_much
    header = ["H", *whole, str(len(document.lines)), *[""] * 7, *sums.texts().values(), ""]
    lines = [
        ["D", *whole, "", str(number), *_line(line, spoilt=number == spoilt_line)]
        for number, line in enumerate(document.lines, 1)
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([HEADER, *[header] * headers, *lines])
    return text.getvalue().encode(ENCODING)


def _line(line: Line, *, spoilt: bool) -> Sequence[str]:
    labour, *rest = line.money.texts().values()
    return [
        line.main,
        line.code,
        line.number,
        line.work_order,
        line.vin,
        "" if line.repair_date is None else line.repair_date.strftime(DATE_FORMAT),
        "1.234,56" if spoilt else labour,
        *rest,
        line.reject,
    ]
