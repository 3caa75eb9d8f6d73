"""Every arrival and every inbound feed against what the events say it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from psycopg2.extras import RealDictCursor

from include.ledger.events import canonical

# What an event is about → the table that holds it.
TABLES: Final = {"arrival": "ledger.arrival", "feed": "ledger.inbound_feed"}
Told = dict[tuple[str, int], dict[str, Any]]


def tell(told: Told, event: dict[str, Any], detail: dict[str, Any]) -> None:
    """Add to what the events tell about arrivals and feeds what this one does; ``detail`` is its own, as read."""
    for kind in TABLES:
        if kind not in detail or not isinstance(detail[kind], int) or event["file_id"] is not None:
            continue
        if kind == "feed" and not event["kind"].startswith("FEED_"):
            continue
        columns = told.setdefault((kind, detail[kind]), {})
        columns.update(detail.get("columns", {}))
        if event["to_state"] is not None:
            columns["state"] = event["to_state"]
            columns["reason"] = event["reason"]


def drifts(cursor: RealDictCursor, told: Told) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """What differs: ``arrival`` or ``feed``, the row's id, the names of the columns."""
    for kind, table in TABLES.items():
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608 -- a constant of this module
        for row in cursor:
            columns = told.pop((kind, row["id"]), None)
            if columns is None:
                yield kind, row["id"], ("the whole row has no event, so its columns",)
                continue
            differing = sorted(name for name, value in columns.items() if canonical(row[name]) != canonical(value))
            if differing:
                yield kind, row["id"], tuple(differing)
    for kind, row_id in sorted(told):
        yield kind, row_id, ("the row is gone, so all columns",)
