"""How much went or came each day, and how much of it was rejected: sums by day, for a look at the last weeks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from include.ledger.rows import row_of
from include.ledger.session import Session

# A revision that was replaced is counted by the one that replaced it.
_OUT: Final = """
SELECT business_date AS day, count(*) AS files,
       count(*) FILTER (WHERE state IN ('HELD', 'PROPOSED', 'UNKNOWN')) AS waiting,
       coalesce(sum(coalesce(rows, 0) + coalesce(rejected, 0) + coalesce(withheld, 0)), 0) AS rows,
       coalesce(sum(rejected), 0) AS rejected
  FROM ledger.file
 WHERE environment = 'live' AND interface = %(interface)s AND business_date >= %(since)s
   AND state NOT IN ('SUPERSEDED', 'CANCELLED') AND (%(dealer)s IS NULL OR dealer = %(dealer)s)
 GROUP BY business_date ORDER BY business_date
"""
_IN: Final = """
SELECT (first_seen_at AT TIME ZONE %(zone)s)::date AS day, count(*) AS files,
       count(*) FILTER (WHERE state IN ('HELD', 'REJECTED')) AS waiting,
       coalesce(sum(rows_read), 0) AS rows, coalesce(sum(rows_rejected), 0) AS rejected
  FROM ledger.arrival
 WHERE interface = %(interface)s AND first_seen_at >= (%(since)s::date)::timestamp AT TIME ZONE %(zone)s
   AND duplicate_of IS NULL AND (%(dealer)s IS NULL OR dealer = %(dealer)s)
 GROUP BY 1 ORDER BY 1
"""
_WORST_OUT: Final = """
SELECT dealer, count(*) AS files, sum(coalesce(rows, 0) + coalesce(rejected, 0) + coalesce(withheld, 0)) AS rows,
       sum(rejected) AS rejected
  FROM ledger.file
 WHERE environment = 'live' AND interface = %(interface)s AND business_date >= %(since)s
   AND state NOT IN ('SUPERSEDED', 'CANCELLED')
 GROUP BY dealer HAVING sum(rejected) > 0
 ORDER BY sum(rejected)::float / sum(coalesce(rows, 0) + coalesce(rejected, 0) + coalesce(withheld, 0)) DESC, dealer
 LIMIT %(most)s
"""
_WORST_IN: Final = """
SELECT dealer, count(*) AS files, sum(rows_read) AS rows, sum(rows_rejected) AS rejected
  FROM ledger.arrival
 WHERE interface = %(interface)s AND first_seen_at >= (%(since)s::date)::timestamp AT TIME ZONE %(zone)s
   AND duplicate_of IS NULL
 GROUP BY dealer HAVING sum(rows_rejected) > 0
 ORDER BY sum(rows_rejected)::float / sum(rows_read) DESC, dealer LIMIT %(most)s
"""
# By the dealer first: of one dealer there are few files, of a reading of each rule many rows.
_RULES: Final = """
SELECT f.business_date AS day, count(*) AS checked, count(*) FILTER (WHERE r.status = 'pass') AS passed
  FROM ledger.file f JOIN ledger.quality_result r ON r.file_id = f.id
 WHERE f.environment = 'live' AND f.interface = %(interface)s AND f.dealer = %(dealer)s
   AND f.business_date >= %(since)s AND f.state NOT IN ('SUPERSEDED', 'CANCELLED')
 GROUP BY f.business_date ORDER BY f.business_date
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


@dataclass(frozen=True)
class RulesTrend:
    """Of one dealer's files of a day, how many readings of rules there were and how many of them passed."""

    day: date
    checked: int
    passed: int

    @property
    def passed_percent(self) -> float:
        return self.passed * 100 / self.checked if self.checked else 0.0


@dataclass(frozen=True)
class DealerTrend:
    """One dealer's files over all days asked for; see :class:`DayTrend`."""

    dealer: str
    files: int
    rows: int
    rejected: int

    @property
    def rejected_percent(self) -> float:
        return self.rejected * 100 / self.rows if self.rows else 0.0


class Trends(Session):
    """Sums of days and of dealers."""

    def trend_out(self, interface: str, *, since: date, dealer: str | None = None) -> list[DayTrend]:
        """Return the business days from ``since`` on that have a live file, the oldest first."""
        return self._days(_OUT, {"interface": interface, "since": since, "dealer": dealer})

    def trend_in(self, interface: str, *, since: date, zone: str, dealer: str | None = None) -> list[DayTrend]:
        """Return the days by the clock of ``zone`` from ``since`` on, on which a file was first seen, oldest first."""
        return self._days(_IN, {"interface": interface, "since": since, "zone": zone, "dealer": dealer})

    def rules_of_dealer(self, interface: str, dealer: str, *, since: date) -> list[RulesTrend]:
        """Return the business days of a dealer's live files of which readings of rules are known, the oldest first."""
        with self.transaction() as cursor:
            cursor.execute(_RULES, {"interface": interface, "since": since, "dealer": dealer})
            return [row_of(RulesTrend, found) for found in cursor.fetchall()]

    def worst_dealers(
        self, interface: str, *, since: date, zone: str | None = None, most: int = 10
    ) -> list[DealerTrend]:
        """
        Return the dealers of whose rows the largest share was rejected, the worst first; none of whom nothing was.

        :param zone: of files that come in, the clock by which ``since`` begins; of files that go out None.
        """
        told = {"interface": interface, "since": since, "zone": zone, "most": most}
        with self.transaction() as cursor:
            cursor.execute(_WORST_OUT if zone is None else _WORST_IN, told)
            return [
                DealerTrend(row["dealer"], row["files"], int(row["rows"]), int(row["rejected"]))
                for row in cursor.fetchall()
            ]

    def _days(self, query: str, told: dict[str, object]) -> list[DayTrend]:
        with self.transaction() as cursor:
            cursor.execute(query, told)
            return [
                DayTrend(row["day"], row["files"], row["waiting"], int(row["rows"]), int(row["rejected"]))
                for row in cursor.fetchall()
            ]
