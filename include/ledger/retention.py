"""
Lets go of delivered bytes, what went beside them and rejected rows' keys when their contract's retention has passed.
What partners left for us: ``arrival_retention.py``.

The ledger row and its events stay. An object is marked first, in a transaction of its own, and removed afterwards, so
that a crash in between leaves a mark that the next run finishes, never a row that promises bytes that are gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from psycopg2.extras import RealDictCursor

from include.ledger import events
from include.ledger.preconditions import database_now
from include.ledger.rows import row_of
from include.ledger.session import Session
from include.ledger.states import PREVIEW, SETTLED

if TYPE_CHECKING:
    from include.archive import Archive

PREVIEW_DAYS: Final = 7
LET_GO_DAYS: Final = 7
# Due: settled longer ago than its interface keeps, or marked by a run that did not get to its end. A file waits as
# long as another file that is not due needs the same bytes, or an arrival, which waits for no file. A preview is due
# whatever its state, since one that stopped half-way is never ended; its row is used again by the next one, so its age
# is that of its last event. A withheld file of which nothing was rendered has rejected rows at most, and may wait for
# its signature for ever.
DUE: Final = """
WITH retention AS (
    SELECT * FROM unnest(%(interfaces)s::text[], %(days)s::integer[]) AS kept (interface, days)
), aged AS (
    SELECT file.*, object.purge_marked_at IS NOT NULL AND object.purged_at IS NULL AS marked,
        CASE WHEN environment = 'preview' THEN %(preview_days)s ELSE retention.days END AS keep,
        (CASE WHEN environment = 'preview' THEN (SELECT max(at) FROM ledger.event WHERE file_id = file.id)
            ELSE coalesce(file.published_at, file.created_at) END AT TIME ZONE 'UTC')::date AS settled_on
    FROM ledger.file LEFT JOIN retention USING (interface) LEFT JOIN ledger.archive_object AS object USING (sha256)
    WHERE file.purged_at IS NULL AND (file.state = ANY (%(settled)s) OR environment = 'preview'
        OR (file.state = 'WITHHELD' AND file.sha256 IS NULL))
), due AS (
    SELECT * FROM aged WHERE marked OR settled_on < %(today)s - keep
)
SELECT id AS file_id, interface, partner, dealer, environment, business_date, revision, state, settled_on, sha256,
    bytes, marked, (SELECT count(*) FROM ledger.rejected_row WHERE file_id = due.id) AS rejected_rows,
    (SELECT count(*) FROM ledger.reconciliation JOIN ledger.reconciliation_difference
        ON reconciliation_id = reconciliation.id WHERE file_id = due.id) AS differences,
    (SELECT count(*) FROM ledger.companion WHERE file_id = due.id) AS companions,
    (SELECT coalesce(sum(companion.bytes), 0)::bigint FROM ledger.companion WHERE file_id = due.id) AS companion_bytes
FROM due
WHERE marked OR sha256 IS NULL OR NOT EXISTS (
    SELECT FROM ledger.file AS other
    WHERE other.sha256 = due.sha256 AND other.purged_at IS NULL AND other.id NOT IN (SELECT id FROM due)
    UNION ALL
    SELECT FROM ledger.companion JOIN ledger.file AS other ON other.id = file_id
    WHERE companion.sha256 = due.sha256 AND other.purged_at IS NULL AND other.id NOT IN (SELECT id FROM due)
    UNION ALL
    SELECT FROM ledger.arrival WHERE arrival.sha256 = due.sha256 AND arrival.purged_at IS NULL)
ORDER BY settled_on, id
"""

# What goes beside files that are let go, unless a file that stays, or what goes beside it, has the same bytes.
BESIDE: Final = """
SELECT DISTINCT companion.sha256 FROM ledger.companion
WHERE file_id = ANY (%(ids)s) AND NOT EXISTS (
    SELECT FROM ledger.file AS other
    WHERE other.purged_at IS NULL AND other.id <> ALL (%(ids)s) AND (other.sha256 = companion.sha256
        OR EXISTS (SELECT FROM ledger.companion AS theirs
            WHERE theirs.file_id = other.id AND theirs.sha256 = companion.sha256)))
    AND NOT EXISTS (
        SELECT FROM ledger.arrival WHERE arrival.sha256 = companion.sha256 AND arrival.purged_at IS NULL)
ORDER BY companion.sha256
"""
# Bytes that no row names any more: of a file that was made anew, of companions that were replaced.
UNNAMED: Final = """
SELECT sha256, bytes, (stored_at AT TIME ZONE 'UTC')::date AS stored_on FROM ledger.archive_object AS object
WHERE purged_at IS NULL AND (%(sha256)s::text IS NULL OR object.sha256 = %(sha256)s)
    AND (stored_at AT TIME ZONE 'UTC')::date < %(today)s - %(days)s
    AND NOT EXISTS (SELECT FROM ledger.file WHERE file.sha256 = object.sha256)
    AND NOT EXISTS (SELECT FROM ledger.companion WHERE companion.sha256 = object.sha256)
    AND NOT EXISTS (
        SELECT FROM ledger.arrival WHERE arrival.sha256 = object.sha256 AND arrival.purged_at IS NULL)
