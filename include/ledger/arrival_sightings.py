"""What a listing shows, told to the ledger: a set difference against what is known, never a watermark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Final

from psycopg2.extras import RealDictCursor

from include.ledger import events
from include.ledger.arrival_records import FIRST_FACTS, ArrivalRecords, locked_arrival, locked_stream
from include.ledger.arrival_rows import ArrivalRow, InboundFeedRow, SeenEntry
from include.ledger.arrival_states import GONE
from include.ledger.errors import LedgerError
from include.ledger.preconditions import database_now, require_lease, require_no_lease
from include.ledger.rows import row_of

NEW_NAMES: Final = 5_000
COLUMNS: Final = ", ".join(f"arrival.{field.name}" for field in fields(ArrivalRow))

# A listing as a relation. A value that the partner does not say (NULL) equals itself.
LISTED: Final = """
    unnest(%(names)s::text[], %(sizes)s::bigint[], %(mtimes)s::timestamptz[])
        AS listed (remote_name, size, mtime)
"""
SAME: Final = """
    feed_id = %(feed_id)s AND arrival.remote_name = listed.remote_name
        AND arrival.size IS NOT DISTINCT FROM listed.size AND arrival.mtime IS NOT DISTINCT FROM listed.mtime
        AND arrival.state <> ALL (%(gone)s)
