"""What the readings found: rejected rows, quality results, and the row counts of earlier days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache

from psycopg2.extras import execute_values

from include.ledger.copying import ESCAPES, copy_lines
from include.ledger.errors import LedgerError
from include.ledger.rows import QualityResult, RejectedRow, row_of
from include.ledger.session import Session


class Findings(Session):
    """Writing and reading the findings about one file. Keys and rule ids only, never a row's values."""

    def replace_rejected_rows(self, file_id: int, rows: Iterable[RejectedRow]) -> None:
        """
        Store the rejected rows of the file instead of those stored before; streamed by COPY in one transaction.

        :raises LedgerError: if a row gives no reason.
        """
        with self.transaction() as cursor:
            cursor.execute("SELECT 1 FROM ledger.file WHERE id = %s FOR NO KEY UPDATE", [file_id])
            if cursor.fetchone() is None:
                raise LedgerError(f"the ledger has no file {file_id}; plan it before its rows are rejected")
            cursor.execute("DELETE FROM ledger.rejected_row WHERE file_id = %s", [file_id])
            copy_lines(
                cursor,
                "COPY ledger.rejected_row (file_id, row_key, reasons) FROM STDIN",
                _copy_lines(file_id, rows),
            )

    def rejected_rows(self, file_id: int, limit: int = 1000) -> list[RejectedRow]:
        """Return up to ``limit`` rejected rows in the order of their keys; a key that is a number sorts as one."""
        with self.transaction() as cursor:
            cursor.execute(
                """
                SELECT row_key, reasons FROM ledger.rejected_row WHERE file_id = %s
                ORDER BY lpad(row_key, 40), row_key LIMIT %s
                """,
                [file_id, limit],
            )
            return [row_of(RejectedRow, found) for found in cursor.fetchall()]

    def rejected_reasons(self, file_id: int) -> dict[str, int]:
        """Return how many rejected rows of the file break each rule, most frequent first."""
        with self.transaction() as cursor:
            cursor.execute(
                """
                SELECT reason, count(*) AS rows FROM ledger.rejected_row, unnest(reasons) AS reason
                WHERE file_id = %s GROUP BY reason ORDER BY rows DESC, reason
                """,
                [file_id],
            )
            return {found["reason"]: found["rows"] for found in cursor.fetchall()}

    def replace_quality_results(self, file_id: int, results: Iterable[QualityResult]) -> None:
        """
        Store what a reading found instead of what the same reading found before.

        Only the readers that occur in ``results`` are replaced: the gate leaves the row check's findings alone.
        """
        found = list(results)
        with self.transaction() as cursor:
            cursor.execute(
                "DELETE FROM ledger.quality_result WHERE file_id = %s AND reader = ANY (%s)",
                [file_id, sorted({result.reader for result in found})],
            )
            execute_values(
                cursor,
                """
                INSERT INTO ledger.quality_result (file_id, reader, rule, columns, dimension, severity, status,
                    checked, failed, observed) VALUES %s
                """,
                [
                    (
                        file_id,
                        result.reader,
                        result.rule,
                        list(result.columns),
                        result.dimension,
                        result.severity,
                        result.status,
                        result.checked,
                        result.failed,
                        result.observed,
                    )
                    for result in found
                ],
                template="(%s, %s, %s, %s::text[], %s, %s, %s, %s, %s, %s)",
            )

    def quality_results(self, file_id: int) -> list[QualityResult]:
        """Return every reading's findings about the file, in the order of reader and rule."""
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT * FROM ledger.quality_result WHERE file_id = %s ORDER BY reader, rule, columns", [file_id]
            )
            return [row_of(QualityResult, found) for found in cursor.fetchall()]

    def row_counts_history(
        self, *, interface: str, dealer: str, environment: str, weekday: int, before: date, weeks: int
    ) -> list[int]:
        """
        Return the rows of the delivered files of that weekday (Monday is 0), oldest first.

        Business dates from ``weeks`` weeks before ``before`` up to the day before it; one number per window, that of
        the revision the partner has now.
        """
        with self.transaction() as cursor:
            cursor.execute(
                """
                SELECT rows FROM ledger.file
                WHERE interface = %(interface)s AND dealer = %(dealer)s AND environment = %(environment)s
                    AND state IN ('PUBLISHED', 'ACKED')
                    AND business_date < %(before)s AND business_date >= %(before)s::date - 7 * %(weeks)s
                    AND extract(isodow FROM business_date) = %(weekday)s + 1
                ORDER BY business_date, window_start
                """,
                {
                    "interface": interface,
                    "dealer": dealer,
                    "environment": environment,
                    "before": before,
                    "weeks": weeks,
                    "weekday": weekday,
                },
            )
            return [found["rows"] for found in cursor.fetchall()]


@lru_cache(maxsize=4096)
def _array(reasons: tuple[str, ...]) -> str:
    """Return the text-array literal of the reasons, escaped for COPY; few combinations occur, in many rows."""
    quoted = ",".join('"' + reason.replace("\\", "\\\\").replace('"', '\\"') + '"' for reason in reasons)
    return ("{" + quoted + "}").translate(ESCAPES)


def _copy_lines(file_id: int, rows: Iterable[RejectedRow]) -> Iterator[bytes]:
    for row in rows:
        if not row.reasons:
            raise LedgerError(
                f"file {file_id}: row {row.row_key} is rejected without a reason; give the rules it breaks"
            )
        key = row.row_key if isinstance(row.row_key, int) else row.row_key.translate(ESCAPES)
        yield f"{file_id}\t{key}\t{_array(row.reasons)}\n".encode()
