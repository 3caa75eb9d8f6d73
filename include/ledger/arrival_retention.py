"""
Lets go of the bytes that partners left for us, when the retention of their contract has passed.

As for files: the object is marked first and removed afterwards, each in a transaction of its own; rows and events
stay. Days count from when an arrival was settled, so what is under way, held or waits to be removed at the partner
never grows old, and what was rejected can be taken up again for as long as what was imported is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from psycopg2.extras import RealDictCursor

from include.ledger import events
from include.ledger.arrival_states import ARRIVAL_SETTLED
from include.ledger.preconditions import database_now
from include.ledger.retention import mark_objects, remove_object
from include.ledger.rows import row_of
from include.ledger.session import Session

if TYPE_CHECKING:
    from include.archive import Archive

# Due: settled longer ago than its interface keeps, or marked by a run that did not get to its end. Copies of one
# content, of whatever feed, go together, on the day the last of them is due.
DUE: Final = """
WITH retention AS (
    SELECT * FROM unnest(%(interfaces)s::text[], %(days)s::integer[]) AS kept (interface, days)
), aged AS (
    SELECT arrival.*, object.purge_marked_at IS NOT NULL AND object.purged_at IS NULL AS marked,
        retention.days AS keep, (settled_at AT TIME ZONE 'UTC')::date AS settled_on
    FROM ledger.arrival LEFT JOIN retention USING (interface) JOIN ledger.archive_object AS object USING (sha256)
    WHERE arrival.purged_at IS NULL AND state = ANY (%(settled)s)
        AND (%(sha256)s::text IS NULL OR sha256 = %(sha256)s)
), due AS (
    SELECT * FROM aged WHERE marked OR settled_on < %(today)s - keep
)
SELECT id AS arrival_id, interface, dealer, remote_name, state, settled_on, sha256, bytes, marked
FROM due
WHERE NOT EXISTS (
    SELECT FROM ledger.arrival AS other
    WHERE other.sha256 = due.sha256 AND other.purged_at IS NULL AND other.id NOT IN (SELECT id FROM due))
ORDER BY settled_on, id
"""
# A file of ours with the very same bytes keeps the object; its own retention takes it then.
NAMED_BY_A_FILE: Final = """
SELECT FROM ledger.file WHERE sha256 = %(sha256)s AND purged_at IS NULL
UNION ALL
SELECT FROM ledger.companion JOIN ledger.file ON file.id = file_id
WHERE companion.sha256 = %(sha256)s AND file.purged_at IS NULL
LIMIT 1
"""


@dataclass(frozen=True)
class ArrivalPurgeItem:
    """
    An arrival whose bytes (``sha256``) retention lets go.

    ``marked``: a run before this one had begun and did not finish. ``settled_on``: the day retention counts from.
    """

    arrival_id: int
    interface: str
    dealer: str
    remote_name: str
    state: str
    settled_on: date
    sha256: str
    bytes: int
    marked: bool


def purge_arrivals(
    dsn: str,
    archive: Archive,
    *,
    today: date,
    retention: Mapping[str, int],
    dry_run: bool = True,
    actor: str = "retention",
) -> list[ArrivalPurgeItem]:
    """
    Return the arrivals whose bytes are due on ``today``, and unless it is a dry run let go of them.

    ``retention`` is days by interface; an interface that is not in it keeps everything.

    :raises LedgerError: if the database cannot be reached.
    :raises OSError: if an object cannot be removed; it stays marked, and the next run tries again.
    """
    asked: dict[str, Any] = {
        "interfaces": list(retention),
        "days": list(retention.values()),
        "settled": sorted(ARRIVAL_SETTLED),
        "today": today,
        "sha256": None,
    }
    with Session(dsn, actor=actor) as session:
        with session.transaction() as cursor:
            items = _due(cursor, asked)
        if dry_run:
            return items
        gone: list[ArrivalPurgeItem] = []
        for sha256 in dict.fromkeys(item.sha256 for item in items):
            with session.transaction() as cursor:
                sharing = _mark(cursor, actor, {**asked, "sha256": sha256})
            if sharing:
                with session.transaction() as cursor:
                    gone += _let_go(cursor, actor, archive, sharing, retention)
        return gone


def _due(cursor: RealDictCursor, asked: Mapping[str, Any]) -> list[ArrivalPurgeItem]:
    cursor.execute(DUE, asked)
    return [row_of(ArrivalPurgeItem, found) for found in cursor.fetchall()]


def _mark(cursor: RealDictCursor, actor: str, asked: Mapping[str, Any]) -> list[ArrivalPurgeItem]:
    """Mark one object, if its arrivals are still due; returns them."""
    # Locked before it is looked at: who lands or reopens these bytes meanwhile has done so already, or finds the mark.
    cursor.execute("SELECT 1 FROM ledger.archive_object WHERE sha256 = %(sha256)s FOR UPDATE", asked)
    sharing = _due(cursor, asked)
    cursor.execute(NAMED_BY_A_FILE, asked)
    if sharing and cursor.fetchone() is None and not sharing[0].marked:
        mark_objects(cursor, [asked["sha256"]])
        detail = {"arrivals": [item.arrival_id for item in sharing], "objects": 1}
        events.append(cursor, actor=actor, kind="PURGE_BEGUN", file_id=None, detail=detail)
    return sharing


def _let_go(
    cursor: RealDictCursor,
    actor: str,
    archive: Archive,
    sharing: list[ArrivalPurgeItem],
    retention: Mapping[str, int],
) -> list[ArrivalPurgeItem]:
    """Remove one object, unless a file of ours has the same bytes, and write that down for each arrival of it."""
    sha256 = sharing[0].sha256
    cursor.execute(
        "SELECT id FROM ledger.arrival WHERE sha256 = %s AND purged_at IS NULL ORDER BY id FOR UPDATE", [sha256]
    )
    if {found["id"] for found in cursor.fetchall()} != {item.arrival_id for item in sharing}:
        return []  # another run has finished it, or the same bytes came again or were taken up
    now = database_now(cursor)
    cursor.execute(
        "SELECT purge_marked_at IS NOT NULL AND purged_at IS NULL AS marked FROM ledger.archive_object "
        "WHERE sha256 = %s FOR UPDATE",
        [sha256],
    )
    found = cursor.fetchone()
    removed = found is not None and found["marked"]
    if removed:
        remove_object(cursor, archive, sha256, f"{_why(sharing[0], retention)}, {sharing[0].interface}", now)
    ids = [item.arrival_id for item in sharing]
    cursor.execute("UPDATE ledger.arrival SET purged_at = %s WHERE id = ANY (%s)", [now, ids])
    for item in sharing:
        events.append(
            cursor,
            actor=actor,
            kind="PURGED",
            file_id=None,
            reason=_why(item, retention),
            detail={
                "arrival": item.arrival_id,
                "sha256": sha256,
                "object_removed": removed,
                "columns": {"purged_at": now},
            },
        )
    return sharing


def _why(item: ArrivalPurgeItem, retention: Mapping[str, int]) -> str:
    days = retention.get(item.interface)
    return "retention" if days is None else f"retention of {days} days"