"""


class Sightings(ArrivalRecords):
    """Taking note of listings, and the leases of the arrivals found in them."""

    def seen(
        self,
        feed_id: int,
        entries: Sequence[SeenEntry],
        *,
        at: datetime,
        limit: int = NEW_NAMES,
        run_id: str | None = None,
    ) -> list[ArrivalRow]:
        """
        Compare one whole listing of the feed's files, made at ``at``, with what is known; return the rows listed.

        An entry equal in (name, size, mtime) to an arrival that is still at the partner is that arrival: its
        ``last_seen_at`` becomes ``at`` (once it is past SEEN, only if it would be off by an hour: most of a directory
        was settled long ago) and nothing else happens. Anything else is a new arrival, however old its mtime:
        SEEN, or REJECTED if it has a ``reject_code``. At most ``limit`` new ones are taken note of; the rest stays for
        the next call. An arrival that is SEEN and not listed any more becomes VANISHED, unless an attempt holds its
        lease. What was REMOVED or VANISHED is gone: its like, listed again, is a new arrival, whose content decides.

        A feed that is not LIVE (any more) is not looked at: nothing is noted and the list is empty.

        :raises LedgerError: if there is no such feed, an instant has no time zone, or an entry is listed twice.
        """
        listing = _listing(entries, at)
        with self.transaction() as cursor:
            feed = locked_stream(cursor, feed_id)
            if feed.state != "LIVE":
                return []
            given = {
                "feed_id": feed_id,
                "gone": list(GONE),
                "at": at,
                "names": [entry.remote_name for entry in listing],
                "sizes": [entry.size for entry in listing],
                "mtimes": [entry.mtime for entry in listing],
            }
            cursor.execute(
                f"""
                UPDATE ledger.arrival SET last_seen_at = greatest(last_seen_at, %(at)s), seen_count = seen_count + 1
                FROM {LISTED} WHERE {SAME}
                    AND (arrival.state = 'SEEN' OR arrival.last_seen_at < %(at)s - interval '1 hour')
                """,  # noqa: S608 -- two constants of this module
                given,
            )
            # Plain tuples: a directory may hold fifty thousand files that were settled long ago.
            with cursor.connection.cursor() as plain:
                plain.execute(f"SELECT {COLUMNS} FROM ledger.arrival, {LISTED} WHERE {SAME}", given)  # noqa: S608
                known = [ArrivalRow(*found) for found in plain.fetchall()]
            places = {(row.remote_name, row.size, row.mtime) for row in known}
            new = [entry for entry in listing if (entry.remote_name, entry.size, entry.mtime) not in places][:limit]
            self._vanish(cursor, feed_id, given, {entry.remote_name for entry in listing})
            known += self._insert(cursor, feed, new, at, run_id)
        return sorted(known, key=lambda row: (row.first_seen_at, row.id))

    def _insert(
        self, cursor: RealDictCursor, feed: InboundFeedRow, new: Sequence[SeenEntry], at: datetime, run_id: str | None
    ) -> list[ArrivalRow]:
        if not new:
            return []
        cursor.execute(
            """
            INSERT INTO ledger.arrival (feed_id, interface, dealer, directory, remote_name, size, mtime, first_seen_at,
                last_seen_at, state, reason, reject_code, settled_at, run_id)
            SELECT %(feed_id)s, %(interface)s, %(dealer)s, %(directory)s, listed.remote_name, listed.size, listed.mtime,
                %(at)s, %(at)s, CASE WHEN listed.reject_code IS NULL THEN 'SEEN' ELSE 'REJECTED' END, listed.reason,
                listed.reject_code, CASE WHEN listed.reject_code IS NOT NULL THEN clock_timestamp() END, %(run_id)s
            FROM unnest(%(names)s::text[], %(sizes)s::bigint[], %(mtimes)s::timestamptz[], %(codes)s::text[],
                %(reasons)s::text[]) WITH ORDINALITY
                AS listed (remote_name, size, mtime, reject_code, reason, place)
            ORDER BY listed.place RETURNING *
            """,
            {
                "feed_id": feed.id,
                "interface": feed.interface,
                "dealer": feed.dealer,
                "directory": feed.directory,
                "at": at,
                "run_id": run_id,
                "names": [entry.remote_name for entry in new],
                "sizes": [entry.size for entry in new],
                "mtimes": [entry.mtime for entry in new],
                "codes": [entry.reject_code for entry in new],
                "reasons": [entry.reason for entry in new],
            },
        )
        rows = [row_of(ArrivalRow, found) for found in cursor.fetchall()]
        events.append_all(
            cursor,
            actor=self.actor,
            facts=[
                {
                    "kind": row.state,
                    "to_state": row.state,
                    "reason": row.reason,
                    "detail": {
                        "arrival": row.id,
                        "columns": {name: getattr(row, name) for name in FIRST_FACTS},
                    },
                }
                for row in rows
            ],
        )
        return rows

    def _vanish(self, cursor: RealDictCursor, feed_id: int, given: dict[str, object], names: set[str]) -> None:
        """SEEN and not listed any more: gone, or another file by now. What an attempt is reading is left to it."""
        cursor.execute(
            f"""
            SELECT * FROM ledger.arrival
            WHERE feed_id = %(feed_id)s AND state = 'SEEN' AND last_seen_at <= %(at)s
                AND (lease_until IS NULL OR lease_until <= clock_timestamp())
                AND NOT EXISTS (SELECT FROM {LISTED} WHERE {SAME})
            ORDER BY id FOR UPDATE
            """,  # noqa: S608 -- two constants of this module
            given,
        )
        gone = [row_of(ArrivalRow, found) for found in cursor.fetchall()]
        if not gone:
            return
        reasons = {
            row.id: "it is listed with another size or time: it was still being written, or replaced"
            if row.remote_name in names
            else "it is not listed any more"
            for row in gone
        }
        self._end_unread(cursor, gone, reasons)

    def _end_unread(self, cursor: RealDictCursor, rows: Sequence[ArrivalRow], reasons: dict[int, str]) -> None:
        """SEEN → VANISHED for many rows at once; they are locked."""
        now = database_now(cursor)
        cursor.execute(
            """
            UPDATE ledger.arrival SET state = 'VANISHED', reason = why.reason, settled_at = %(now)s
            FROM unnest(%(ids)s::bigint[], %(reasons)s::text[]) AS why (id, reason) WHERE arrival.id = why.id
            """,
            {"now": now, "ids": list(reasons), "reasons": list(reasons.values())},
        )
        events.append_all(
            cursor,
            actor=self.actor,
            facts=[
                {
                    "kind": "VANISHED",
                    "from_state": row.state,
                    "to_state": "VANISHED",
                    "reason": reasons[row.id],
                    "detail": {"arrival": row.id, "columns": {"settled_at": now}},
                }
                for row in rows
            ],
        )

    def take_arrival_lease(self, arrival_id: int, *, seconds: float) -> int:
        """
        Take the arrival's lease for ``seconds`` and return its token, larger than every token before it.

        :raises LeaseHeldError: while somebody's lease has not expired; names holder and expiry.
        """
        _require_positive(seconds)
        with self.transaction() as cursor:
            row = locked_arrival(cursor, arrival_id)
            require_no_lease(cursor, row)
            cursor.execute(
                """
                UPDATE ledger.arrival SET lease_token = nextval('ledger.lease_token'), lease_holder = %(actor)s,
                    lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
                WHERE id = %(id)s RETURNING lease_token
                """,
                {"id": arrival_id, "actor": self.actor, "seconds": seconds},
            )
            taken = cursor.fetchone()
            assert taken is not None
            token = int(taken["lease_token"])
            detail = {"token": token, "seconds": seconds, "expired_holder": row.lease_holder}
            self._record_arrival(cursor, arrival_id, "LEASE", detail=detail)
            return token

    def renew_arrival_lease(self, arrival_id: int, token: int, *, seconds: float) -> None:
        """
        Let the lease end ``seconds`` from now.

        :raises LeaseLostError: if it has expired, was released, or a newer attempt holds it.
        """
        _require_positive(seconds)
        with self.transaction() as cursor:
            require_lease(cursor, locked_arrival(cursor, arrival_id), token)
            cursor.execute(
                "UPDATE ledger.arrival SET lease_until = clock_timestamp() + make_interval(secs => %s) WHERE id = %s",
                [seconds, arrival_id],
            )

    def assert_arrival_lease(self, arrival_id: int, token: int) -> None:
        """
        Return if ``token`` is the arrival's lease now.

        :raises LeaseLostError: if it has expired, was released, or a newer attempt holds it.
        """
        with self.transaction() as cursor:
            require_lease(cursor, locked_arrival(cursor, arrival_id), token)

    def release_arrival_lease(self, arrival_id: int, token: int) -> None:
        """Give the lease back; one that is lost already is left alone."""
        with self.transaction() as cursor:
            cursor.execute(
                "UPDATE ledger.arrival SET lease_holder = NULL, lease_until = NULL WHERE id = %s AND lease_token = %s",
                [arrival_id, token],
            )


def _listing(entries: Sequence[SeenEntry], at: datetime) -> list[SeenEntry]:
    """The entries as they may be stored; raises for what would break a row later and name nothing."""
    if at.tzinfo is None:
        raise LedgerError(f"seen(at={at}): the instant has no time zone; give an aware one")
    places: set[tuple[str, int | None, datetime | None]] = set()
    for entry in entries:
        if any(not character.isprintable() for character in entry.remote_name):
            raise LedgerError(
                f"seen(): the name {entry.remote_name!a} holds what cannot be printed; give its escaped label"
            )
        if entry.mtime is not None and entry.mtime.tzinfo is None:
            raise LedgerError(f"seen(): {entry.remote_name}: mtime {entry.mtime} has no time zone; give an aware one")
        if (entry.reject_code is None) != (entry.reason is None):
            raise LedgerError(f"seen(): {entry.remote_name}: reject_code and reason go together")
        place = (entry.remote_name, entry.size, entry.mtime)
        if place in places:
            raise LedgerError(f"seen(): {entry.remote_name} is listed twice alike; a listing has each entry once")
        places.add(place)
    return list(entries)


def _require_positive(seconds: float) -> None:
    if not seconds > 0:
        raise LedgerError(f"a lease of {seconds} s would have ended already; give seconds > 0")
