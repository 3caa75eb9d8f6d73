"""
The events behind a position, with the file or arrival that each is about, for readers that follow what happens.

Numbers of events have no gaps and are given out under a lock that is held until the commit, so an event that can be
seen has none before it that cannot: a reader that has come to number n has missed nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from include.ledger.arrival_rows import ArrivalRow
from include.ledger.errors import LedgerError
from include.ledger.rows import FileRow, row_of
from include.ledger.session import Session

BATCH_EVENTS: Final = 500

# What lies before a step is looked up by the two indexes of a subject's events; notes have no use for it.
_EVENTS: Final = """
WITH behind AS (
    SELECT id, at, actor, file_id, kind, from_state, to_state, reason, detail,
        CASE WHEN file_id IS NULL THEN detail ->> 'arrival' END AS arrival
    FROM ledger.event WHERE id > %(after)s ORDER BY id LIMIT %(limit)s
)
SELECT behind.*, step.at AS state_since, first.at AS begun_at, hand.actor AS run_actor, attempt.endpoint
FROM behind
LEFT JOIN LATERAL (
    (SELECT at FROM ledger.event WHERE event.file_id = behind.file_id AND event.id < behind.id
        AND event.to_state IS NOT NULL ORDER BY event.id DESC LIMIT 1)
    UNION ALL
    (SELECT at FROM ledger.event WHERE event.detail ->> 'arrival' = behind.arrival AND event.id < behind.id
        AND event.to_state IS NOT NULL ORDER BY event.id DESC LIMIT 1)
) AS step ON behind.to_state IS NOT NULL
LEFT JOIN LATERAL (
    (SELECT at FROM ledger.event WHERE event.file_id = behind.file_id ORDER BY event.id LIMIT 1)
    UNION ALL
    (SELECT at FROM ledger.event WHERE event.detail ->> 'arrival' = behind.arrival ORDER BY event.id LIMIT 1)
) AS first ON behind.to_state IS NOT NULL
LEFT JOIN LATERAL (
    (SELECT actor FROM ledger.event WHERE event.file_id = behind.file_id AND event.id <= behind.id
        AND starts_with(event.actor, 'airflow:') ORDER BY event.id DESC LIMIT 1)
    UNION ALL
    (SELECT actor FROM ledger.event WHERE event.detail ->> 'arrival' = behind.arrival AND event.id <= behind.id
        AND starts_with(event.actor, 'airflow:') ORDER BY event.id DESC LIMIT 1)
) AS hand ON behind.to_state IS NOT NULL
LEFT JOIN LATERAL (
    SELECT detail ->> 'endpoint' AS endpoint FROM ledger.event
    WHERE event.file_id = behind.file_id AND event.id < behind.id AND event.kind = 'ATTEMPT_STARTED'
    ORDER BY event.id DESC LIMIT 1
) AS attempt ON behind.to_state IS NOT NULL
ORDER BY behind.id
"""


@dataclass(frozen=True)
class Happening:
    """
    One event, with the row that it is about as that row is now (the event may be older).

    ``file`` and ``arrival`` are None for an event about neither, such as a batch or a feed. ``conn_id`` names the
    connection of an arrival's feed. For an event that changed a state also: ``state_since`` is when the state before
    it began (None for the first), ``begun_at`` the first event of the same file or arrival, ``run_actor`` the last task
    of a DAG run that worked on it up to then, ``endpoint`` where the last attempt to send went, as
    ``sftp://user@host:port``.
    """

    id: int
    at: datetime
    actor: str
    kind: str
    from_state: str | None
    to_state: str | None
    detail: Mapping[str, Any]
    file: FileRow | None
    arrival: ArrivalRow | None
    conn_id: str | None
    state_since: datetime | None
    begun_at: datetime | None
    run_actor: str | None
    endpoint: str | None

    @property
    def columns(self) -> Mapping[str, Any]:
        """What the row got by this event, instants and money as text."""
        found = self.detail.get("columns")
        return found if isinstance(found, Mapping) else {}


class Following(Session):
    """Reading on from a position, and keeping positions by name."""

    def events_after(self, position: int, *, limit: int = BATCH_EVENTS) -> list[Happening]:
        """Return the next events behind ``position``, at most ``limit``, in the order in which they happened."""
        with self.transaction() as cursor:
            cursor.execute(_EVENTS, {"after": position, "limit": limit})
            found = cursor.fetchall()
            cursor.execute(
                "SELECT * FROM ledger.file WHERE id = ANY (%s)",
                [sorted({row["file_id"] for row in found if row["file_id"] is not None})],
            )
            files = {row["id"]: row_of(FileRow, row) for row in cursor.fetchall()}
            cursor.execute(
                """
                SELECT arrival.*, inbound_feed.conn_id FROM ledger.arrival
                    JOIN ledger.inbound_feed ON inbound_feed.id = arrival.feed_id
                WHERE arrival.id = ANY (%s)
                """,
                [sorted({int(row["arrival"]) for row in found if row["arrival"] is not None})],
            )
            arrivals = {row["id"]: (row_of(ArrivalRow, row), row["conn_id"]) for row in cursor.fetchall()}
        told = []
        for row in found:
            arrival, conn_id = arrivals.get(int(row["arrival"] or 0), (None, None))
            about = {"file": files.get(row["file_id"]), "arrival": arrival, "conn_id": conn_id}
            told.append(row_of(Happening, {**row, **about}))
        return told

    def position(self, name: str) -> int | None:
        """Return the number of the last event that reader ``name`` is done with; None if it never began."""
        with self.transaction() as cursor:
            cursor.execute("SELECT event_id FROM ledger.reading_position WHERE name = %s", [name])
            found = cursor.fetchone()
            return None if found is None else int(found["event_id"])

    def begin_position(self, name: str, *, from_start: bool = False) -> int:
        """
        Return the position of reader ``name``; one that never began begins at the end of what has happened.

        :param from_start: a new reader begins before the first event instead.
        """
        with self.transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO ledger.reading_position (name, event_id)
                SELECT %(name)s, CASE WHEN %(from_start)s THEN 0 ELSE id END FROM ledger.chain_head
                ON CONFLICT (name) DO NOTHING
                """,
                {"name": name, "from_start": from_start},
            )
            cursor.execute("SELECT event_id FROM ledger.reading_position WHERE name = %s", [name])
            found = cursor.fetchone()
            if found is None:
                raise LedgerError("ledger.chain_head is empty: run `make verify`, then restore its row")
            return int(found["event_id"])

    def move_position(self, name: str, event_id: int) -> int:
        """
        Say that reader ``name`` is done with all events up to ``event_id``; return where it is then.

        A position never goes back: of two processes that read under one name the one ahead is believed.

        :raises LedgerError: if there is no such event yet.
        """
        with self.transaction() as cursor:
            cursor.execute("SELECT id FROM ledger.chain_head")
            head = cursor.fetchone()
            if head is None or event_id > head["id"]:
                raise LedgerError(
                    f"reader {name!r} cannot be done with event {event_id}: the last one is "
                    f"{head['id'] if head else 'none'}; read the position again, the database may have been restored"
                )
            cursor.execute(
                """
                INSERT INTO ledger.reading_position AS held (name, event_id) VALUES (%s, %s)
                ON CONFLICT (name) DO UPDATE SET event_id = greatest(held.event_id, EXCLUDED.event_id),
                    updated_at = clock_timestamp()
                RETURNING event_id
                """,
                [name, event_id],
            )
            found = cursor.fetchone()
            assert found is not None
            return int(found["event_id"])
