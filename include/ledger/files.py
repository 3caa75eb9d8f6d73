"""The files of the ledger: planned once per window, moved from state to state, numbered without gaps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from psycopg2 import sql
from psycopg2.extras import Json, RealDictCursor

from include.ledger import events
from include.ledger.errors import LedgerError, TransitionError
from include.ledger.preconditions import (
    LETS_GO,
    MOVABLE,
    OF_THE_BYTES,
    database_now,
    locked_file,
    locked_window,
    no_such_file,
    require_batch,
    require_columns,
    require_lease,
    require_one_clock,
    require_step,
    require_window,
    store_object,
)
from include.ledger.rows import EventRow, FileRow, row_of
from include.ledger.session import Session
from include.ledger.states import DELIVERED, NEXT_STEP, NOT_LIVE, STATES


class Files(Session):
    """What can be done with one file."""

    def plan(
        self,
        *,
        interface: str,
        partner: str,
        dealer: str,
        environment: str,
        window_start: datetime,
        window_end: datetime,
        zone: str,
        business_date: date,
        contract_version: str,
        batch_id: int | None,
    ) -> FileRow:
        """
        Write down the intent to send this window to this dealer's partner, and return the revision that speaks for it.

        That is a new row (revision 0, PLANNED) the first time, whoever else asks at the same moment. Later it is the
        highest revision that is not PROPOSED, SUPERSEDED or CANCELLED; so a delivered window gives the delivered row,
        for the caller to compare its content, and a released proposal gives the proposal. If every revision was
        cancelled it is the last of them: a re-run does not take up what a person gave up.

        A row whose bytes are not made yet (PLANNED, CHECKED, HELD without ``sha256``) gets the new ``batch_id``;
        any other keeps the batch that its bytes came from.

        :raises LedgerError: if the window is impossible, or the row exists for another partner.
        :raises WindowMovedError: if a file stands for the same business date with other bounds, e.g. because the dealer
            was moved to another zone since; both would be the same period to the partner.
        """
        identity = {
            "interface": interface,
            "partner": partner,
            "dealer": dealer,
            "environment": environment,
            "window_start": window_start,
            "window_end": window_end,
            "zone": zone,
            "business_date": business_date,
            "contract_version": contract_version,
            "batch_id": batch_id,
        }
        require_window(
            f"{interface}, dealer {dealer}",
            environment,
            window_start,
            window_end,
            zone=zone,
            business_date=business_date,
        )
        with self.transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO ledger.file (interface, partner, dealer, environment, window_start, window_end,
                    zone, business_date, revision, state, contract_version, batch_id)
                VALUES (%(interface)s, %(partner)s, %(dealer)s, %(environment)s, %(window_start)s, %(window_end)s,
                    %(zone)s, %(business_date)s, 0, 'PLANNED', %(contract_version)s, %(batch_id)s)
                ON CONFLICT ON CONSTRAINT file_is_one_window_revision DO NOTHING
                RETURNING *
                """,
                identity,
            )
            inserted = cursor.fetchone()
            if inserted is not None:
                row = row_of(FileRow, inserted)
                require_one_clock(cursor, row)
                columns = {name: getattr(row, name) for name in (*identity, "revision")}
                self._record(cursor, row.id, "PLANNED", to_state="PLANNED", columns=columns)
                return row
            cursor.execute(
                """
                SELECT id FROM ledger.file
                WHERE interface = %(interface)s AND dealer = %(dealer)s AND environment = %(environment)s
                    AND window_start = %(window_start)s AND window_end = %(window_end)s AND revision = 0
                """,
                identity,
            )
            first = cursor.fetchone()
            assert first is not None
            row = speaking(locked_window(cursor, first["id"]))
            if row.partner != partner:
                raise LedgerError(
                    f"{row.label} was planned for partner {row.partner!r} and is now asked for by {partner!r}; give "
                    "the new partner an interface of its own, or correct the contract's partner"
                )
            if not row.awaits_bytes or (row.batch_id, row.contract_version) == (batch_id, contract_version):
                return row
            columns = {"batch_id": batch_id, "contract_version": contract_version}
            row = self._set(cursor, row.id, columns)
            self._record(cursor, row.id, "BATCH", columns=columns)
            return row

    def file(self, file_id: int) -> FileRow:
        """Return the file; :class:`LedgerError` if there is none."""
        with self.transaction() as cursor:
            cursor.execute("SELECT * FROM ledger.file WHERE id = %s", [file_id])
            found = cursor.fetchone()
            if found is None:
                raise no_such_file(file_id)
            return row_of(FileRow, found)

    def files(
        self,
        *,
        interface: str | None = None,
        environment: str | None = "live",
        window_start: datetime | None = None,
        batch_id: int | None = None,
        states: Iterable[str] | None = None,
        dealer: str | None = None,
        business_date: date | None = None,
        since: date | None = None,
        until: date | None = None,
        file_name: str | None = None,
    ) -> list[FileRow]:
        """
        Return the files that match everything given, oldest window first; ``environment=None`` means all.

        ``since`` and ``until`` bound the business date, both included.
        """
        wanted = {
            "interface": interface,
            "environment": environment,
            "window_start": window_start,
            "batch_id": batch_id,
            "states": None if states is None else list(states),
            "dealer": dealer,
            "business_date": business_date,
            "since": since,
            "until": until,
            "file_name": file_name,
        }
        with self.transaction() as cursor:
            cursor.execute(
                """
                SELECT * FROM ledger.file
                WHERE (%(interface)s IS NULL OR interface = %(interface)s)
                    AND (%(environment)s IS NULL OR environment = %(environment)s)
                    AND (%(window_start)s::timestamptz IS NULL OR window_start = %(window_start)s)
                    AND (%(batch_id)s IS NULL OR batch_id = %(batch_id)s)
                    AND (%(states)s::text[] IS NULL OR state = ANY (%(states)s::text[]))
                    AND (%(dealer)s IS NULL OR dealer = %(dealer)s)
                    AND (%(business_date)s::date IS NULL OR business_date = %(business_date)s)
                    AND (%(since)s::date IS NULL OR business_date >= %(since)s)
                    AND (%(until)s::date IS NULL OR business_date <= %(until)s)
                    AND (%(file_name)s IS NULL OR file_name = %(file_name)s)
                ORDER BY window_start, interface, dealer, environment, revision
                """,
                wanted,
            )
            return [row_of(FileRow, found) for found in cursor.fetchall()]

    def move(
        self,
        file_id: int,
        to: str,
        *,
        reason: str | None = None,
        detail: Mapping[str, Any] | None = None,
        token: int | None = None,
        batch: int | None = None,
        **columns: Any,
    ) -> FileRow:
        """
        Take the file to state ``to``, set ``columns`` with it and write the event, in one transaction.

        ``reason`` becomes the row's reason (None clears it). The step is refused unless the lease with ``token`` is
        current, and unless the file still belongs to ``batch``, where these are given; both are checked in the same
        transaction. To PUBLISHED or ACKED: ``published_at`` is set if not given (once; a redelivery keeps the first),
        and the revision that this one replaces becomes SUPERSEDED. To PLANNED and to WITHHELD: the bytes and the
        companions are let go, the sequence number stays.

        :raises TransitionError: if the step is not in ``states.TRANSITIONS``, lacks its reason or what the new state
            needs, or would change bytes that are rendered.
        :raises LeaseLostError: if ``token`` is not the current, unexpired lease.
        :raises BatchReplacedError: if a later run has planned the window since ``batch`` did.
        """
        unknown = sorted(columns.keys() - MOVABLE)
        if unknown:
            raise LedgerError(
                f"move({file_id}, {to!r}): no step writes {', '.join(unknown)}; allowed: {sorted(MOVABLE)}"
            )
        with self.transaction() as cursor:
            window = locked_window(cursor, file_id)
            row = next(row for row in window if row.id == file_id)
            if batch is not None:
                require_batch(row, batch)
            return self._step(cursor, window, row, to, reason=reason, detail=detail, token=token, columns=columns)

    def note(self, file_id: int | None, kind: str, detail: Mapping[str, Any]) -> None:
        """
        Write an event that changes no state, e.g. UNCHANGED or ATTEMPT_FAILED; ``file_id=None`` for one about no file.

        ``detail`` holds ids, counts, hashes and error classes, never a row's values: events are kept for ever.
        """
        if not kind.isupper() or kind in STATES or kind.startswith("COMPANION"):
            raise LedgerError(
                f"note kind {kind!r}: use a word in capitals that is not a state; states are set by move(), companions "
                "by methods of their own"
            )
        with self.transaction() as cursor:
            if file_id is not None:
                cursor.execute("SELECT 1 FROM ledger.file WHERE id = %s", [file_id])
                if cursor.fetchone() is None:
                    raise no_such_file(file_id)
            self._record(cursor, file_id, kind, detail=detail)

    def allot_sequence(self, file_id: int) -> int:
        """
        Give the file the next number of (partner, interface, dealer, environment), or return the one that it has.

        The first number is 1. There are no gaps, because the number is counted up in the transaction that stores it on
        the file; a file that is cancelled later keeps its number, and its reason explains the gap at the receiver.

        :raises TransitionError: for a file without number whose bytes are made already (the header names it).
        """
        with self.transaction() as cursor:
            row = locked_file(cursor, file_id)
            if row.sequence is not None:
                return row.sequence
            if row.state not in {"PLANNED", "CHECKED"}:
                raise TransitionError(
                    f"{row.label} is {row.state} and has no sequence number; a number is allotted before the bytes are "
                    f"made (PLANNED, CHECKED). Next: {NEXT_STEP.get(row.state, 'set it to PLANNED with a reason')}"
                )
            cursor.execute(
                """
                INSERT INTO ledger.sequence AS counter (partner, interface, dealer, environment, last_number)
                VALUES (%s, %s, %s, %s, 1)
                ON CONFLICT (partner, interface, dealer, environment)
                    DO UPDATE SET last_number = counter.last_number + 1
                RETURNING last_number
                """,
                [row.partner, row.interface, row.dealer, row.environment],
            )
            counted = cursor.fetchone()
            assert counted is not None
            number = int(counted["last_number"])
            self._set(cursor, file_id, {"sequence": number})
            self._record(cursor, file_id, "SEQUENCE", columns={"sequence": number})
            return number

    def interfaces(self) -> list[str]:
        """Return every interface that has files, by name."""
        with self.transaction() as cursor:
            cursor.execute("SELECT DISTINCT interface FROM ledger.file ORDER BY interface")
            return [found["interface"] for found in cursor.fetchall()]

    def events(self, file_id: int | None = None) -> list[EventRow]:
        """Return the events of one file, or all of them, in the order in which they happened."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT * FROM ledger.event WHERE %(id)s IS NULL OR file_id = %(id)s ORDER BY id", {"id": file_id}
            )
            return [row_of(EventRow, found) for found in cursor.fetchall()]

    def _step(
        self,
        cursor: RealDictCursor,
        window: list[FileRow],
        row: FileRow,
        to: str,
        *,
        reason: str | None,
        detail: Mapping[str, Any] | None = None,
        token: int | None = None,
        columns: Mapping[str, Any] = MappingProxyType({}),
    ) -> FileRow:
        """:meth:`move` within a transaction; ``window`` is what ``locked_window`` gave and ``row`` is one of it."""
        require_step(row, to, reason, window)
        if token is not None:
            require_lease(cursor, row, token)
        columns = dict(columns)
        if to in LETS_GO:
            columns = {**dict.fromkeys(OF_THE_BYTES), **columns} if row.sha256 else columns
            columns = {**columns, "purged_at": None} if row.purged_at else columns
            if "WITHHELD" in (row.state, to) and row.supersedes is not None:
                # A correction goes as the person saw it who released it: what is other by now is held.
                columns = {**columns, "content_hash": row.content_hash}
        if row.published_at is not None:
            columns.pop("published_at", None)
        elif to in DELIVERED:
            columns.setdefault("published_at", database_now(cursor))
        require_columns(row, to, columns)
        if to == "RENDERED":
            store_object(cursor, row.label, *(columns.get(name, getattr(row, name)) for name in ("sha256", "bytes")))
        if to in LETS_GO:
            cursor.execute("DELETE FROM ledger.companion WHERE file_id = %s", [row.id])
        moved = self._set(cursor, row.id, {**columns, "state": to, "reason": reason})
        replaced = [old for old in window if to in DELIVERED and old.id == row.supersedes and old.state in DELIVERED]
        for old in replaced:
            self._set(cursor, old.id, {"state": "SUPERSEDED", "reason": f"replaced by revision {row.revision}"})
        self._record(
            cursor,
            row.id,
            to,
            from_state=row.state,
            to_state=to,
            reason=reason,
            detail=detail,
            columns={name: getattr(moved, name) for name in columns},
        )
        for old in replaced:
            self._record(
                cursor,
                old.id,
                "SUPERSEDED",
                from_state=old.state,
                to_state="SUPERSEDED",
                reason=f"replaced by revision {row.revision}",
                detail={"by": row.id},
            )
        return moved

    def _set(self, cursor: RealDictCursor, file_id: int, columns: Mapping[str, Any]) -> FileRow:
        assignments = sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in columns
        )
        cursor.execute(
            sql.SQL("UPDATE ledger.file SET {} WHERE id = {} RETURNING *").format(assignments, sql.Placeholder("id")),
            {name: Json(value) if isinstance(value, Mapping) else value for name, value in columns.items()}
            | {"id": file_id},
        )
        found = cursor.fetchone()
        assert found is not None
        return row_of(FileRow, found)

    def _record(
        self,
        cursor: RealDictCursor,
        file_id: int | None,
        kind: str,
        *,
        from_state: str | None = None,
        to_state: str | None = None,
        reason: str | None = None,
        detail: Mapping[str, Any] | None = None,
        columns: Mapping[str, Any] | None = None,
    ) -> None:
        """Append the event; ``columns`` is what the row got, from which the verifier rebuilds the row."""
        if "columns" in (detail or {}):
            raise LedgerError("an event's detail may not hold the key 'columns': the ledger writes the row's own there")
        events.append(
            cursor,
            actor=self.actor,
            kind=kind,
            file_id=file_id,
            from_state=from_state,
            to_state=to_state,
            reason=reason,
            detail={**(detail or {}), **({"columns": columns} if columns else {})},
        )


def speaking(window: list[FileRow]) -> FileRow:
    """Return the revision that speaks for a window; ``window`` is in the order of revisions and not empty."""
    live = [row for row in window if row.state not in NOT_LIVE]
    return (live or window)[-1]
