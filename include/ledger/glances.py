"""What a look at a whole morning needs of each file and no more: hundreds of dealers are told of at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from include.ledger.rows import read_rows
from include.ledger.session import Session
from include.window import Window

# A day of the same date begins at most 14 hours before or behind London's, wherever it is.
_PERIOD: Final = """
SELECT id, dealer, business_date, window_start, window_end, zone, revision, state, reason, published_at
FROM ledger.file
WHERE environment = 'live' AND interface = %(interface)s
    AND business_date BETWEEN %(first)s - %(back)s AND %(last)s
    AND window_start <= %(start)s + interval '14 hours' AND window_end >= %(end)s - interval '14 hours'
ORDER BY dealer, revision
"""
_SINCE: Final = """
SELECT id, feed_id, state, reason, first_seen_at, applied_at, settled_at FROM ledger.arrival
WHERE interface = %(interface)s AND first_seen_at >= %(since)s
ORDER BY first_seen_at, id
"""
_WAITING_FILES: Final = """
SELECT state, count(*) AS files FROM ledger.file
WHERE environment = 'live' AND interface = %(interface)s AND state = ANY (%(states)s) AND id <> ALL (%(besides)s)
GROUP BY state ORDER BY state
"""
_WAITING_ARRIVALS: Final = """
SELECT state, count(*) AS files FROM ledger.arrival
WHERE interface = %(interface)s AND state = ANY (%(states)s) AND id <> ALL (%(besides)s)
GROUP BY state ORDER BY state
"""
LOOK_BACK_DAYS: Final = 40
"""How long before a period's first day a file may begin that covers it: a span over an outage."""


@dataclass(frozen=True)
class PeriodFile:
    """A file that goes out, as far as it says how its dealer stands; see :class:`~include.ledger.FileRow`."""

    id: int
    dealer: str
    business_date: date
    window_start: datetime
    window_end: datetime
    zone: str
    revision: int
    state: str
    reason: str | None
    published_at: datetime | None

    @property
    def last_date(self) -> date:
        """The last day of the window by the dealer's clock."""
        return Window(self.window_start, self.window_end, self.zone).last_date


@dataclass(frozen=True)
class SeenFile:
    """A file that came in, as far as it says how its feed stands; see :class:`~include.ledger.ArrivalRow`."""

    id: int
    feed_id: int
    state: str
    reason: str | None
    first_seen_at: datetime
    applied_at: datetime | None
    settled_at: datetime | None


class Glances(Session):
    """The ledger read for many dealers at once."""

    def files_of_period(self, interface: str, window: Window) -> list[PeriodFile]:
        """
        Return the live files that cover all of ``window``, by dealer and revision.

        By dates: a dealer's own clock may begin the same month at another instant.
        """
        first, last = window.business_date, window.last_date
        told = {
            "interface": interface,
            "first": first,
            "last": last,
            "back": LOOK_BACK_DAYS,
            "start": window.start,
            "end": window.end,
        }
        with self.transaction() as cursor:
            near = read_rows(cursor, PeriodFile, _PERIOD, told)
        return [file for file in near if file.business_date <= first and file.last_date >= last]

    def seen_since(self, interface: str, since: datetime) -> list[SeenFile]:
        """Return the files that were first seen at ``since`` or later, the oldest first."""
        with self.transaction() as cursor:
            return read_rows(cursor, SeenFile, _SINCE, {"interface": interface, "since": since})

    def waiting_files(self, interface: str, states: Iterable[str], *, besides: Collection[int]) -> Mapping[str, int]:
        """Return how many live files stand in each of ``states``, those numbered ``besides`` left out."""
        return self._waiting(_WAITING_FILES, interface, states, besides)

    def waiting_arrivals(self, interface: str, states: Iterable[str], *, besides: Collection[int]) -> Mapping[str, int]:
        """:meth:`waiting_files` of files that came in."""
        return self._waiting(_WAITING_ARRIVALS, interface, states, besides)

    def _waiting(
        self, query: str, interface: str, states: Iterable[str], besides: Collection[int]
    ) -> Mapping[str, int]:
        told = {"interface": interface, "states": list(states), "besides": list(besides)}
        with self.transaction() as cursor:
            cursor.execute(query, told)
            return {found["state"]: found["files"] for found in cursor.fetchall()}
