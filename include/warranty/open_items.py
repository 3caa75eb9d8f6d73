"""What waits for a person: lines that are nobody's, and claims that were paid otherwise than claimed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from include.warranty.connection import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE_ROWS: Final = 50
_LINES: Final = """
SELECT l.line_id, a.dealer, p.document_number, l.line_no, l.retail_code, l.claim_number, p.currency,
       l.gross - coalesce(d.moved, 0), a.reason, a.candidates
  FROM warranty.assessment a
  JOIN warranty.payment_line l USING (line_id)
  JOIN warranty.payment p ON p.payment_id = l.payment_id
  LEFT JOIN (SELECT line_id, sum(amount) AS moved FROM warranty.decision WHERE reversed_at IS NULL GROUP BY 1) d
    ON d.line_id = l.line_id
 WHERE a.claim_id IS NULL AND (l.gross <> coalesce(d.moved, 0) OR l.gross = 0 AND l.reject_code IS NOT NULL)
   AND (%(dealer)s IS NULL OR a.dealer = %(dealer)s)
"""
_LINES_BY_DEALER: Final = " ORDER BY a.dealer, p.payment_date, p.document_number, l.line_no"
_LINES_PAGE: Final = """
   AND (%(before)s IS NULL OR a.line_id < %(before)s) ORDER BY a.line_id DESC LIMIT %(limit)s
"""
_CLAIMS: Final = """
SELECT v.claim_id, v.dealer, v.claim_number, v.status, v.currency, v.claimed, v.open, v.on_account
  FROM warranty.v_claim v
 WHERE (v.open <> 0 OR v.on_account <> 0) AND (%(dealer)s IS NULL OR v.dealer = %(dealer)s)
   AND EXISTS (SELECT FROM warranty.entry e WHERE e.claim_id = v.claim_id)
   AND NOT EXISTS (SELECT FROM warranty.decision d WHERE d.claim_id = v.claim_id AND d.kind = 'PART_PAY_LEAVE_OPEN'
          AND d.reversed_at IS NULL AND d.amount = v.open)
"""
_CLAIMS_BY_DEALER: Final = " ORDER BY v.dealer, v.claim_id"
_CLAIMS_PAGE: Final = """
   AND (%(before)s IS NULL OR v.claim_id < %(before)s) ORDER BY v.claim_id DESC LIMIT %(limit)s
"""
# By the codes that are somebody's here, since numbers are looked up together with a code.
_NUMBERED: Final = """
SELECT v.claim_id, v.dealer, v.claim_number, v.status, v.currency, v.claimed, v.open, v.on_account
  FROM warranty.v_claim v
 WHERE v.claim_id IN (SELECT s.claim_id FROM warranty.retail_dealer r JOIN warranty.submission s USING (retail_code)
                       WHERE s.claim_number = %(number)s)
   AND (%(dealer)s IS NULL OR v.dealer = %(dealer)s) AND (%(before)s IS NULL OR v.claim_id < %(before)s)
 ORDER BY v.claim_id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True)
class OpenLine:
    """A payment line whose money, or what is left of it, no claim takes; ``reason`` says why."""

    id: int
    dealer: str
    document_number: str
    line_no: int
    retail_code: str
    claim_number: str | None
    currency: str
    amount: Decimal
    reason: str
    candidates: Sequence[int]


@dataclass(frozen=True)
class OpenClaim:
    """A claim that was paid too little (``open``) or too much (``on_account``) and waits for a decision."""

    id: int
    dealer: str
    claim_number: str
    status: int
    currency: str
    claimed: Decimal
    open: Decimal
    on_account: Decimal


def open_lines(dms_dsn: str, *, dealer: str | None = None) -> Sequence[OpenLine]:
    """
    Return lines whose money is on account or in suspense, the oldest payments of each dealer first.

    With them those that reject a claim which is not found: they move no money, and somebody has to find the claim.
    """
    with reading(dms_dsn, "list of lines on account") as cur:
        cur.execute(_LINES + _LINES_BY_DEALER, {"dealer": dealer})
        return [OpenLine(*row) for row in cur.fetchall()]


def open_claims(dms_dsn: str, *, dealer: str | None = None) -> Sequence[OpenClaim]:
    """Return claims with a difference of which nobody has decided."""
    with reading(dms_dsn, "list of differences") as cur:
        cur.execute(_CLAIMS + _CLAIMS_BY_DEALER, {"dealer": dealer})
        return [OpenClaim(*row) for row in cur.fetchall()]


def page_of_lines(
    dms_dsn: str, *, dealer: str | None = None, before: int | None = None, limit: int = PAGE_ROWS
) -> tuple[Sequence[OpenLine], int | None]:
    """Return the newest of ``open_lines``, and the number before which the next page begins; None if it is the last."""
    told = {"dealer": dealer, "before": before, "limit": limit + 1}
    with reading(dms_dsn, "page of lines on account") as cur:
        cur.execute(_LINES + _LINES_PAGE, told)
        rows = [OpenLine(*row) for row in cur.fetchall()]
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def page_of_claims(
    dms_dsn: str,
    *,
    dealer: str | None = None,
    claim_number: str | None = None,
    before: int | None = None,
    limit: int = PAGE_ROWS,
) -> tuple[Sequence[OpenClaim], int | None]:
    """
    Return the newest of ``open_claims``, and the number before which the next page begins; None if this is the last.

    :param claim_number: instead, all claims that were ever submitted under it, with a difference or without.
    """
    told = {"dealer": dealer, "number": claim_number, "before": before, "limit": limit + 1}
    with reading(dms_dsn, "page of differences") as cur:
        cur.execute(_CLAIMS + _CLAIMS_PAGE if claim_number is None else _NUMBERED, told)
        rows = [OpenClaim(*row) for row in cur.fetchall()]
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None
