"""The second act: what the dealers put right after the daily files went, and what the month's file will differ in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import psycopg2.extensions

from local.sample.load import LOCK_KEY, connect
from local.sample.parameters import SampleError

Cursor = psycopg2.extensions.cursor

# Amounts in PostgreSQL's exact arithmetic, by the rules that the generator keeps: half a penny goes up.
_REPRICE = """
UPDATE dms.parts_invoice_line AS line
   SET quantity = new.quantity,
       unit_price = new.unit_price,
       discount_amount = new.discount,
       net_amount = new.gross - new.discount,
       vat_amount = round((new.gross - new.discount) * 0.2, 2)
  FROM (SELECT parts_invoice_line_id,
               quantity,
               unit_price,
               quantity * unit_price AS gross,
               round(quantity * unit_price * discount_percent / 100, 2) AS discount
          FROM (SELECT parts_invoice_line_id,
                       quantity + %(more)s AS quantity,
                       unit_price + %(dearer)s AS unit_price,
                       discount_percent
                  FROM dms.parts_invoice_line
                 WHERE parts_invoice_id = %(document)s AND line_number = %(line)s) AS keyed) AS new
 WHERE line.parts_invoice_line_id = new.parts_invoice_line_id
"""
# One piece more of what stands on the line before, as a line of its own.
_ADD = """
INSERT INTO dms.parts_invoice_line
       (parts_invoice_id, line_number, part_number, part_family_code, quantity, unit_price, discount_percent,
        discount_amount, net_amount, vat_amount)
SELECT parts_invoice_id, %(line)s, part_number, part_family_code, 1, unit_price, discount_percent,
       round(unit_price * discount_percent / 100, 2),
       unit_price - round(unit_price * discount_percent / 100, 2),
       round((unit_price - round(unit_price * discount_percent / 100, 2)) * 0.2, 2)
  FROM dms.parts_invoice_line
 WHERE parts_invoice_id = %(document)s AND line_number = %(line)s - 1
"""
_REMOVE = "DELETE FROM dms.parts_invoice_line WHERE parts_invoice_id = %(document)s AND line_number = %(line)s"
_MEND = """
UPDATE dms.parts_invoice_line
   SET net_amount = quantity * unit_price - discount_amount
 WHERE parts_invoice_id = %(document)s AND line_number = %(line)s
"""
_STATEMENTS = {
    "quantity": (_REPRICE, {"more": 1, "dearer": 0}),
    "price": (_REPRICE, {"more": 0, "dearer": 1}),
    "line_added": (_ADD, {}),
    "line_removed": (_REMOVE, {}),
    "mended": (_MEND, {}),
}


@dataclass(frozen=True)
class Amendments:
    """How many lines of a month have been amended; ``already_there`` if an earlier call did it."""

    month: date
    quantity: int = 0
    price: int = 0
    line_added: int = 0
    line_removed: int = 0
    mended: int = 0
    already_there: bool = False

    @property
    def lines(self) -> int:
        return self.quantity + self.price + self.line_added + self.line_removed + self.mended

    def __str__(self) -> str:
        """For people: what was done to which month."""
        when = f"{self.month:%Y-%m}"
        if not self.lines:
            return f"nothing to amend in {when}"
        done = (
            f"{self.quantity} quantities and {self.price} prices corrected, {self.line_added} lines added, "
            f"{self.line_removed} removed, {self.mended} rejected ones mended in {when}"
        )
        return f"{done} (was done already)" if self.already_there else done


class PlantedDifference(NamedTuple):
    """A line in which a month's file differs from the daily files; the key is that of the contracts, as text."""

    kind: str
    dealer_code: str
    document_type: str
    document_number: str
    line_number: str


def amend(dsn: str, month: date) -> Amendments:
    """
    Amend some lines dated and posted in the month that begins on ``month``; once, a second call finds it done.

    Meant for after the month's daily files went. Raises :class:`SampleError` if there is no sample, ``month`` is not a
    first day, or a line that is to be amended is no longer as the sample made it.
    """
    _require_first_day(month)
    with closing(connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
        _require_sample(cursor)
        cursor.execute(
            "SELECT amendment, parts_invoice_id, line_number, document_number, applied_at IS NOT NULL "
            "FROM sample.amendment WHERE month = %s ORDER BY parts_invoice_id, line_number",
            (month,),
        )
        planned = cursor.fetchall()
        counts = dict.fromkeys(_STATEMENTS, 0)
        for amendment, document, line, number, applied in planned:
            counts[amendment] += 1
            if not applied:
                _apply(cursor, amendment, document, line, number)
        cursor.execute(
            """
            WITH applied AS (
                UPDATE sample.amendment SET applied_at = now() WHERE month = %s AND applied_at IS NULL
                RETURNING month, kind, dealer_code, document_type, document_number, line_number
            )
            INSERT INTO sample.planted_difference SELECT * FROM applied
            """,
            (month,),
        )
        return Amendments(month, already_there=bool(planned) and cursor.rowcount == 0, **counts)


def planted_differences(dsn: str, month: date) -> list[PlantedDifference]:
    """
    The generator's own list for the month that begins on ``month``: each line in which its file and the daily ones
    differ, if each day of it was delivered but the one of :func:`unsent_day`, and :func:`amend`, if called, after that.

    Lines that both keep back are not in it. Raises :class:`SampleError` as :func:`amend` does.
    """
    _require_first_day(month)
    with closing(connect(dsn)) as connection, connection, connection.cursor() as cursor:
        _require_sample(cursor)
        cursor.execute(
            "SELECT kind, dealer_code, document_type, document_number, line_number::text "
            "FROM sample.planted_difference WHERE month = %s "
            "ORDER BY kind, dealer_code, document_type, document_number, line_number",
            (month,),
        )
        return [PlantedDifference(*row) for row in cursor.fetchall()]


def unsent_day(dsn: str, month: date) -> tuple[str, date] | None:
    """
    Dealer code and day of which no daily file is to go in the month that begins on ``month``; None if nothing fits.

    Raises :class:`SampleError` as :func:`amend` does.
    """
    _require_first_day(month)
    with closing(connect(dsn)) as connection, connection, connection.cursor() as cursor:
        _require_sample(cursor)
        cursor.execute("SELECT dealer_code, day FROM sample.unsent_day WHERE month = %s", (month,))
        row: Sequence[object] | None = cursor.fetchone()
    if row is None:
        return None
    dealer_code, day = row
    assert isinstance(dealer_code, str)
    assert isinstance(day, date)
    return dealer_code, day


def _apply(cursor: Cursor, amendment: str, document: int, line: int, number: str) -> None:
    statement, values = _STATEMENTS[amendment]
    cursor.execute(statement, {"document": document, "line": line, **values})
    if cursor.rowcount != 1:
        raise SampleError(
            f"line {line} of document {number} cannot be amended ({amendment}): {cursor.rowcount} such lines are in "
            "the DMS, the sample made one. Somebody changed it since; nothing was amended. `make clean` and start anew"
        )


def _require_first_day(month: date) -> None:
    if month.day != 1:
        raise SampleError(f"month={month}: a month is named by its first day, {month.replace(day=1)}")


def _require_sample(cursor: Cursor) -> None:
    # A fill makes its tables and its rows in one transaction.
    cursor.execute("SELECT to_regclass('sample.amendment') IS NOT NULL")
    row = cursor.fetchone()
    assert row is not None
    if not row[0]:
        raise SampleError("The DMS database holds no sample that can be amended: fill it first (`make sample`)")
