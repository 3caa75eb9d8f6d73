"""Batches (one extraction over one window) and feeds (whether a dealer's interface runs at all)."""

from __future__ import annotations

from datetime import date, datetime

from include.ledger import events
from include.ledger.errors import LedgerError
from include.ledger.preconditions import require_window
from include.ledger.rows import BatchRow, FeedRow, row_of
from include.ledger.session import Session


class Batches(Session):
    """Opening and closing batches; reading and switching feeds."""

    def open_batch(
        self,
        *,
        interface: str,
        environment: str,
        window_start: datetime,
        window_end: datetime,
        zone: str,
        business_date: date,
        run_id: str,
        contract_version: str,
    ) -> int:
        """
        Begin an extraction and return its id.

        Not idempotent, on purpose: a second extraction of the same run reads another snapshot, so it is another batch.
        """
        require_window(interface, environment, window_start, window_end, zone=zone, business_date=business_date)
        with self.transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO ledger.batch (interface, environment, window_start, window_end, zone, business_date,
                    run_id, contract_version, opened_by)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
                """,
                [
                    interface,
                    environment,
                    window_start,
                    window_end,
                    zone,
                    business_date,
                    run_id,
                    contract_version,
                    self.actor,
                ],
            )
            found = cursor.fetchone()
            assert found is not None
            batch_id = int(found["id"])
            events.append(
                cursor,
                actor=self.actor,
                kind="BATCH_OPENED",
                file_id=None,
                detail={
                    "batch_id": batch_id,
                    "interface": interface,
                    "environment": environment,
                    "window_start": window_start,
                    "window_end": window_end,
                    "zone": zone,
                    "run_id": run_id,
                    "contract_version": contract_version,
                },
            )
            return batch_id

    def close_batch(self, batch_id: int, *, rows_read: int, snapshot: str) -> None:
        """
        Note that the extraction is complete: rows read, and where its rows lie for the next steps.

        Closing again with the same facts does nothing.

        :raises LedgerError: if there is no such batch, or it was closed with other facts.
        """
        with self.transaction() as cursor:
            cursor.execute("SELECT * FROM ledger.batch WHERE id = %s FOR UPDATE", [batch_id])
            found = cursor.fetchone()
            if found is None:
                raise LedgerError(f"the ledger has no batch {batch_id}; open one with open_batch before it is closed")
            batch = row_of(BatchRow, found)
            if batch.closed_at is not None:
                if (batch.rows_read, batch.snapshot) == (rows_read, snapshot):
                    return
                raise LedgerError(
                    f"batch {batch_id} ({batch.interface}, {batch.business_date}) was closed with {batch.rows_read} "
                    f"rows, and now has {rows_read}: a second extraction is a second batch, open one for it"
                )
            cursor.execute(
                "UPDATE ledger.batch SET closed_at = clock_timestamp(), rows_read = %s, snapshot = %s WHERE id = %s",
                [rows_read, snapshot, batch_id],
            )
            events.append(
                cursor,
                actor=self.actor,
                kind="BATCH_CLOSED",
                file_id=None,
                detail={"batch_id": batch_id, "rows_read": rows_read, "snapshot": snapshot},
            )

    def batch(self, batch_id: int) -> BatchRow:
        """Return the batch; :class:`LedgerError` if there is none."""
        with self.transaction() as cursor:
            cursor.execute("SELECT * FROM ledger.batch WHERE id = %s", [batch_id])
            found = cursor.fetchone()
            if found is None:
                raise LedgerError(f"the ledger has no batch {batch_id}; a run opens its batch before it extracts")
            return row_of(BatchRow, found)

    def feed(self, interface: str, dealer: str, environment: str) -> FeedRow:
        """Return the feed; one that nobody has ever switched is enabled."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT * FROM ledger.feed WHERE interface = %s AND dealer = %s AND environment = %s",
                [interface, dealer, environment],
            )
            found = cursor.fetchone()
            return (
                FeedRow(interface, dealer, environment, "enabled", None, None)
                if found is None
                else row_of(FeedRow, found)
            )

    def feed_state(self, interface: str, dealer: str, environment: str) -> str:
        """Return 'enabled' or 'paused'; :meth:`feed` also says why and since when."""
        return self.feed(interface, dealer, environment).state

    def paused_feeds(self, interface: str, environment: str = "live") -> list[FeedRow]:
        """Return the interface's feeds that somebody has paused, by dealer."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT * FROM ledger.feed WHERE interface = %s AND environment = %s AND state = 'paused' "
                "ORDER BY dealer",
                [interface, environment],
            )
            return [row_of(FeedRow, found) for found in cursor.fetchall()]

    def set_feed(self, interface: str, dealer: str, environment: str, state: str, *, reason: str) -> FeedRow:
        """Enable or pause a dealer's feed and write the event; a reason is needed either way."""
        if state not in {"enabled", "paused"} or not reason.strip():
            raise LedgerError(
                f"feed {interface}, dealer {dealer}: set 'enabled' or 'paused' (not {state!r}) with a reason"
            )
        with self.transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO ledger.feed (interface, dealer, environment, state, reason) VALUES (%s, %s, %s, %s, %s)
                ON CONFLICT (interface, dealer, environment)
                    DO UPDATE SET state = EXCLUDED.state, reason = EXCLUDED.reason, since = clock_timestamp()
                RETURNING *
                """,
                [interface, dealer, environment, state, reason],
            )
            found = cursor.fetchone()
            assert found is not None
            feed = row_of(FeedRow, found)
            events.append(
                cursor,
                actor=self.actor,
                kind="FEED",
                file_id=None,
                reason=reason,
                detail={"interface": interface, "dealer": dealer, "environment": environment, "state": state},
            )
            return feed
