"""Reading a DMS as the interface does, and by plain SQL."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg2.extensions

from include.window import Window, day_window, month_window

SQL_DIR = Path(__file__).resolve().parents[2] / "include" / "sql"
ZONE = "Europe/London"
# A Wednesday, on which the documents that a test writes are dated and posted unless it says otherwise.
DAY = date(2026, 6, 10)
NOON = datetime(2026, 6, 10, 11, tzinfo=UTC)
Sell = Callable[..., int]
# posted_at as a file has it, in the SQL of a test's own.
ISO_UTC = "replace((posted_at AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z'"
COLUMNS = (
    "invoice_line_id", "dealer_id", "account_class", "registered_trade_partner_id", "sharing_objection",
    "dealer_code", "trade_partner_id", "trade_account_number", "document_type", "document_number",
    "document_date", "posted_at", "original_document_number", "line_number", "part_number",
    "part_family_code", "quantity", "unit_price", "discount_percent", "discount_amount",
    "net_amount", "vat_amount", "currency", "sale_channel", "order_source",
)  # fmt: skip


@dataclass(frozen=True)
class Database:
    connection: psycopg2.extensions.connection

    def rows(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, parameters: Any = None) -> Any:
        [[value]] = self.rows(statement, parameters)
        return value

    def extract(self, start: datetime, end: datetime, dealers: Sequence[int]) -> list[dict[str, str]]:
        """The extraction, wrapped in COPY as the interface wraps it; every value as the text that COPY writes."""
        binds = {"window_start": start, "window_end": end, "dealer_ids": list(dealers)}
        return self._copy("merkle_sar_daily.sql", binds)

    def extract_month(self, day: date, dealers: Sequence[int]) -> list[dict[str, str]]:
        """The same of the month that ``day`` lies in, by the date on the documents."""
        return self._copy("renault_sar_monthly.sql", {**_month(day), "dealer_ids": list(dealers)})

    def extract_records(self, table: str, window: Window, points: Sequence[int]) -> list[dict[str, str]]:
        """One record kind of the DDC feed for some points of sale."""
        binds = {"window_start": window.start, "window_end": window.end, "dealer_ids": list(points)}
        return self._copy(f"fcs_ddc_daily/{table}.sql", binds)

    def points_of_sale(self, window: Window) -> list[tuple[Any, ...]]:
        statement = (SQL_DIR / "fcs_points_of_sale.sql").read_text(encoding="utf-8")
        return self.rows(statement, {"business_date": window.business_date, "last_date": window.last_date})

    def _copy(self, name: str, binds: Mapping[str, Any]) -> list[dict[str, str]]:
        with self.connection.cursor() as cursor:
            bound = cursor.mogrify((SQL_DIR / name).read_text(encoding="utf-8"), binds).decode()
            text = io.StringIO()
            cursor.copy_expert(f"COPY ({bound}) TO STDOUT (FORMAT csv, HEADER)", text)
        return list(csv.DictReader(io.StringIO(text.getvalue())))

    def extract_day(self, day: date, dealers: Sequence[int] | None = None) -> list[dict[str, str]]:
        window = day_window(day, ZONE)
        return self.extract(window.start, window.end, dealers or [row[0] for row in self.dealers(day)])

    def dealers(self, day: date) -> list[tuple[Any, ...]]:
        window = day_window(day, ZONE)
        statement = (SQL_DIR / "trade_partner_dealers.sql").read_text(encoding="utf-8")
        return self.rows(statement, {"window_start": window.start, "window_end": window.end})

    def renault_dealers(self, day: date) -> dict[str, str | None]:
        """Names of the dealers of the month that ``day`` lies in, and what is in each one's way."""
        statement = (SQL_DIR / "renault_dealers.sql").read_text(encoding="utf-8")
        return {row[2]: row[4] for row in self.rows(statement, _month(day))}


def _month(day: date) -> dict[str, date]:
    # The zone does not matter: the binds are days.
    window = month_window(day, ZONE)
    return {"business_date": window.business_date, "last_date": window.last_date}


def ids(rows: list[dict[str, str]]) -> list[int]:
    """Keys of the rows, in their order."""
    return [int(row["invoice_line_id"]) for row in rows]
