"""How arrivals and inbound feeds are locked, changed and recorded: one row, its event, one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg2 import sql
from psycopg2.extras import RealDictCursor

from include.ledger import events
from include.ledger.arrival_rows import ArrivalRow, InboundFeedRow
from include.ledger.errors import LedgerError
from include.ledger.rows import EventRow, row_of
from include.ledger.session import Session

FIRST_FACTS: Final = (
    "feed_id",
    "interface",
    "dealer",
    "directory",
    "remote_name",
    "size",
    "mtime",
    "first_seen_at",
    "reject_code",
    "settled_at",
    "run_id",
)
"""What the event of an arrival's first sighting says of its row."""


class ArrivalRecords(Session):
    """Reading arrivals and their events, and what every change of one is made of."""

    def arrival(self, arrival_id: int) -> ArrivalRow:
        """Return the arrival; :class:`LedgerError` if there is none."""
        with self.transaction() as cursor:
            cursor.execute("SELECT * FROM ledger.arrival WHERE id = %s", [arrival_id])
            found = cursor.fetchone()
            if found is None:
                raise no_such_arrival(arrival_id)
            return row_of(ArrivalRow, found)

    def arrival_events(self, arrival_id: int) -> list[EventRow]:
        """Return the events of one arrival, in the order in which they happened."""
        with self.transaction() as cursor:
            cursor.execute("SELECT * FROM ledger.event WHERE detail ->> 'arrival' = %s ORDER BY id", [str(arrival_id)])
            return [row_of(EventRow, found) for found in cursor.fetchall()]

    def arrival_was_noted(self, arrival_id: int, kind: str) -> bool:
        """Whether an event of ``kind`` was ever written about the arrival."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT 1 FROM ledger.event WHERE detail ->> 'arrival' = %s AND kind = %s LIMIT 1",
                [str(arrival_id), kind],
            )
            return cursor.fetchone() is not None

    def _set_arrival(self, cursor: RealDictCursor, arrival_id: int, columns: Mapping[str, Any]) -> ArrivalRow:
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in columns
        )
        cursor.execute(
            sql.SQL("UPDATE ledger.arrival SET {} WHERE id = {} RETURNING *").format(
                assignments, sql.Placeholder("id")
            ),
            {**columns, "id": arrival_id},
        )
        found = cursor.fetchone()
        assert found is not None
        return row_of(ArrivalRow, found)

    def _record_arrival(
        self,
        cursor: RealDictCursor,
        arrival_id: int,
        kind: str,
        *,
        from_state: str | None = None,
        to_state: str | None = None,
        reason: str | None = None,
        detail: Mapping[str, Any] | None = None,
        columns: Mapping[str, Any] | None = None,
    ) -> None:
        """Append the event; ``columns`` is what the row got, from which the verifier rebuilds the row."""
        taken = {"arrival", "feed", "columns"} & (detail or {}).keys()
        if taken:
            raise LedgerError(f"an arrival's event may not hold {', '.join(sorted(taken))}: the ledger writes those")
        events.append(
            cursor,
            actor=self.actor,
            kind=kind,
            file_id=None,
            from_state=from_state,
            to_state=to_state,
            reason=reason,
            detail={**(detail or {}), "arrival": arrival_id, **({"columns": columns} if columns else {})},
        )


def locked_arrival(cursor: RealDictCursor, arrival_id: int) -> ArrivalRow:
    """Lock the one arrival and return it."""
    cursor.execute("SELECT * FROM ledger.arrival WHERE id = %s FOR UPDATE", [arrival_id])
    found = cursor.fetchone()
    if found is None:
        raise no_such_arrival(arrival_id)
    return row_of(ArrivalRow, found)


def locked_stream(cursor: RealDictCursor, feed_id: int) -> InboundFeedRow:
    """
    Lock every feed, ended ones too, of the feed's interface and dealer, and return the one asked for.

    Whoever compares an arrival with the dealer's others holds this lock first: two copies of one content that land at
    the same moment would otherwise each be the original.
    """
    cursor.execute(
        """
        SELECT stream.id FROM ledger.inbound_feed AS asked
            JOIN ledger.inbound_feed AS stream USING (interface, dealer)
        WHERE asked.id = %s ORDER BY stream.id FOR NO KEY UPDATE OF stream
        """,
        [feed_id],
    )
    cursor.execute("SELECT * FROM ledger.inbound_feed WHERE id = %s", [feed_id])
    found = cursor.fetchone()
    if found is None:
        raise no_such_feed(feed_id)
    return row_of(InboundFeedRow, found)


def no_such_arrival(arrival_id: int) -> LedgerError:
    return LedgerError(f"the ledger has no arrival {arrival_id}; `python -m include.feeds arrivals` lists them")


def no_such_feed(feed_id: int) -> LedgerError:
    return LedgerError(f"the ledger has no inbound feed {feed_id}; `python -m include.feeds list --all` lists them")
