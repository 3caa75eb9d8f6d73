"""Feeds and listings for the tests of arrivals: real rows in a real ledger."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from include.feeds import Feed, add_feed
from include.ledger import ArrivalRow, Ledger, SeenEntry

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_NUMBERS = count(1)


def a_feed(ledger: Ledger, **changes: Any) -> Feed:
    """A feed of a dealer that no other test has."""
    dealer = f"dealer_{next(_NUMBERS)}"
    settings: dict[str, Any] = {
        "interface": "proresponse_sales",
        "dealer": dealer,
        "directory": f"{dealer}/out",
        "conn_id": "proresponse_sftp",
        **changes,
    }
    return add_feed(ledger, **settings)


def entry(name: str = "a_SL.csv", size: int | None = 10, minutes: int | None = 0) -> SeenEntry:
    """An entry whose mtime is so many minutes after ``NOW``; None: the server says none."""
    return SeenEntry(name, size, None if minutes is None else NOW + timedelta(minutes=minutes))


def look(ledger: Ledger, feed: Feed, *entries: SeenEntry, after: int = 0, **more: Any) -> list[ArrivalRow]:
    """Tell the ledger a listing made so many minutes after ``NOW``."""
    return ledger.seen(feed.id, entries, at=NOW + timedelta(minutes=after), **more)


def arrive(ledger: Ledger, feed: Feed, content: str, name: str = "a_SL.csv", minutes: int = 0) -> ArrivalRow:
    """See and land one file of that content."""
    (row,) = [row for row in look(ledger, feed, entry(name, 10, minutes), after=minutes) if row.state == "SEEN"]
    return ledger.land(row.id, sha256=digest(content), size=10)


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


COUNTS: dict[str, Any] = {"rows_read": 3, "rows_accepted": 2, "rows_rejected": 1}


def bring(ledger: Ledger, row: ArrivalRow, to: str) -> ArrivalRow:
    """Take a LANDED arrival along the normal path to ``to``."""
    path = ("CHECKED", "APPLIED", "REMOVED")
    for state in path[: path.index(to) + 1]:
        row = ledger.move_arrival(row.id, state, **(COUNTS if state == "CHECKED" else {}))
    return row
