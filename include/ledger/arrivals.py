"""The files that partners leave for us: seen, landed once, taken from state to state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg2.extras import RealDictCursor

from include.ledger.arrival_records import locked_arrival, locked_stream
from include.ledger.arrival_rows import ArrivalRow
from include.ledger.arrival_sightings import Sightings
from include.ledger.arrival_states import (
    ARRIVAL_NEXT_STEP,
    ARRIVAL_SETTLED,
    ARRIVAL_STATES,
    ARRIVAL_TRANSITIONS,
    arrival_needs_reason,
)
from include.ledger.errors import LedgerError, TransitionError
from include.ledger.preconditions import database_now, require_lease, require_no_lease, store_object
from include.ledger.rows import Release, row_of

# What a step may write beside the state.
ARRIVAL_MOVABLE: Final = frozenset(
    {"reject_code", "rows_read", "rows_accepted", "rows_rejected", "applied_at", "run_id"}
)
ROW_COUNTS: Final = ("rows_read", "rows_accepted", "rows_rejected")
# States of an arrival that brought a content first and whose word on it stands.
ORIGINAL_STATES: Final = ("LANDED", "CHECKED", "APPLIED", "REMOVED", "KEPT", "HELD")


class Arrivals(Sightings):
    """What can be done with one arrival."""

    def arrivals(
        self,
        *,
        interface: str | None = None,
        dealer: str | None = None,
        feed_id: int | None = None,
        states: Iterable[str] | None = None,
        ids: Iterable[int] | None = None,
        since: datetime | None = None,
        settled_since: datetime | None = None,
    ) -> list[ArrivalRow]:
        """
        Return the arrivals that match everything given, oldest sighting first.

        ``since`` bounds the first sighting; ``settled_since`` chooses those on which nobody works any more since then.
        """
        wanted = {
            "interface": interface,
            "dealer": dealer,
            "feed_id": feed_id,
            "states": None if states is None else list(states),
            "ids": None if ids is None else list(ids),
            "since": since,
            "settled_since": settled_since,
        }
        with self.transaction() as cursor:
            cursor.execute(
                """
                SELECT * FROM ledger.arrival
                WHERE (%(interface)s IS NULL OR interface = %(interface)s)
                    AND (%(dealer)s IS NULL OR dealer = %(dealer)s)
                    AND (%(feed_id)s IS NULL OR feed_id = %(feed_id)s)
                    AND (%(states)s::text[] IS NULL OR state = ANY (%(states)s::text[]))
                    AND (%(ids)s::bigint[] IS NULL OR id = ANY (%(ids)s::bigint[]))
                    AND (%(since)s::timestamptz IS NULL OR first_seen_at >= %(since)s)
                    AND (%(settled_since)s::timestamptz IS NULL OR settled_at >= %(settled_since)s)
                ORDER BY first_seen_at, id
                """,
                wanted,
            )
            return [row_of(ArrivalRow, found) for found in cursor.fetchall()]

    def land(self, arrival_id: int, *, sha256: str, size: int, token: int | None = None) -> ArrivalRow:
        """
        Record that the arrival's ``size`` bytes are in the archive: SEEN → LANDED, or → DUPLICATE.

        A duplicate has a content that the dealer's feed of this interface (or the one before it) has landed before,
        under any name, and that was not rejected. But if the same *name* has brought another content since, the old
        one coming back is a new version: it says other than what is in force. ``version`` counts the changes of
        content under one name.

        Called again for bytes that have landed already it returns the row as it stands.

        :raises TransitionError: if the arrival is past SEEN with other bytes, or was given up.
        :raises LedgerError: if the size is not the listed one.
        :raises LeaseLostError: if ``token`` is not the current, unexpired lease.
        """
        feed_id = self.arrival(arrival_id).feed_id
        with self.transaction() as cursor:
            locked_stream(cursor, feed_id)
            row = locked_arrival(cursor, arrival_id)
            if row.sha256 == sha256 and row.state != "SEEN":
                return row
            if token is not None:
                require_lease(cursor, row, token)
            if row.size is not None and row.size != size:
                raise LedgerError(
                    f"{row.label}: {size} bytes were read of a file listed with {row.size}; it was another file by "
                    "then. Leave it SEEN, the next listing tells"
                )
            before = _versions(cursor, row)
            original = _original(cursor, row, sha256)
            returns = bool(before) and before[-1].sha256 != sha256
            version = 1 if not before else (before[-1].version or 1) + (1 if returns else 0)
            copies = original is not None and not returns
            to = "DUPLICATE" if copies else "LANDED"
            reason = None
            if copies and original is not None:
                reason = f"the same content as arrival {original.id}"
            elif returns and original is not None:
                reason = f"the content of arrival {original.id} again, after another under the same name"
            store_object(cursor, row.label, sha256, size)
            columns: dict[str, Any] = {
                "sha256": sha256,
                "bytes": size,
                "landed_at": database_now(cursor),
                "version": version,
                "duplicate_of": original.id if copies and original is not None else None,
            }
            return self._arrival_step(cursor, row, to, reason=reason, columns=columns)

    def move_arrival(
        self,
        arrival_id: int,
        to: str,
        *,
        reason: str | None = None,
        token: int | None = None,
        detail: Mapping[str, Any] | None = None,
        **columns: Any,
    ) -> ArrivalRow:
        """
        Take the arrival to state ``to``, set ``columns`` with it and write the event, in one transaction.

        ``reason`` becomes the row's reason (None clears it). CHECKED needs ``rows_read``, ``rows_accepted`` and
        ``rows_rejected``; REJECTED needs ``reject_code``. To APPLIED: ``applied_at`` is the time of the commit, now if
        not given. When an original is REJECTED, the duplicates that wait for it are rejected with it.

        :raises TransitionError: if the step is not in ``arrival_states.ARRIVAL_TRANSITIONS``, or lacks its reason or
            what the new state needs; LANDED and DUPLICATE are reached by :meth:`land` alone.
        :raises LeaseLostError: if ``token`` is not the current, unexpired lease.
        """
        unknown = sorted(columns.keys() - ARRIVAL_MOVABLE)
        if unknown:
            raise LedgerError(
                f"move_arrival({arrival_id}, {to!r}): no step writes {', '.join(unknown)}; allowed: "
                f"{sorted(ARRIVAL_MOVABLE)}"
            )
        with self.transaction() as cursor:
            row = locked_arrival(cursor, arrival_id)
            if token is not None:
                require_lease(cursor, row, token)
            if to in ("LANDED", "DUPLICATE") or (row.state in ("HELD", "REJECTED") and to == "SEEN"):
                raise TransitionError(
                    f"{row.label} is {row.state} and cannot be moved to {to}: bytes land by land(), and what a person "
                    "decides by release_arrival(), reject_arrival() and reopen_arrival()"
                )
            return self._arrival_step(cursor, row, to, reason=reason, detail=detail, columns=columns)

    def note_arrival(self, arrival_id: int, kind: str, detail: Mapping[str, Any], *, token: int | None = None) -> None:
        """
        Write an event about the arrival that changes no state; ATTEMPT_FAILED also counts ``attempts`` up.

        ``detail`` holds ids, counts, hashes and error classes, never a row's values: events are kept for ever.

        :raises LeaseLostError: if ``token`` is given and is not the current, unexpired lease.
        """
        if not kind.isupper() or kind in ARRIVAL_STATES or kind == "LEASE":
            raise LedgerError(f"note kind {kind!r}: use a word in capitals that is no state; states are set by moves")
        with self.transaction() as cursor:
            row = locked_arrival(cursor, arrival_id)
            if token is not None:
                require_lease(cursor, row, token)
            columns = {"attempts": row.attempts + 1} if kind == "ATTEMPT_FAILED" else {}
            if columns:
                self._set_arrival(cursor, arrival_id, columns)
            self._record_arrival(cursor, arrival_id, kind, detail=detail, columns=columns)

    def release_arrival(self, arrival_id: int, *, reason: str) -> ArrivalRow:
        """
        A person lets a HELD arrival go on: to LANDED if its bytes are ours, else to SEEN.

        What has landed is checked again; the run waives the cause that :meth:`released_arrival` names.

        :raises TransitionError: in any other state, while an attempt works on it, or without a reason.
        """
        with self.transaction() as cursor:
            row = self._asked_arrival(cursor, arrival_id, ("HELD",), "release", reason)
            to = "SEEN" if row.sha256 is None else "LANDED"
            return self._arrival_step(cursor, row, to, reason=reason, detail=_decision(row, "release"))

    def reject_arrival(self, arrival_id: int, *, reason: str) -> ArrivalRow:
        """
        A person refuses a HELD arrival: REJECTED with code REFUSED; nothing is removed at the partner.

        :raises TransitionError: in any other state, while an attempt works on it, or without a reason.
        """
        with self.transaction() as cursor:
            row = self._asked_arrival(cursor, arrival_id, ("HELD",), "reject", reason)
            columns = {"reject_code": "REFUSED"}
            return self._arrival_step(
                cursor, row, "REJECTED", reason=reason, detail=_decision(row, "reject"), columns=columns
            )

    def reopen_arrival(self, arrival_id: int, *, reason: str) -> ArrivalRow:
        """
        A person takes a REJECTED arrival up again, once its cause is mended: to LANDED or, without bytes, to SEEN.

        :raises TransitionError: in any other state, for a name that is not safe to ask for, for bytes that retention
            has let go, or without a reason.
        """
        with self.transaction() as cursor:
            row = self._asked_arrival(cursor, arrival_id, ("REJECTED",), "reopen", reason)
            if row.reject_code == "NAME_UNSAFE":
                raise TransitionError(
                    f"{row.label} is rejected for its name ({row.reason}), which stays unsafe. Next: ask the partner "
                    "to send the file under another name"
                )
            _require_bytes(cursor, row)
            to = "SEEN" if row.sha256 is None else "LANDED"
            return self._arrival_step(cursor, row, to, reason=reason, detail=_decision(row, "reopen"))

    def released_arrival(self, arrival_id: int) -> Release | None:
        """Return a person's last release and what the arrival was held for; None if it was refused since, or never."""
        with self.transaction() as cursor:
            cursor.execute(
                """
                SELECT at, actor, reason, detail FROM ledger.event
                WHERE detail ->> 'arrival' = %s AND detail ->> 'verb' IN ('release', 'reject') ORDER BY id DESC LIMIT 1
                """,
                [str(arrival_id)],
            )
            found = cursor.fetchone()
        if found is None or found["detail"]["verb"] == "reject":
            return None
        detail = found["detail"]
        return Release(found["at"], found["actor"], found["reason"], detail["held_for"], detail["sha256"])

    def _asked_arrival(
        self, cursor: RealDictCursor, arrival_id: int, states: Sequence[str], verb: str, reason: str
    ) -> ArrivalRow:
        row = locked_arrival(cursor, arrival_id)
        if not reason.strip():
            raise TransitionError(
                f"{row.label}: to {verb} it needs a reason; say why in one sentence, it stays in the record"
            )
        if row.state not in states:
            why = f" ({row.reason})" if row.reason else ""
            raise TransitionError(f"{row.label} is {row.state}{why}: there is nothing to {verb}. Next: {_next(row)}")
        require_no_lease(cursor, row)
        return row

    def _arrival_step(
        self,
        cursor: RealDictCursor,
        row: ArrivalRow,
        to: str,
        *,
        reason: str | None,
        detail: Mapping[str, Any] | None = None,
        columns: Mapping[str, Any] | None = None,
    ) -> ArrivalRow:
        """One step within a transaction; ``row`` is locked."""
        columns = dict(columns or {})
        _require_step(row, to, reason, columns)
        if to == "APPLIED":
            columns["applied_at"] = columns.get("applied_at") or database_now(cursor)
        if to in ARRIVAL_SETTLED:
            columns["settled_at"] = database_now(cursor)
        elif row.state in ARRIVAL_SETTLED:
            columns |= {"settled_at": None, "reject_code": None, "duplicate_of": None}
        if row.attempts:
            columns["attempts"] = 0
        waiting: list[ArrivalRow] = []
        if to == "REJECTED":
            cursor.execute(
                "SELECT * FROM ledger.arrival WHERE duplicate_of = %s AND state = 'DUPLICATE' ORDER BY id FOR UPDATE",
                [row.id],
            )
            waiting = [row_of(ArrivalRow, found) for found in cursor.fetchall()]
        moved = self._set_arrival(cursor, row.id, {**columns, "state": to, "reason": reason})
        self._record_arrival(
            cursor,
            row.id,
            to,
            from_state=row.state,
            to_state=to,
            reason=reason,
            detail=detail,
            columns={name: getattr(moved, name) for name in columns},
        )
        for copy in waiting:
            why = f"the same content as arrival {row.id}, which was rejected: {reason}"
            self._arrival_step(cursor, copy, to, reason=why, columns={"reject_code": moved.reject_code})
        return moved


