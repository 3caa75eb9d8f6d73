"""What must hold before a file's row is changed: windows, steps, columns, leases, and the order of locks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from psycopg2.extras import RealDictCursor

from include.ledger.arrival_rows import ArrivalRow
from include.ledger.errors import (
    BatchReplacedError,
    LeaseHeldError,
    LeaseLostError,
    LedgerError,
    LedgerUnavailableError,
    TransitionError,
    WindowMovedError,
)
from include.ledger.rows import FileRow, row_of
from include.ledger.states import DELIVERED, ENVIRONMENTS, NEXT_STEP, NOT_LIVE, PREVIEW, TRANSITIONS, needs_reason

# What a step may write beside the state. Identity, sequence and lease have methods of their own.
MOVABLE: Final = frozenset(
    {
        "batch_id",
        "contract_version",
        "file_name",
        "sha256",
        "content_hash",
        "bytes",
        "rows",
        "records",
        "dealer_key",
        "rejected",
        "withheld",
        "control_total",
        "remote_path",
        "temp_name",
        "published_at",
    }
)
# What belongs to one rendering, and is let go when a person asks for another.
OF_THE_BYTES: Final = (
    "file_name",
    "sha256",
    "content_hash",
    "bytes",
    "rows",
    "records",
    "dealer_key",
    "control_total",
    "remote_path",
    "temp_name",
)
# States in which no bytes are kept: others are made, or none may be.
LETS_GO: Final = frozenset({"PLANNED", "WITHHELD"})
FIXED_BY_RENDERING: Final = ("file_name", "sha256", "content_hash", "bytes")
NEEDED_ONCE_RENDERED: Final = ("file_name", "sha256", "bytes", "rows")
RECORD_KIND: Final = re.compile(r"[a-z][a-z0-9_]*")
SENDING: Final = frozenset({"UPLOADING", "UPLOADED", "PUBLISHED", "ACKED", "UNKNOWN"})
RENDERED_STATES: Final = frozenset({"RENDERED", "GATED", "UPLOADING", "UPLOADED", "PUBLISHED", "ACKED", "UNKNOWN"})


def require_window(
    what: str, environment: str, start: datetime, end: datetime, *, zone: str, business_date: date
) -> None:
    """
    Raise :class:`LedgerError` unless environment and zone exist and the window is two aware instants in order.

    And unless it begins on ``business_date`` by the clock of ``zone``, since file names and headers say that day.
    """
    if environment not in ENVIRONMENTS:
        raise LedgerError(f"{what}: environment {environment!r} is none of {', '.join(ENVIRONMENTS)}")
    if start.tzinfo is None or end.tzinfo is None:
        raise LedgerError(f"{what}: the window {start} to {end} has no time zone; give aware UTC instants")
    if start >= end:
        raise LedgerError(
            f"{what}: the window ends ({end}) before it has begun ({start}); it is half-open [start, end)"
        )
    try:
        begins = start.astimezone(ZoneInfo(zone)).date()
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise LedgerError(
            f"{what}: {zone!r} is no IANA time zone, e.g. Europe/Paris; correct it where it comes from"
        ) from error
    if begins != business_date:
        raise LedgerError(
            f"{what}: the window begins on {begins} by the clock of {zone}, and its business date is to be "
            f"{business_date}; make both from one period (include/window.py)"
        )


def require_one_clock(cursor: RealDictCursor, planned: FileRow) -> None:
    """Raise :class:`WindowMovedError` if another window of the same business date has a file that was not given up."""
    cursor.execute(
        """
        SELECT * FROM ledger.file
        WHERE interface = %(interface)s AND dealer = %(dealer)s AND environment = %(environment)s
            AND business_date = %(business_date)s AND state <> ALL (%(not_live)s)
            AND (window_start, window_end) <> (%(window_start)s, %(window_end)s)
        ORDER BY revision DESC LIMIT 1
        """,
        {**vars(planned), "not_live": sorted(NOT_LIVE)},
    )
    found = cursor.fetchone()
    if found is None:
        return
    standing = row_of(FileRow, found)
    raise WindowMovedError(
        f"{standing.label} is {standing.state}, by the clock of {standing.zone}; the same period is now asked for by "
        f"that of {planned.zone} and would be sent twice. Put the dealer's zone back, or, if the new one is right, "
        "reject that file before it goes; what has gone is for the partner and a person to settle",
        file_id=standing.id,
    )


def require_batch(row: FileRow, batch: int) -> None:
    """Raise :class:`BatchReplacedError` unless the row still belongs to ``batch``."""
    if row.batch_id != batch:
        raise BatchReplacedError(
            f"{row.label}: batch {row.batch_id} has planned this window since batch {batch} did; it is left to that run"
        )


def require_lease(cursor: RealDictCursor, row: FileRow | ArrivalRow, token: int) -> None:
    """Raise :class:`LeaseLostError` unless ``token`` is the row's lease and has not expired by the database's clock."""
    now = database_now(cursor)
    if row.lease_token == token and row.lease_until is not None and row.lease_until > now:
        return
    if row.lease_token is not None and row.lease_token > token:
        why = f"a newer attempt has taken over (token {row.lease_token}, {row.lease_holder or 'since released'})"
    elif row.lease_token != token:
        why = "it was never given out for this file"
    elif row.lease_until is None:
        why = "it was released"
    else:
        why = f"it expired at {row.lease_until:%Y-%m-%d %H:%M:%S} UTC"
    raise LeaseLostError(
        f"{row.label}: the lease with token {token} is lost: {why}. Stop before the next effect; the attempt that "
        "holds the lease, or the next one, continues from the ledger"
    )


def require_no_lease(cursor: RealDictCursor, row: FileRow | ArrivalRow) -> None:
    """Raise :class:`LeaseHeldError` while anybody's lease on the row has not expired by the database's clock."""
    if row.lease_until is None or row.lease_holder is None or row.lease_until <= database_now(cursor):
        return
    raise LeaseHeldError(
        f"{row.label} is being worked on by {row.lease_holder} until {row.lease_until:%Y-%m-%d %H:%M:%S} UTC; wait for "
        "that moment, then try again",
        holder=row.lease_holder,
        expires_at=row.lease_until,
    )


def locked_window(cursor: RealDictCursor, file_id: int) -> list[FileRow]:
    """
    Lock every revision of the file's window, in the order of revisions, and return them.

    One order for everybody, and all of it before the first event, is what keeps two transactions from waiting for
    each other. Reading is a second statement: one that waited for a lock still sees the rows from before its wait, and
    would miss the revision that the other transaction added.
    """
    for _ in range(2):
        cursor.execute(
            """
            SELECT sibling.* FROM ledger.file AS asked JOIN ledger.file AS sibling
                USING (interface, dealer, environment, window_start, window_end)
            WHERE asked.id = %s ORDER BY sibling.revision FOR UPDATE OF sibling
            """,
            [file_id],
        )
    rows = [row_of(FileRow, found) for found in cursor.fetchall()]
    if not rows:
        raise no_such_file(file_id)
    return rows


def locked_file(cursor: RealDictCursor, file_id: int) -> FileRow:
    """Lock the one file and return it."""
    cursor.execute("SELECT * FROM ledger.file WHERE id = %s FOR UPDATE", [file_id])
    found = cursor.fetchone()
    if found is None:
        raise no_such_file(file_id)
    return row_of(FileRow, found)


def require_step(row: FileRow, to: str, reason: str | None, window: list[FileRow]) -> None:
    allowed = TRANSITIONS.get(row.state, {})
    if to not in allowed:
        next_step = NEXT_STEP.get(row.state, f"from {row.state} it can go to {', '.join(allowed)}")
        raise TransitionError(f"{row.label} is {row.state} and cannot become {to}. Next: {next_step}")
    if needs_reason(row.state, to) and not (reason or "").strip():
        raise TransitionError(f"{row.label}: {row.state} → {to} needs a reason; say why in one sentence")
    if row.state == "CANCELLED" and row is not window[-1]:
        raise TransitionError(
            f"{row.label} is CANCELLED and revision {window[-1].revision} follows it; work with that revision"
        )
    _require_history(row, to, window)
    if (row.state, to) == ("HELD", "CHECKED") and row.sha256 is not None:
        raise TransitionError(
            f"{row.label} is HELD with bytes that are made already; release them (GATED), or set it to PLANNED with a "
            "reason to have new ones made"
        )


def _require_history(row: FileRow, to: str, window: list[FileRow]) -> None:
    """What was delivered stays delivered, previews are never sent, two revisions are never on their way at once."""
    if row.environment == PREVIEW and to in SENDING:
        raise TransitionError(f"{row.label} is a preview, which is never sent; run its window with mode deliver")
    if row.published_at is not None and to in ("PLANNED", "CANCELLED"):
        raise TransitionError(
            f"{row.label} was delivered at {row.published_at:%Y-%m-%d %H:%M:%S} UTC, so it cannot become {to}: the "
            "partner has its bytes under its number. Next: reject it to take the redelivery back, or release it to "
            "send the same bytes again"
        )
    if row.published_at is not None and to == "WITHHELD":
        raise TransitionError(
            f"{row.label} was delivered at {row.published_at:%Y-%m-%d %H:%M:%S} UTC, so it cannot become WITHHELD: the "
            "partner has it, and withholding would not take it back. Next: set it to HELD with the reason, so that a "
            "person decides about sending it again"
        )
    if row.published_at is None and (row.state, to) in {("GATED", "PUBLISHED"), ("HELD", "PUBLISHED")}:
        raise TransitionError(
            f"{row.label} is {row.state} and was never delivered, so there is no redelivery to take back; it becomes "
            "PUBLISHED by being sent"
        )
    if row.state in DELIVERED and to == "GATED":
        if row.purged_at is not None:
            raise TransitionError(
                f"{row.label}: its bytes are gone since {row.purged_at:%Y-%m-%d}, when their retention had passed, so "
                "they cannot be sent again. Next: tell the partner; new bytes need a proposed revision"
            )
        later = [other for other in window if other.revision > row.revision and other.state not in NOT_LIVE]
        if later:
            raise TransitionError(
                f"{row.label} cannot be sent again: {later[-1].label} is {later[-1].state} and replaces it. Next: let "
                "that revision finish, or cancel it"
            )
    if to == "PLANNED" and row.supersedes is not None:
        replaced = next(other for other in window if other.id == row.supersedes)
        if replaced.state not in DELIVERED and replaced.state not in NOT_LIVE:
            raise TransitionError(
                f"{row.label} cannot be released: {replaced.label}, which it replaces, is being sent again "
                f"({replaced.state}), and would arrive after it. Next: let the redelivery finish or reject it, then "
                "release this revision"
            )


def require_columns(row: FileRow, to: str, columns: Mapping[str, Any]) -> None:
    published_at = columns.get("published_at")
    if published_at is not None and published_at.tzinfo is None:
        raise LedgerError(f"{row.label}: published_at {published_at} has no time zone; give an aware instant")
    for kind, count in (columns.get("records") or {}).items():
        if not RECORD_KIND.fullmatch(kind) or not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise LedgerError(f"{row.label}: records is a number of documents by kind; {kind!r}: {count!r} is not that")
    if row.sha256 is not None and to not in LETS_GO:
        for name in FIXED_BY_RENDERING:
            if name in columns and columns[name] != getattr(row, name):
                raise TransitionError(
                    f"{row.label}: {name} is fixed since the file was rendered ({getattr(row, name)}); every attempt "
                    "sends the same bytes. To make others, hold the file and set it to PLANNED with a reason"
                )
    needed = [*(NEEDED_ONCE_RENDERED if to in RENDERED_STATES else ()), *(("remote_path",) if to in DELIVERED else ())]
    missing = [name for name in needed if columns.get(name, getattr(row, name)) is None]
    if missing:
        raise TransitionError(f"{row.label}: {row.state} → {to} without {', '.join(missing)}; give them with the step")


def store_object(cursor: RealDictCursor, what: str, sha256: str, size: int) -> None:
    """Note the archive's object for retention; an object that is being purged this moment must not be relied on."""
    cursor.execute(
        """
        INSERT INTO ledger.archive_object AS held (sha256, bytes) VALUES (%s, %s)
        ON CONFLICT (sha256) DO UPDATE SET purge_marked_at = NULL, purged_at = NULL, stored_at = clock_timestamp()
            WHERE held.purge_marked_at IS NULL OR held.purged_at IS NOT NULL
        RETURNING sha256
        """,
        [sha256, size],
    )
    if cursor.fetchone() is None:
        raise LedgerUnavailableError(
            f"{what}: the archive object {sha256} is being purged; run "
            "`python -m include.ledger purge --apply` to its end, "
            "then render again"
        )


def database_now(cursor: RealDictCursor) -> datetime:
    cursor.execute("SELECT clock_timestamp() AS now")
    found = cursor.fetchone()
    assert found is not None
    now = found["now"]
    assert isinstance(now, datetime)
    return now


def no_such_file(file_id: int) -> LedgerError:
    return LedgerError(f"the ledger has no file {file_id}; `make files` lists those it has")
