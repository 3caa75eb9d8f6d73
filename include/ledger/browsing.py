"""Pages of what the ledger holds, newest first, by key and not by number: the last page costs what the first does."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from include.ledger.arrival_rows import ArrivalRow
from include.ledger.rows import FileRow, row_of
from include.ledger.session import Session

if TYPE_CHECKING:
    pass

Row = TypeVar("Row")
Key = tuple[str, int]
PAGE_ROWS: Final = 50

# The driver writes values into the text, so that the planner sees which conditions are none and takes the index of
# those that are left.
_FILES: Final = """
SELECT * FROM ledger.file
WHERE environment = 'live' AND interface = ANY (%(interfaces)s) AND (%(only)s IS NULL OR interface = %(only)s)
    AND (%(dealer)s IS NULL OR dealer = %(dealer)s) AND (%(state)s IS NULL OR state = %(state)s)
    AND (%(since)s::date IS NULL OR business_date >= %(since)s)
    AND (%(until)s::date IS NULL OR business_date <= %(until)s)
    AND (%(after_time)s IS NULL OR (business_date, id) < (%(after_time)s::date, %(after_id)s))
ORDER BY business_date DESC, id DESC LIMIT %(limit)s
"""
_ARRIVALS: Final = """
SELECT * FROM ledger.arrival
WHERE interface = ANY (%(interfaces)s) AND (%(only)s IS NULL OR interface = %(only)s)
    AND (%(dealer)s IS NULL OR dealer = %(dealer)s) AND (%(state)s IS NULL OR state = %(state)s)
    AND (%(since)s::timestamptz IS NULL OR first_seen_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR first_seen_at < %(until)s)
    AND (%(after_time)s IS NULL OR (first_seen_at, id) < (%(after_time)s::timestamptz, %(after_id)s))
ORDER BY first_seen_at DESC, id DESC LIMIT %(limit)s
"""

_TOUCHED: Final = """
SELECT DISTINCT file_id, (detail ->> 'arrival')::bigint AS arrival_id FROM ledger.event
WHERE at BETWEEN %(since)s AND %(until)s AND starts_with(actor, %(actor)s)
"""


@dataclass(frozen=True)
class Choice:
    """
    What a page is about; everything given must match.

    ``since`` and ``until`` bound the business date of files that go out, and the day (UTC) on which a file that came in
    was first seen; both included. ``interfaces`` are those that the reader may see.
    """

    interfaces: tuple[str, ...]
    dealer: str | None = None
    state: str | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows of one page, and the key behind which the next one begins; None if this is the last."""

    rows: tuple[Row, ...]
    next_key: Key | None


class Browsing(Session):
    """The ledger read page by page."""

    def page_of_files(self, choice: Choice, *, after: Key | None = None, limit: int = PAGE_ROWS) -> Page[FileRow]:
        """
        Return files of the live environment by business date and number, newest first.

        :param after: ``next_key`` of the page before.
        """
        with self.transaction() as cursor:
            cursor.execute(_FILES, _binds(choice, after, limit))
            rows = tuple(row_of(FileRow, found) for found in cursor.fetchall())
        behind = (rows[limit - 1].business_date.isoformat(), rows[limit - 1].id) if len(rows) > limit else None
        return Page(rows[:limit], behind)

    def page_of_arrivals(self, choice: Choice, *, after: Key | None = None, limit: int = PAGE_ROWS) -> Page[ArrivalRow]:
        """
        Return files that came in by first sighting and number, newest first.

        :param after: ``next_key`` of the page before.
        """
        told = _binds(choice, after, limit)
        told["since"] = None if choice.since is None else datetime.combine(choice.since, time(), UTC)
        told["until"] = (
            None if choice.until is None else datetime.combine(choice.until, time(), UTC) + timedelta(days=1)
        )
        with self.transaction() as cursor:
            cursor.execute(_ARRIVALS, told)
            rows = tuple(row_of(ArrivalRow, found) for found in cursor.fetchall())
        behind = (rows[limit - 1].first_seen_at.isoformat(), rows[limit - 1].id) if len(rows) > limit else None
        return Page(rows[:limit], behind)

    def files_of_run(
        self, dag_id: str, run_id: str, *, since: datetime, until: datetime
    ) -> tuple[list[FileRow], list[int]]:
        """
        Return the files of which a run's tasks told the ledger something, and the numbers of such arrivals.

        :param since: when the run began; :param until: when it ended, or now.
        """
        told = {"since": since, "until": until, "actor": f"airflow:{dag_id}/{run_id}/"}
        with self.transaction() as cursor:
            cursor.execute(_TOUCHED, told)
            touched = cursor.fetchall()
            numbers = [row["file_id"] for row in touched if row["file_id"] is not None]
            cursor.execute(
                "SELECT * FROM ledger.file WHERE id = ANY (%s) ORDER BY dealer, business_date, id", [numbers]
            )
            files = [row_of(FileRow, found) for found in cursor.fetchall()]
        return files, sorted({row["arrival_id"] for row in touched if row["arrival_id"] is not None})


def _binds(choice: Choice, after: Key | None, limit: int) -> dict[str, object]:
    return {
        **asdict(choice),
        "interfaces": list(choice.interfaces),
        # An index gives one interface's rows in their order; of a list, even of one, it does not.
        "only": choice.interfaces[0] if len(choice.interfaces) == 1 else None,
        "after_time": None if after is None else after[0],
        "after_id": None if after is None else after[1],
        "limit": limit + 1,
    }
