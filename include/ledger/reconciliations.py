"""What the comparison of a file (here) with the delivered files of another interface (there) found, run by run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from psycopg2.extras import Json

from include.ledger import events
from include.ledger.copying import cell, copy_lines
from include.ledger.errors import LedgerError
from include.ledger.preconditions import no_such_file
from include.ledger.rows import row_of
from include.ledger.session import Session
from include.window import Window

KIND: Final = re.compile(r"[A-Z][A-Z_]*")


@dataclass(frozen=True)
class ReconciliationDifference:
    """
    One line of a document that the two sides do not have alike.

    ``net_here`` and ``net_there`` are the line's net amounts, None on a side that does not have it; ``file_there`` is
    the ledger's id of the file that has it there. ``explained`` differences are in the nature of the two interfaces;
    one that is not is for a person. ``note`` says what the kind alone does not; no personal data.
    """

    kind: str
    explained: bool
    document_type: str
    document_number: str
    line_number: str
    document_date: date | None
    posted_on: date | None
    net_here: Decimal | None
    net_there: Decimal | None
    file_there: int | None
    note: str


@dataclass(frozen=True)
class ReconciliationRow:
    """
    One comparison: rows and control totals of both sides, and how many differences there are of each kind.

    ``held_for`` is why the file was to be held, None if nothing was unexplained. ``state``, ``file_name`` and
    ``purged_at`` are the file's as it stands now; once it is purged the single differences are gone.
    """

    id: int
    file_id: int
    batch_id: int
    at: datetime
    against: str
    rows_here: int
    total_here: Decimal
    rows_there: int
    total_there: Decimal
    held_for: str | None
    kinds: Mapping[str, int]
    unexplained: int
    interface: str
    dealer: str
    environment: str
    zone: str
    window_start: datetime
    window_end: datetime
    business_date: date
    revision: int
    state: str
    file_name: str | None
    purged_at: datetime | None

    @property
    def window(self) -> Window:
        """The file's window."""
        return Window(self.window_start, self.window_end, self.zone)

    @property
    def difference(self) -> Decimal:
        """What the file's total has more than the other side's."""
        return self.total_here - self.total_there


COLUMNS: Final = tuple(field.name for field in fields(ReconciliationDifference))