def _require_bytes(cursor: RealDictCursor, row: ArrivalRow) -> None:
    """Refuse what has landed and is, or is just being, let go by retention."""
    if row.sha256 is None:
        return
    # Whoever marks the object waits for us, or we for the mark.
    cursor.execute(
        "SELECT purge_marked_at IS NOT NULL AND purged_at IS NULL AS marked FROM ledger.archive_object "
        "WHERE sha256 = %s FOR SHARE",
        [row.sha256],
    )
    found = cursor.fetchone()
    if row.purged_at is None and not (found and found["marked"]):
        return
    since = "are going just now" if row.purged_at is None else f"are gone since {row.purged_at:%Y-%m-%d}"
    raise TransitionError(
        f"{row.label}: its bytes {since}, as their retention had passed, so there is nothing to check again. Next: ask "
        "the partner to send the file once more; it will be a new arrival"
    )


def _require_step(row: ArrivalRow, to: str, reason: str | None, columns: Mapping[str, Any]) -> None:
    if to not in ARRIVAL_TRANSITIONS.get(row.state, {}):
        raise TransitionError(f"{row.label} is {row.state} and cannot become {to}. Next: {_next(row)}")
    if arrival_needs_reason(row.state, to) and not (reason or "").strip():
        raise TransitionError(f"{row.label}: {row.state} → {to} needs a reason; say why in one sentence")
    if (to == "REJECTED") != bool(columns.get("reject_code")):
        raise TransitionError(f"{row.label}: a reject_code goes with REJECTED and with nothing else; {to} was asked")
    counts = [columns.get(name, getattr(row, name)) for name in ROW_COUNTS]
    if to == "CHECKED" and any(columns.get(name) is None for name in ROW_COUNTS):
        raise TransitionError(f"{row.label}: {row.state} → CHECKED without {', '.join(ROW_COUNTS)}; give all three")
    if None not in counts and counts[0] != counts[1] + counts[2]:
        raise TransitionError(
            f"{row.label}: {counts[0]} rows read are not {counts[1]} accepted and {counts[2]} rejected; a row would "
            "be lost or counted twice. Next: mend the check that counted them"
        )
    if "applied_at" in columns and to != "APPLIED":
        raise TransitionError(f"{row.label}: applied_at goes with APPLIED, not with {to}")


