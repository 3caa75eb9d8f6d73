"""
Lets go of delivered bytes and of rejected rows' keys when their contract's retention has passed.

The ledger row and its events stay. An object is marked first, in a transaction of its own, and removed afterwards, so
that a crash in between leaves a mark that the next run finishes, never a row that promises bytes that are gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from psycopg2.extras import RealDictCursor

from include.ledger import events
from include.ledger.rows import row_of
from include.ledger.session import Session
from include.ledger.states import SETTLED

if TYPE_CHECKING:
    from include.archive import Archive

# Due: settled longer ago than its interface keeps, or marked by a run that did not get to its end. A file waits as
# long as another file that is not due needs the same bytes.
DUE: Final = """
WITH retention AS (
    SELECT * FROM unnest(%(interfaces)s::text[], %(days)s::integer[]) AS kept (interface, days)
), due AS (
    SELECT file.*, (coalesce(file.published_at, file.created_at) AT TIME ZONE 'UTC')::date AS settled_on,
        object.purge_marked_at IS NOT NULL AND object.purged_at IS NULL AS marked
    FROM ledger.file LEFT JOIN retention USING (interface) LEFT JOIN ledger.archive_object AS object USING (sha256)
    WHERE file.purged_at IS NULL AND file.state = ANY (%(settled)s)
        AND ((coalesce(file.published_at, file.created_at) AT TIME ZONE 'UTC')::date < %(today)s - retention.days
            OR (object.purge_marked_at IS NOT NULL AND object.purged_at IS NULL))
)
SELECT id AS file_id, interface, partner, dealer, environment, business_date, revision, state, settled_on, sha256,
    bytes, marked, (SELECT count(*) FROM ledger.rejected_row WHERE file_id = due.id) AS rejected_rows
FROM due
WHERE marked OR sha256 IS NULL OR NOT EXISTS (
    SELECT FROM ledger.file AS other
    WHERE other.sha256 = due.sha256 AND other.purged_at IS NULL AND other.id NOT IN (SELECT id FROM due))
ORDER BY settled_on, id
"""


@dataclass(frozen=True)
class PurgeItem:
    """
    A file whose bytes (``sha256``; None if none were ever made) and rejected rows retention lets go.

    ``marked``: a run before this one had begun and did not finish. ``settled_on``: the day retention counts from, that
    of publication, or of planning for a cancelled file.
    """

    file_id: int
    interface: str
    partner: str
    dealer: str
    environment: str
    business_date: date
    revision: int
    state: str
    settled_on: date
    sha256: str | None
    bytes: int | None
    rejected_rows: int
    marked: bool


def purge(
    dsn: str,
    archive: Archive,
    *,
    today: date,
    retention: Mapping[str, int],
    dry_run: bool = True,
    actor: str = "retention",
) -> list[PurgeItem]:
    """
    Return what is due on ``today``, and unless it is a dry run let it go.

    ``retention`` is days by interface; an interface that is not in it keeps everything. An object goes with the last
    file that has it: two files of the same bytes are purged together, on the day the younger one is due.

    :raises LedgerError: if the database cannot be reached.
    :raises OSError: if an object cannot be removed; it stays marked, and the next run tries again.
    """
    with Session(dsn, actor=actor) as session:
        asked = {
            "interfaces": list(retention),
            "days": list(retention.values()),
            "settled": sorted(SETTLED),
            "today": today,
        }
        with session.transaction() as cursor:
            cursor.execute(DUE, asked)
            items = [row_of(PurgeItem, found) for found in cursor.fetchall()]
            if not dry_run and items:
                _mark(cursor, actor, items)
        if dry_run:
            return items
        by_object: dict[str, list[PurgeItem]] = {}
        for item in items:
            by_object.setdefault(item.sha256 or f"file {item.file_id}", []).append(item)
        for sharing in by_object.values():
            with session.transaction() as cursor:
                _let_go(cursor, actor, archive, sharing, retention)
        archive.sweep()
        return items


def _mark(cursor: RealDictCursor, actor: str, items: list[PurgeItem]) -> None:
    objects = sorted({item.sha256 for item in items if item.sha256})
    cursor.execute(
        """
        UPDATE ledger.archive_object SET purge_marked_at = clock_timestamp()
        WHERE sha256 = ANY (%s) AND purge_marked_at IS NULL
        """,
        [objects],
    )
    events.append(
        cursor,
        actor=actor,
        kind="PURGE_BEGUN",
        file_id=None,
        detail={"files": [item.file_id for item in items], "objects": len(objects)},
    )


def _let_go(
    cursor: RealDictCursor, actor: str, archive: Archive, sharing: list[PurgeItem], retention: Mapping[str, int]
) -> None:
    """
    Remove one object and the details of the files that shared it.

    The rows stay locked while the object goes, so a rendering of the same bytes cannot slip in between.
    """
    ids = [item.file_id for item in sharing]
    cursor.execute(
        "SELECT id, purged_at FROM ledger.file WHERE id = ANY (%s) AND state = ANY (%s) ORDER BY id FOR UPDATE",
        [ids, sorted(SETTLED)],
    )
    open_ids = [found["id"] for found in cursor.fetchall() if found["purged_at"] is None]
    if len(open_ids) < len(ids):
        return  # another run has finished it, or a person has taken the window up again
    cursor.execute("SELECT clock_timestamp() AS now")
    now: datetime = _one(cursor)["now"]
    sha256 = sharing[0].sha256
    days = retention.get(sharing[0].interface)
    reason = f"retention of {days} days" if days is not None else "retention"
    if sha256 is not None:
        cursor.execute("SELECT 1 FROM ledger.archive_object WHERE sha256 = %s FOR UPDATE", [sha256])
        archive.remove(sha256, reason=f"{reason}, {sharing[0].interface}", at=now)
        cursor.execute("UPDATE ledger.archive_object SET purged_at = %s WHERE sha256 = %s", [now, sha256])
    cursor.execute("DELETE FROM ledger.rejected_row WHERE file_id = ANY (%s)", [ids])
    cursor.execute("UPDATE ledger.file SET purged_at = %s WHERE id = ANY (%s)", [now, ids])
    for item in sharing:
        events.append(
            cursor,
            actor=actor,
            kind="PURGED",
            file_id=item.file_id,
            reason=reason,
            detail={"sha256": sha256, "rejected_rows": item.rejected_rows, "columns": {"purged_at": now}},
        )


def _one(cursor: RealDictCursor) -> dict[str, Any]:
    found = cursor.fetchone()
    assert found is not None
    return dict(found)