class Reconciliations(Session):
    """Writing and reading comparisons; one per file and batch."""

    def record_reconciliation(
        self,
        file_id: int,
        *,
        batch_id: int,
        against: str,
        rows_here: int,
        total_here: Decimal,
        rows_there: int,
        total_there: Decimal,
        held_for: str | None,
        differences: Sequence[ReconciliationDifference],
    ) -> int:
        """
        Store what a run's comparison of the file with the files of interface ``against`` found, and return its id.

        A repeat for the same batch replaces what it found before and keeps the id. The event (RECONCILED) has the
        counts by kind only: events are kept for ever, documents are not.

        :raises LedgerError: if there is no such file or batch, the file is of the interface ``against`` itself, a kind
            is no word in capitals, or an amount is no finite number.
        """
        _require_sound(file_id, (total_here, total_there), differences)
        kinds = dict(sorted(Counter(difference.kind for difference in differences).items()))
        unexplained = sum(not difference.explained for difference in differences)
        with self.transaction() as cursor:
            cursor.execute("SELECT interface FROM ledger.file WHERE id = %s FOR NO KEY UPDATE", [file_id])
            found = cursor.fetchone()
            if found is None:
                raise no_such_file(file_id)
            if found["interface"] == against:
                raise LedgerError(
                    f"file {file_id} is one of {against} itself; a file is compared with another interface's files"
                )
            cursor.execute("SELECT 1 FROM ledger.batch WHERE id = %s", [batch_id])
            if cursor.fetchone() is None:
                raise LedgerError(f"the ledger has no batch {batch_id}; a run opens its batch before it compares")
            cursor.execute(
                """
                INSERT INTO ledger.reconciliation (file_id, batch_id, against, rows_here, total_here, rows_there,
                    total_there, held_for, kinds, unexplained)
                VALUES (%(file_id)s, %(batch_id)s, %(against)s, %(rows_here)s, %(total_here)s, %(rows_there)s,
                    %(total_there)s, %(held_for)s, %(kinds)s, %(unexplained)s)
                ON CONFLICT ON CONSTRAINT reconciliation_is_one_per_run DO UPDATE SET
                    at = clock_timestamp(), against = EXCLUDED.against,
                    rows_here = EXCLUDED.rows_here, total_here = EXCLUDED.total_here,
                    rows_there = EXCLUDED.rows_there, total_there = EXCLUDED.total_there,
                    held_for = EXCLUDED.held_for, kinds = EXCLUDED.kinds, unexplained = EXCLUDED.unexplained
                RETURNING id
                """,
                {
                    "file_id": file_id,
                    "batch_id": batch_id,
                    "against": against,
                    "rows_here": rows_here,
                    "total_here": total_here,
                    "rows_there": rows_there,
                    "total_there": total_there,
                    "held_for": held_for,
                    "kinds": Json(kinds),
                    "unexplained": unexplained,
                },
            )
            stored = cursor.fetchone()
            assert stored is not None
            reconciliation_id = int(stored["id"])
            cursor.execute(
                "DELETE FROM ledger.reconciliation_difference WHERE reconciliation_id = %s", [reconciliation_id]
            )
            copy_lines(
                cursor,
                "COPY ledger.reconciliation_difference (reconciliation_id, position, kind, explained, document_type, "
                "document_number, line_number, document_date, posted_on, net_here, net_there, file_there, note) "
                "FROM STDIN",
                _copy_lines(reconciliation_id, differences),
            )
            events.append(
                cursor,
                actor=self.actor,
                kind="RECONCILED",
                file_id=file_id,
                detail={"batch_id": batch_id, "against": against, "kinds": kinds, "unexplained": unexplained},
            )
            return reconciliation_id

    def reconciliations(
        self, *, interface: str, business_date: date, dealer: str | None = None
    ) -> list[ReconciliationRow]:
        """
        Return each dealer's newest comparisons for the window that begins on ``business_date``, by dealer.

        One per environment: a preview of the month does not hide what went, and its own is left out once it is purged.
        """
        with self.transaction() as cursor:
            cursor.execute(
                """
                SELECT DISTINCT ON (dealer, environment) * FROM ledger.v_reconciliation
                WHERE interface = %(interface)s AND business_date = %(business_date)s
                    AND (%(dealer)s IS NULL OR dealer = %(dealer)s)
                    AND NOT (environment = 'preview' AND purged_at IS NOT NULL)
                ORDER BY dealer, environment, at DESC, id DESC
                """,
                {"interface": interface, "business_date": business_date, "dealer": dealer},
            )
            return [row_of(ReconciliationRow, found) for found in cursor.fetchall()]

    def reconciliation_of(self, file_id: int) -> ReconciliationRow | None:
        """Return the file's newest comparison, None if it was never compared."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT * FROM ledger.v_reconciliation WHERE file_id = %s ORDER BY at DESC, id DESC LIMIT 1", [file_id]
            )
            found = cursor.fetchone()
            return None if found is None else row_of(ReconciliationRow, found)

    def reconciliation_differences(self, reconciliation_id: int) -> list[ReconciliationDifference]:
        """Return the differences in the order in which they were recorded; none once retention has taken them."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT * FROM ledger.reconciliation_difference WHERE reconciliation_id = %s ORDER BY position",
                [reconciliation_id],
            )
            return [ReconciliationDifference(*(found[name] for name in COLUMNS)) for found in cursor.fetchall()]


def _copy_lines(reconciliation_id: int, differences: Sequence[ReconciliationDifference]) -> Iterator[bytes]:
    for position, difference in enumerate(differences):
        values = (reconciliation_id, position, *(getattr(difference, name) for name in COLUMNS))
        yield ("\t".join(map(cell, values)) + "\n").encode()


def _require_sound(file_id: int, totals: Sequence[Decimal], differences: Sequence[ReconciliationDifference]) -> None:
    if not all(total.is_finite() for total in totals):
        raise LedgerError(f"file {file_id}: a control total of its comparison is no finite number; see its reader")
    for position, difference in enumerate(differences):
        if not KIND.fullmatch(difference.kind):
            raise LedgerError(
                f"file {file_id}: difference {position} is of kind {difference.kind!r}; a kind is a word in capitals"
            )
        amounts = (difference.net_here, difference.net_there)
        if not all(amount is None or amount.is_finite() for amount in amounts):
            raise LedgerError(f"file {file_id}: difference {position} has an amount that is no finite number")
