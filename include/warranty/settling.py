"""
Whose each line is, and what that makes of the books: the same few statements for a payment, a claim and a decision.

Set-based and in the database: the claims are there, ten times as many as a file has lines, and would have to be read
whole for a join in this process. Here the planner takes an index for a file of hundreds of lines, one pass over all for
one of hundreds of thousands. See docs/performance.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from include.warranty import matching_statements as matching
from include.warranty import settling_statements as settling

if TYPE_CHECKING:
    from psycopg2.extensions import cursor

Kind = Literal["PAYMENT", "REMATCH", "DECISION", "REVERSAL"]


def begin(cur: cursor) -> None:
    """Make the tables of what is touched; the caller fills ``touched_line`` and ``touched_claim``, then settles."""
    cur.execute(matching.TOUCHED)


def settle(cur: cursor, kind: Kind, *, payment_id: int | None = None, decision_id: int | None = None) -> int | None:
    """
    Assess the touched lines and all that nobody has claimed yet, and post what that changes; once a transaction.

    :returns: the journal; None if the books are as they have to be already.
    """
    cur.execute(matching.TOUCH_OPEN)
    cur.execute("ANALYZE touched_line")
    # Statistics of a table that has just grown would say that it is empty, and rows would be joined one by one.
    cur.execute(matching.ASKED)
    cur.execute("ANALYZE asked")
    cur.execute(matching.FOUND)
    cur.execute("ANALYZE found")
    cur.execute(matching.ASSESS)
    cur.execute("ANALYZE assessed")
    cur.execute(matching.TOUCH_CLAIMS)
    cur.execute(matching.TOUCH_PAYMENTS)
    cur.execute(matching.WRITE_CHANGED)
    cur.execute(matching.WRITE_NEW)
    cur.execute("ANALYZE touched_claim, touched_payment")
    cur.execute(settling.CLAIMED)
    cur.execute("ANALYZE claimed")
    cur.execute(settling.LABELLED)
    cur.execute("ANALYZE labelled")
    cur.execute(settling.WRITE_LABELS)
    cur.execute(settling.POSITIONS)
    cur.execute("ANALYZE positions")
    cur.execute(settling.STATUS)
    cur.execute(settling.DELTA)
    cur.execute(settling.JOURNAL, {"kind": kind, "payment_id": payment_id, "decision_id": decision_id})
    if (row := cur.fetchone()) is None:
        return None
    journal_id: int = row[0]
    cur.execute(settling.ENTRIES, {"journal_id": journal_id})
    return journal_id
