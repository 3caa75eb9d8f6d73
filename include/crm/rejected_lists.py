"""Lists of rejected rows for people who may not see what they say: where they stand and which rules they break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from include.crm.connection import transaction

PAGE_ROWS: Final = 50
_PAGE: Final = """
SELECT r.rejected_row_id, i.arrival_id, i.interface, i.dealer, r.line, r.reasons, r.state, i.applied_at
  FROM crm.rejected_row r JOIN crm.import i USING (import_id)
 WHERE r.state = %(state)s AND i.interface = ANY (%(interfaces)s)
   AND (%(dealer)s IS NULL OR i.dealer = %(dealer)s) AND (%(rule)s IS NULL OR %(rule)s = ANY (r.reasons))
   AND (%(before)s IS NULL OR r.rejected_row_id < %(before)s)
 ORDER BY r.rejected_row_id DESC LIMIT %(limit)s
"""
_COUNTS: Final = """
SELECT i.interface, i.dealer, rule, count(*)
  FROM crm.rejected_row r JOIN crm.import i USING (import_id), unnest(r.reasons) AS rule
 WHERE r.state = 'OPEN' AND i.interface = ANY (%s)
 GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT 200
"""
_DAYS: Final = """
SELECT i.day, count(*), count(*) FILTER (WHERE r.state = 'OPEN')
  FROM crm.rejected_row r JOIN crm.import i USING (import_id)
 WHERE i.interface = ANY (%(interfaces)s) AND i.day >= %(since)s
   AND (%(dealer)s IS NULL OR i.dealer = %(dealer)s) AND (%(rule)s IS NULL OR %(rule)s = ANY (r.reasons))
 GROUP BY i.day ORDER BY i.day
"""


@dataclass(frozen=True)
class RejectedPlace:
    """Where a rejected row stands: ``line`` of an arrival's file, and the ids of all rules that it breaks."""

    id: int
    arrival_id: int
    interface: str
    dealer: str
    line: int
    reasons: tuple[str, ...]
    state: str
    applied_at: datetime


@dataclass(frozen=True)
class RejectedCount:
    """How many open rows of a dealer break a rule; a row that breaks two counts in both."""

    interface: str
    dealer: str
    rule: str
    rows: int


@dataclass(frozen=True)
class RejectedDay:
    """How many rows of the files that came on ``day`` were rejected, and how many of them are still open."""

    day: date
    rows: int
    open: int


def rejected_places(
    dms_dsn: str,
    *,
    interfaces: Sequence[str],
    state: str = "OPEN",
    dealer: str | None = None,
    rule: str | None = None,
    before: int | None = None,
    limit: int = PAGE_ROWS,
) -> tuple[Sequence[RejectedPlace], int | None]:
    """
    Return the newest rejected rows, and the number before which the next page begins; None if this is the last.

    :raises CrmError: if the database cannot be read.
    """
    asked = {
        "interfaces": list(interfaces),
        "state": state,
        "dealer": dealer,
        "rule": rule,
        "before": before,
        "limit": limit + 1,
    }
    with transaction(dms_dsn, "list of rejected rows") as cur:
        cur.execute(_PAGE, asked)
        rows = [
            RejectedPlace(number, arrival, interface, whose, line, tuple(reasons), stands, at)
            for number, arrival, interface, whose, line, reasons, stands, at in cur.fetchall()
        ]
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def rejected_counts(dms_dsn: str, *, interfaces: Sequence[str]) -> Sequence[RejectedCount]:
    """
    Return how many open rows break which rule, the commonest first.

    :raises CrmError: if the database cannot be read.
    """
    with transaction(dms_dsn, "count of rejected rows") as cur:
        cur.execute(_COUNTS, (list(interfaces),))
        return [RejectedCount(*told) for told in cur.fetchall()]


def rejected_days(
    dms_dsn: str, *, interfaces: Sequence[str], since: date, dealer: str | None = None, rule: str | None = None
) -> Sequence[RejectedDay]:
    """
    Return the days from ``since`` on, of whose files rows were rejected, the oldest first.

    :raises CrmError: if the database cannot be read.
    """
    asked = {"interfaces": list(interfaces), "since": since, "dealer": dealer, "rule": rule}
    with transaction(dms_dsn, "count of rejected rows by day") as cur:
        cur.execute(_DAYS, asked)
        return [RejectedDay(*told) for told in cur.fetchall()]
