"""A French company with one site, written by hand: each method plants one row and says its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from include.window import Window, day_window
from tests.dms.reading import Database

PARIS = "Europe/Paris"
DAY = date(2026, 6, 10)
NOON = datetime(2026, 6, 10, 10, tzinfo=UTC)
LONG_AGO = datetime(2025, 1, 7, 9, 30, tzinfo=UTC)
VIN = "VF3ABCDEFG1234567"
MOMENT = timedelta(microseconds=1)

Row = dict[str, Any]


def days_with_their_edges() -> list[tuple[date, int]]:
    """Days by Paris's clock and the hours they have: a plain one, and those on which the clocks change."""
    return [(DAY, 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)]


@dataclass(frozen=True)
class France:
    """Company 1 with sites 1 and 2; points of sale 1 (Peugeot, site 1) and 2 (Citroën, site 1)."""

    database: Database

    def plant(self, table: str, row: Row) -> int:
        """Insert into ``dms.<table>``; returns the value of its first column."""
        names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        statement = f"INSERT INTO dms.{table} AS t ({names}) VALUES ({marks}) RETURNING to_jsonb(t) ->> "
        key = self.database.value(
            "SELECT column_name FROM information_schema.columns "
            "WHERE (table_schema, table_name, ordinal_position) = ('dms', %s, 1)",
            (table,),
        )
        value: str = self.database.value(f"{statement}%s", [*row.values(), key])
        return int(value) if value.isdecimal() else 0

    def point(self, **told: Any) -> int:
        row = {"dealer_id": 1, "brand": "AP", "rrdi_code": "0123AP", "roles": ["REPAIRER"], "valid_from": LONG_AGO}
        return self.plant("point_of_sale", row | told)

    def another_companys_point(self) -> int:
        """A point of sale of company 2, which keeps its books in the same database."""
        company = self.plant("legal_entity", {"legal_entity_id": 2, "name": "Autre (sample)", "siren": "999000019"})
        site = {
            "dealer_id": 3, "legal_entity_id": company, "name": "Est", "trade_partner_dealer": False,
            "time_zone": PARIS, "active_from": LONG_AGO,
        }  # fmt: skip
        return self.point(dealer_id=self.plant("dealer", site))

    def customer(self, at: datetime = NOON, **told: Any) -> int:
        row = {
            "dealer_id": 1, "point_of_sale_id": 1, "given_name": "Zoé", "family_name": "Échantillon",
            "postal_code": "01234", "country_code": "FR", "email": "zoe@example.invalid", "created_at": at,
            "changed_at": at,
        }  # fmt: skip
        return self.plant("customer", row | told)

    def preference(self, customer: int, **told: Any) -> int:
        row = {
            "customer_id": customer, "party": "US", "channel": "EMAIL", "opted_in": True, "legal_basis": "CONSENT",
            "source": "counter", "captured_by": "sample", "captured_at": LONG_AGO,
        }  # fmt: skip
        return self.plant("contact_preference", row | told)

    def document(self, table: str, at: datetime = NOON, lines: int = 1, **told: Any) -> int:
        """Plant a document of one of the three kinds with lines numbered from one; keywords are columns of its head."""
        row = {
            "point_of_sale_id": 1, "document_type": "INVOICE", "document_number": "F1", "document_date": DAY,
            "posted_at": at, "total_net": 10, "total_vat": 2, "total_gross": 12,
        }  # fmt: skip
        own: dict[str, tuple[Row, Row]] = {
            "workshop_invoice": (
                {"payer_type": "CUSTOMER_PAY", "vin": VIN, "odometer": 45_000},
                {"line_type": "PART", "part_number": "98000001", "quantity": 1, "unit_price": 10},
            ),
            "counter_invoice": (
                {"cash_sale": False},
                {"part_number": "98000001", "quantity": 1, "unit_price": 10},
            ),
            "vehicle_sale": ({"sale_kind": "VN", "vin": VIN, "vat_scheme": "STANDARD"}, {"line_type": "VEHICLE"}),
        }
        head, line = own[table]
        number = self.plant(table, row | head | told)
        for position in range(1, lines + 1):
            amounts = {"line_number": position, "net_amount": 10, "vat_amount": 2}
            self.plant(f"{table}_line", {f"{table}_id": number} | amounts | line)
        return number

    def records(self, table: str, day: date = DAY, points: Sequence[int] = (1, 2)) -> list[dict[str, str]]:
        """Rows of one record kind, as the interface reads them."""
        return self.database.extract_records(table, day_window(day, PARIS), points)

    def points_of_sale(self, day: date = DAY) -> list[tuple[Any, ...]]:
        return self.database.points_of_sale(day_window(day, PARIS))


def edges(window: Window) -> tuple[datetime, datetime, datetime, datetime]:
    """Instants just before a window, its first, its last, and the first one after."""
    return window.start - MOMENT, window.start, window.end - MOMENT, window.end
