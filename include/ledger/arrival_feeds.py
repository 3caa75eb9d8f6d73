"""The inbound feeds: added once with their settings, then paused, resumed and terminated, each with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from psycopg2.extras import RealDictCursor

from include.ledger import events
from include.ledger.arrival_records import locked_stream, no_such_feed
from include.ledger.arrival_rows import ArrivalRow, InboundFeedRow
from include.ledger.arrival_sightings import Sightings
from include.ledger.arrival_states import UNDER_WAY
from include.ledger.errors import LedgerError, TransitionError
from include.ledger.preconditions import database_now
from include.ledger.rows import EventRow, read_rows, row_of

STANDING: Final = ("LIVE", "PAUSED")
# state → what may follow, and the event that says so
FEED_STEPS: Final[Mapping[str, Mapping[str, str]]] = {
    "LIVE": {"PAUSED": "FEED_PAUSED", "TERMINATED": "FEED_TERMINATED"},
    "PAUSED": {"LIVE": "FEED_RESUMED", "TERMINATED": "FEED_TERMINATED"},
    "TERMINATED": {},
}
# What is said of a day's file that did not come in time; the events are FEED_LATE and so on.
PUNCTUALITY: Final = ("LATE", "MISSING", "LATE_ARRIVED")


class InboundFeeds(Sightings):
    """Writing and reading feeds; what makes a setting sound is ``include/feeds``' to say."""

    def inbound_feed(self, feed_id: int) -> InboundFeedRow:
        """Return the feed; :class:`LedgerError` if there is none."""
        with self.transaction() as cursor:
            cursor.execute("SELECT * FROM ledger.inbound_feed WHERE id = %s", [feed_id])
            found = cursor.fetchone()
            if found is None:
                raise no_such_feed(feed_id)
            return row_of(InboundFeedRow, found)

    def inbound_feeds(
        self, *, interface: str | None = None, dealer: str | None = None, states: Iterable[str] = STANDING
    ) -> list[InboundFeedRow]:
        """Return the feeds in ``states`` that match everything given, by interface and dealer, the oldest first."""
        with self.transaction() as cursor:
            return read_rows(
                cursor,
                InboundFeedRow,
                """
                SELECT * FROM ledger.inbound_feed
                WHERE (%(interface)s IS NULL OR interface = %(interface)s)
                    AND (%(dealer)s IS NULL OR dealer = %(dealer)s) AND state = ANY (%(states)s)
                ORDER BY interface, dealer, id
                """,
                {"interface": interface, "dealer": dealer, "states": list(states)},
            )

    def add_inbound_feed(
        self, settings: Mapping[str, Any], *, refuse: Callable[[Sequence[InboundFeedRow]], None]
    ) -> InboundFeedRow:
        """
        Add a LIVE feed; ``settings`` are the columns interface to delete_from_server of :class:`InboundFeedRow`.

        ``refuse`` is called with the standing feeds of the same connection and directory, while nobody else can add
        one, and raises if the new one must not stand beside them.

        :raises LedgerError: if the dealer has a standing feed of the interface.
        """
        with self.transaction() as cursor:
            # Adding is rare; readers are not kept out, and two people who add at once see each other's.
            cursor.execute("LOCK TABLE ledger.inbound_feed IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(
                "SELECT * FROM ledger.inbound_feed WHERE state = ANY (%(standing)s) AND "
                "((interface = %(interface)s AND dealer = %(dealer)s) "
                "OR (conn_id = %(conn_id)s AND directory = %(directory)s)) ORDER BY id",
                {**settings, "standing": list(STANDING)},
            )
            standing = [row_of(InboundFeedRow, found) for found in cursor.fetchall()]
            for other in standing:
                if (other.interface, other.dealer) == (settings["interface"], settings["dealer"]):
                    raise LedgerError(
                        f"{other.label} is {other.state} already; a dealer has one feed for each interface. Next: to "
                        f"change its settings terminate it with a reason, then add the new one; to take it up again, "
                        "resume it"
                    )
            refuse(standing)
            cursor.execute(
                """
                INSERT INTO ledger.inbound_feed (interface, dealer, directory, pattern, conn_id, encoding, date_format,
                    delete_from_server, state, changed_at, changed_by, created_at)
                SELECT %(interface)s, %(dealer)s, %(directory)s, %(pattern)s, %(conn_id)s, %(encoding)s,
                    %(date_format)s, %(delete_from_server)s, 'LIVE', now, %(actor)s, now
                FROM clock_timestamp() AS now RETURNING *
                """,
                {**settings, "actor": self.actor},
            )
            row = _one(cursor)
            columns = {name: value for name, value in vars(row).items() if name not in ("id", "state", "reason")}
            self._record_feed(cursor, row, "FEED_ADDED", None, columns)
            return row

    def move_inbound_feed(self, feed_id: int, to: str, *, reason: str) -> InboundFeedRow:
        """
        Pause (PAUSED), resume (LIVE) or end (TERMINATED) a feed.

        Ending it makes what was only SEEN of it VANISHED: nobody will read it.

        :raises TransitionError: if the step is none, lacks its reason, or would end a feed of which an arrival is
            landed and not yet applied or decided.
        """
        with self.transaction() as cursor:
            feed = locked_stream(cursor, feed_id)
            if to not in FEED_STEPS[feed.state]:
                last = (
                    "nothing takes a terminated feed up again; add a new one"
                    if feed.state == "TERMINATED"
                    else f"from {feed.state} it can become {' or '.join(FEED_STEPS[feed.state])}"
                )
                raise TransitionError(f"{feed.label} is {feed.state} and cannot become {to}. Next: {last}")
            if not reason.strip():
                raise TransitionError(f"{feed.label}: {feed.state} → {to} needs a reason; say why in one sentence")
            if to == "TERMINATED":
                self._end_arrivals(cursor, feed)
            columns = {"changed_at": database_now(cursor), "changed_by": self.actor}
            cursor.execute(
                """
                UPDATE ledger.inbound_feed SET state = %(to)s, reason = %(reason)s, changed_at = %(changed_at)s,
                    changed_by = %(changed_by)s
                WHERE id = %(id)s RETURNING *
                """,
                {**columns, "to": to, "reason": reason, "id": feed_id},
            )
            row = _one(cursor)
            self._record_feed(cursor, row, FEED_STEPS[feed.state][to], feed.state, columns)
            return row

    def note_punctuality(self, feed_id: int, status: str, day: date) -> bool:
        """
        Write down once that the feed's file of ``day`` is LATE, MISSING, or came late (LATE_ARRIVED).

        Returns False if that was said of this day before, by whomever. No state changes by it.
        """
        if status not in PUNCTUALITY:
            raise LedgerError(f"punctuality {status!r} is none of {', '.join(PUNCTUALITY)}")
        kind, told = f"FEED_{status}", {"feed": feed_id, "day": day.isoformat()}
        with self.transaction() as cursor:
            locked_stream(cursor, feed_id)
            cursor.execute(
                "SELECT 1 FROM ledger.event WHERE kind = %s AND detail ->> 'feed' = %s AND detail ->> 'day' = %s",
                [kind, str(feed_id), told["day"]],
            )
            if cursor.fetchone() is not None:
                return False
            events.append(cursor, actor=self.actor, kind=kind, file_id=None, detail=told)
            return True

    def inbound_feed_events(self, feed_id: int) -> list[EventRow]:
        """Return the events of one feed, in the order in which they happened."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT * FROM ledger.event WHERE kind LIKE 'FEED_%%' AND detail ->> 'feed' = %s ORDER BY id",
                [str(feed_id)],
            )
            return [row_of(EventRow, found) for found in cursor.fetchall()]

    def _end_arrivals(self, cursor: RealDictCursor, feed: InboundFeedRow) -> None:
        cursor.execute(
            "SELECT * FROM ledger.arrival WHERE feed_id = %s AND state = ANY (%s) ORDER BY id FOR UPDATE",
            [feed.id, ["SEEN", *UNDER_WAY]],
        )
        rows = [row_of(ArrivalRow, found) for found in cursor.fetchall()]
        open_ones = [row for row in rows if row.state in UNDER_WAY]
        if open_ones:
            raise TransitionError(
                f"{feed.label} cannot be terminated: {open_ones[0].label} is {open_ones[0].state}"
                + (f", and {len(open_ones) - 1} more are under way" if len(open_ones) > 1 else "")
                + ". Next: let a run finish them, release or reject what is held, then terminate; pausing stops new "
                "files at once"
            )
        if rows:
            self._end_unread(cursor, rows, {row.id: "its feed was terminated before it was read" for row in rows})

    def _record_feed(
        self, cursor: RealDictCursor, row: InboundFeedRow, kind: str, before: str | None, columns: Mapping[str, Any]
    ) -> None:
        events.append(
            cursor,
            actor=self.actor,
            kind=kind,
            file_id=None,
            from_state=before,
            to_state=row.state,
            reason=row.reason,
            detail={"feed": row.id, "columns": columns},
        )


def _one(cursor: RealDictCursor) -> InboundFeedRow:
    found = cursor.fetchone()
    assert found is not None
    return row_of(InboundFeedRow, found)
