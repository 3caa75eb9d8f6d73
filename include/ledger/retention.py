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
from include.ledger.states import PREVIEW, SETTLED

if TYPE_CHECKING:
    from include.archive import Archive

PREVIEW_DAYS: Final = 7
# Due: settled longer ago than its interface keeps, or marked by a run that did not get to its end. A file waits as
# long as another file that is not due needs the same bytes. A preview is due whatever its state, since one that stopped
# half-way is never ended; its row is used again by the next one, so its age is that of its last event.
DUE: Final = """
WITH retention AS (
    SELECT * FROM unnest(%(interfaces)s::text[], %(days)s::integer[]) AS kept (interface, days)
), aged AS (
    SELECT file.*, object.purge_marked_at IS NOT NULL AND object.purged_at IS NULL AS marked,
        CASE WHEN environment = 'preview' THEN %(preview_days)s ELSE retention.days END AS keep,
        (CASE WHEN environment = 'preview' THEN (SELECT max(at) FROM ledger.event WHERE file_id = file.id)
            ELSE coalesce(file.published_at, file.created_at) END AT TIME ZONE 'UTC')::date AS settled_on
    FROM ledger.file LEFT JOIN retention USING (interface) LEFT JOIN ledger.archive_object AS object USING (sha256)
    WHERE file.purged_at IS NULL AND (file.state = ANY (%(settled)s) OR environment = 'preview')
), due AS (
    SELECT * FROM aged WHERE marked OR settled_on < %(today)s - keep
)
SELECT id AS file_id, interface, partner, dealer, environment, business_date, revision, state, settled_on, sha256,
    bytes, marked, (SELECT count(*) FROM ledger.rejected_row WHERE file_id = due.id) AS rejected_rows,
    (SELECT count(*) FROM ledger.reconciliation JOIN ledger.reconciliation_difference
        ON reconciliation_id = reconciliation.id WHERE file_id = due.id) AS differences
FROM due
WHERE marked OR sha256 IS NULL OR NOT EXISTS (
    SELECT FROM ledger.file AS other
    WHERE other.sha256 = due.sha256 AND other.purged_at IS NULL AND other.id NOT IN (SELECT id FROM due))
ORDER BY settled_on, id
"""


@dataclass(frozen=True)
class PurgeItem:
    """
    A file whose bytes (``sha256``; None if none were ever made), rejected rows and differences retention lets go.

    ``marked``: a run before this one had begun and did not finish. ``settled_on``: the day retention counts from, that
    of publication, of planning for a cancelled file, of its last event for a preview.
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
    differences: int
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

    ``retention`` is days by interface; an interface that is not in it keeps everything but its previews, which are kept
    for :data:`PREVIEW_DAYS` whatever the contract says. An object goes with the last
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
            "preview_days": PREVIEW_DAYS,
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
        """
        SELECT id, purged_at FROM ledger.file
        WHERE id = ANY (%(ids)s) AND sha256 IS NOT DISTINCT FROM %(sha256)s
            AND (state = ANY (%(settled)s) OR environment = 'preview')
        ORDER BY id FOR UPDATE
        """,
        {"ids": ids, "sha256": sharing[0].sha256, "settled": sorted(SETTLED)},
    )
    open_ids = [found["id"] for found in cursor.fetchall() if found["purged_at"] is None]
    if len(open_ids) < len(ids):
        return  # another run has finished it, or a person has taken the window up again
    cursor.execute("SELECT clock_timestamp() AS now")
    now: datetime = _one(cursor)["now"]
    sha256 = sharing[0].sha256
    preview = sharing[0].environment == PREVIEW
    days = PREVIEW_DAYS if preview else retention.get(sharing[0].interface)
    reason = f"retention of {days} days" if days is not None else "retention"
    if sha256 is not None:
        cursor.execute("SELECT 1 FROM ledger.archive_object WHERE sha256 = %s FOR UPDATE", [sha256])
        archive.remove(sha256, reason=f"{reason}, {sharing[0].interface}", at=now)
        cursor.execute("UPDATE ledger.archive_object SET purged_at = %s WHERE sha256 = %s", [now, sha256])
    cursor.execute("DELETE FROM ledger.rejected_row WHERE file_id = ANY (%s)", [ids])
    cursor.execute(
        """
        DELETE FROM ledger.reconciliation_difference USING ledger.reconciliation
        WHERE reconciliation_id = reconciliation.id AND file_id = ANY (%s)
        """,
        [ids],
    )
    cursor.execute("UPDATE ledger.file SET purged_at = %s WHERE id = ANY (%s)", [now, ids])
    for item in sharing:
        events.append(
            cursor,
            actor=actor,
            kind="PURGED",
            file_id=item.file_id,
            reason=reason,
            detail={
                "sha256": sha256,
                "rejected_rows": item.rejected_rows,
                "differences": item.differences,
                "columns": {"purged_at": now},
            },
        )


def _one(cursor: RealDictCursor) -> dict[str, Any]:
    found = cursor.fetchone()
    assert found is not None
    return dict(found)