ORDER BY stored_at, sha256
"""


@dataclass(frozen=True)
class UnnamedItem:
    """An object in the archive that no file, no companion and no arrival has any more."""

    sha256: str
    bytes: int
    stored_on: date


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
    companions: int
    companion_bytes: int
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
    file that has it: two files of the same bytes are purged together, on the day the younger one is due. What went
    beside a file goes with its bytes.

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


def purge_unnamed(
    dsn: str, archive: Archive, *, today: date, dry_run: bool = True, actor: str = "retention"
) -> list[UnnamedItem]:
    """
    Return the objects that no row names any more, stored longer than :data:`LET_GO_DAYS` ago, and let them go.

    A file that is made anew leaves its former bytes behind, a companion that is replaced its own; both may be personal
    data that nobody has a use for, and no file is left whose retention could take them.

    :raises LedgerError: if the database cannot be reached.
    :raises OSError: if an object cannot be removed; it stays marked, and the next run tries again.
    """
    with Session(dsn, actor=actor) as session:
        asked = {"today": today, "days": LET_GO_DAYS, "sha256": None}
        with session.transaction() as cursor:
            cursor.execute(UNNAMED, asked)
            items = [row_of(UnnamedItem, found) for found in cursor.fetchall()]
        gone = []
        for item in () if dry_run else items:
            with session.transaction() as cursor:
                # Locked before it is looked at: who names it meanwhile has done so already, or finds the mark.
                cursor.execute("SELECT 1 FROM ledger.archive_object WHERE sha256 = %s FOR UPDATE", [item.sha256])
                cursor.execute(UNNAMED, {**asked, "sha256": item.sha256})
                if cursor.fetchone() is None:
                    continue
                mark_objects(cursor, [item.sha256])
            with session.transaction() as cursor:
                remove_object(cursor, archive, item.sha256, "no file names it any more", database_now(cursor))
                detail = {"sha256": item.sha256, "bytes": item.bytes}
                events.append(cursor, actor=actor, kind="PURGED", file_id=None, reason="unnamed", detail=detail)
            gone.append(item)
        return items if dry_run else gone


def mark_objects(cursor: RealDictCursor, objects: list[str]) -> None:
    """Say of archive objects that they are about to go: nobody can rely on them from the commit on."""
    cursor.execute(
        """
        UPDATE ledger.archive_object SET purge_marked_at = clock_timestamp()
        WHERE sha256 = ANY (%s) AND purge_marked_at IS NULL
        """,
        [objects],
    )


def remove_object(cursor: RealDictCursor, archive: Archive, sha256: str, reason: str, at: datetime) -> None:
    """Remove a marked object from the archive; its row stays locked until the transaction ends."""
    cursor.execute("SELECT 1 FROM ledger.archive_object WHERE sha256 = %s FOR UPDATE", [sha256])
    archive.remove(sha256, reason=reason, at=at)
    cursor.execute(
        "UPDATE ledger.archive_object SET purge_marked_at = coalesce(purge_marked_at, %(at)s), purged_at = %(at)s "
        "WHERE sha256 = %(sha256)s",
        {"at": at, "sha256": sha256},
    )


def _mark(cursor: RealDictCursor, actor: str, items: list[PurgeItem]) -> None:
    cursor.execute(BESIDE, {"ids": [item.file_id for item in items]})
    objects = sorted({item.sha256 for item in items if item.sha256} | {found["sha256"] for found in cursor.fetchall()})
    mark_objects(cursor, objects)
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
    Remove one object, what went beside the files that shared it, and their details.

    The rows stay locked while the object goes, so a rendering of the same bytes cannot slip in between.
    """
    ids = [item.file_id for item in sharing]
    cursor.execute(
        """
        SELECT id, purged_at FROM ledger.file
        WHERE id = ANY (%(ids)s) AND sha256 IS NOT DISTINCT FROM %(sha256)s
            AND (state = ANY (%(settled)s) OR environment = 'preview' OR (state = 'WITHHELD' AND sha256 IS NULL))
        ORDER BY id FOR UPDATE
        """,
        {"ids": ids, "sha256": sharing[0].sha256, "settled": sorted(SETTLED)},
    )
    open_ids = [found["id"] for found in cursor.fetchall() if found["purged_at"] is None]
    if len(open_ids) < len(ids):
        return  # another run has finished it, or a person has taken the window up again
    now = database_now(cursor)
    sha256 = sharing[0].sha256
    preview = sharing[0].environment == PREVIEW
    days = PREVIEW_DAYS if preview else retention.get(sharing[0].interface)
    reason = f"retention of {days} days" if days is not None else "retention"
    why = f"{reason}, {sharing[0].interface}"
    if sha256 is not None:
        remove_object(cursor, archive, sha256, why, now)
    cursor.execute(BESIDE, {"ids": ids})
    for found in cursor.fetchall():
        remove_object(cursor, archive, found["sha256"], why, now)
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
                "companions": item.companions,
                "columns": {"purged_at": now},
            },
        )
