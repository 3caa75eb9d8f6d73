"""How much went or came each day, and how much of it was rejected: sums by day, for a look at the last weeks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from include.ledger.session import Session

# A revision that was replaced is counted by the one that replaced it.
_OUT: Final = """
SELECT business_date AS day, count(*) AS files,
       count(*) FILTER (WHERE state IN ('HELD', 'PROPOSED', 'UNKNOWN')) AS waiting,
       coalesce(sum(coalesce(rows, 0) + coalesce(rejected, 0) + coalesce(withheld, 0)), 0) AS rows,
       coalesce(sum(rejected), 0) AS rejected
  FROM ledger.file
 WHERE environment = 'live' AND interface = %(interface)s AND business_date >= %(since)s
   AND state NOT IN ('SUPERSEDED', 'CANCELLED')
 GROUP BY business_date ORDER BY business_date
"""
_IN: Final = """
SELECT (first_seen_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS files,
       count(*) FILTER (WHERE state IN ('HELD', 'REJECTED')) AS waiting,
       coalesce(sum(rows_read), 0) AS rows, coalesce(sum(rows_rejected), 0) AS rejected
  FROM ledger.arrival
 WHERE interface = %(interface)s AND first_seen_at >= (%(since)s::date)::timestamp AT TIME ZONE %(zone)s
   AND duplicate_of IS NULL
 GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class DayTrend:
    """
    One interface's day. ``rows`` are those that were read, ``rejected`` those of them that were kept back.

    ``waiting`` are files that wait for a person, or of which nothing could be read.
    """

    day: date
    files: int
    waiting: int
    rows: int
    rejected: int

    @property
    def rejected_percent(self) -> float:
        return self.rejected * 100 / self.rows if self.rows else 0.0


class Trends(Session):
    """Sums of days."""

    def trend_out(self, interface: str, *, since: date) -> list[DayTrend]:
        """Return the business days from ``since`` on that have a live file, the oldest first."""
        return self._days(_OUT, {"interface": interface, "since": since})

    def trend_in(self, interface: str, *, since: date, zone: str) -> list[DayTrend]:
        """Return the days by the clock of ``zone`` from ``since`` on, on which a file was first seen, oldest first."""
        return self._days(_IN, {"interface": interface, "since": since, "zone": zone})

    def _days(self, query: str, told: dict[str, object]) -> list[DayTrend]:
        with self.transaction() as cursor:
            cursor.execute(query, told)
            return [
                DayTrend(row["day"], row["files"], row["waiting"], int(row["rows"]), int(row["rejected"]))
                for row in cursor.fetchall()
            ]