def _next(row: ArrivalRow) -> str:
    onward = ", ".join(ARRIVAL_TRANSITIONS[row.state])
    return ARRIVAL_NEXT_STEP.get(row.state, f"from {row.state} it can go to {onward}")


def _decision(row: ArrivalRow, verb: str) -> dict[str, Any]:
    return {"verb": verb, "held_for": row.reason, "sha256": row.sha256}


def _versions(cursor: RealDictCursor, row: ArrivalRow) -> list[ArrivalRow]:
    """What has landed under the arrival's name before, the newest last."""
    cursor.execute(
        """
        SELECT * FROM ledger.arrival
        WHERE interface = %(interface)s AND dealer = %(dealer)s AND directory = %(directory)s
            AND remote_name = %(remote_name)s AND sha256 IS NOT NULL AND id <> %(id)s
        ORDER BY landed_at, id
        """,
        vars(row),
    )
    return [row_of(ArrivalRow, found) for found in cursor.fetchall()]


def _original(cursor: RealDictCursor, row: ArrivalRow, sha256: str) -> ArrivalRow | None:
    """The arrival that brought the content first, if its word on it stands."""
    cursor.execute(
        """
        SELECT * FROM ledger.arrival
        WHERE interface = %(interface)s AND dealer = %(dealer)s AND sha256 = %(content)s AND id <> %(id)s
            AND duplicate_of IS NULL AND state = ANY (%(states)s)
        ORDER BY landed_at DESC, id DESC LIMIT 1
        """,
        {**vars(row), "content": sha256, "states": list(ORIGINAL_STATES)},
    )
    found = cursor.fetchone()
    return None if found is None else row_of(ArrivalRow, found)
