"""What `make bench` delivers: per form of file an interface, a DMS full of good rows, and the query of its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg2

from include.contract import load_contract
from include.outbound.dealers import SQL_DIR
from include.window import day_window

DAY = date(2026, 11, 10)


@dataclass(frozen=True)
class Delivery:
    """
    One interface whose delivery is measured.

    :param query: the SQL file of the rows that are nearly all of the file; the limit copies and sends these.
    :param dealers: SQL that gives the ids of those who send.
    :param sample: options of the sample beside its number of lines.
    :param bars: per number of lines, the ratio to the limit and the peak memory (MB) that the design asks for.
    """

    name: str
    database: str
    contract: str
    query: str
    dealers: str
    sample: Mapping[str, Any]
    bars: Mapping[int, tuple[float | None, float | None]]

    def bound_query(self, dms_dsn: str) -> bytes:
        """The query with its window and dealers in it, as COPY takes it."""
        window = day_window(DAY, load_contract(self.contract).zone)
        with psycopg2.connect(dms_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(self.dealers)
            (ids,) = cursor.fetchone() or ([],)
            return cursor.mogrify(
                (SQL_DIR / self.query).read_text().strip().rstrip(";"),
                {
                    "window_start": window.start,
                    "window_end": window.end,
                    "business_date": window.business_date,
                    "last_date": window.last_date,
                    "dealer_ids": ids,
                },
            )


DELIVERIES = {
    "csv": Delivery(
        name="outbound CSV",
        database="dms",
        contract="merkle_sar_daily",
        query="merkle_sar_daily.sql",
        dealers="SELECT array_agg(dealer_id) FROM dms.v_dealers WHERE trade_partner_dealer",
        sample={"trade_only": True},
        bars={1_000_000: (2.0, 600.0), 5_000_000: (1.5, None)},
    ),
    "xml": Delivery(
        name="outbound XML",
        database="dms_french",
        contract="fcs_ddc_daily",
        query="fcs_ddc_daily/workshop_invoice.sql",
        dealers="SELECT array_agg(point_of_sale_id) FROM dms.v_points_of_sale",
        sample={"workshop_only": True},
        # The design names no bar for XML; the one of CSV stands beside it all the same.
        bars={1_000_000: (2.0, 600.0)},
    ),
}
