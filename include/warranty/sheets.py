"""One claim, one payment line, one decision, with all that a person needs to see before they decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from include.warranty.connection import reading
from include.warranty.decisions import DIFFERENCES, Decision, Difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg2.extensions import cursor

SHOWN: Final = 200
"""Of a claim's payments, steps and decisions the newest so many."""
_CLAIM: Final = """
SELECT v.claim_id, v.dealer, v.retail_code, v.claim_number, v.submission_number, v.submitted_on, v.work_order,
       v.repair_date, v.status, s.name, v.currency, v.claimed, v.settled, v.open, v.on_account, v.written_off,
       v.balance_due, v.vin
  FROM warranty.v_claim v JOIN warranty.status s USING (status) WHERE v.claim_id = %s
"""
_PAYMENTS: Final = """
SELECT l.line_id, p.payment_date, p.document_number, l.line_no, l.claim_number, l.gross, l.reject_code, a.outcome
  FROM warranty.assessment a
  JOIN warranty.payment_line l USING (line_id)
  JOIN warranty.payment p ON p.payment_id = l.payment_id
 WHERE a.claim_id = %s ORDER BY p.payment_date DESC, p.document_number DESC, l.line_no DESC LIMIT %s
"""
_STEPS: Final = """
SELECT c.changed_at, f.name, t.name
  FROM warranty.status_change c
  JOIN warranty.status f ON f.status = c.from_status
  JOIN warranty.status t ON t.status = c.to_status
 WHERE c.claim_id = %s ORDER BY c.status_change_id DESC LIMIT %s
"""
_PAID: Final = """
SELECT (SELECT coalesce(sum(l.gross), 0) FROM warranty.assessment a JOIN warranty.payment_line l USING (line_id)
         WHERE a.claim_id = %(claim)s)
       + (SELECT coalesce(sum(amount), 0) FROM warranty.decision
           WHERE to_claim_id = %(claim)s AND reversed_at IS NULL)
"""
_LINE: Final = """
SELECT l.line_id, a.dealer, p.document_number, l.line_no, p.payment_date, l.retail_code, l.claim_number, l.work_order,
       l.repair_date, p.currency, l.gross,
       l.gross - coalesce((SELECT sum(d.amount) FROM warranty.decision d
                            WHERE d.line_id = l.line_id AND d.reversed_at IS NULL), 0),
       l.reject_code, a.outcome, a.claim_id, a.reason, l.vin, a.candidates
  FROM warranty.payment_line l
  JOIN warranty.payment p USING (payment_id)
  JOIN warranty.assessment a USING (line_id)
 WHERE l.line_id = %s
"""
_CANDIDATES: Final = """
SELECT claim_id, claim_number, status, claimed, open FROM warranty.v_claim
 WHERE claim_id = ANY (%s) ORDER BY claim_id LIMIT %s
"""
_DECISIONS: Final = """
SELECT decision_id, kind, dealer, claim_id, line_id, to_claim_id, amount, decided_by, decided_at, why, reversed_by,
       reversed_why
  FROM warranty.decision WHERE {} ORDER BY decision_id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True)
class PaidLine:
    """A payment line that is a claim's; ``amount`` is gross, below zero if money was taken back."""

    id: int
    paid_on: date
    document_number: str
    line_no: int
    claim_number: str | None
    amount: Decimal
    reject_code: str | None
    outcome: str


@dataclass(frozen=True)
class Step:
    """A change of a claim's status, by the names of both."""

    at: datetime
    before: str
    after: str


@dataclass(frozen=True)
class Candidate:
    """A claim that a line could be of."""

    id: int
    claim_number: str
    status: int
    claimed: Decimal
    open: Decimal


@dataclass(frozen=True)
class ClaimSheet:
    """
    A claim with its money, and what led there, the newest first.

    ``difference`` is above zero for what was not paid, below for what was paid too much; ``choices`` are the decisions
    that ``decide`` takes about it now. The vehicle is left out of the object's own text.
    """

    id: int
    dealer: str
    retail_code: str
    claim_number: str
    submission_number: str
    submitted_on: date | None
    work_order: str | None
    repair_date: date | None
    status: int
    status_name: str
    currency: str
    claimed: Decimal
    settled: Decimal
    open: Decimal
    on_account: Decimal
    written_off: Decimal
    balance_due: Decimal
    vin: str | None = field(repr=False)
    difference: Decimal
    choices: Sequence[Difference]
    payments: Sequence[PaidLine]
    steps: Sequence[Step]
    decisions: Sequence[Decision]


@dataclass(frozen=True)
class LineSheet:
    """
    A payment line as it came, whose it is, and ``left``: how much of it can be moved.

    ``claim_id`` is None if it is nobody's, for ``reason``. The vehicle is left out of the object's own text.
    """

    id: int
    dealer: str
    document_number: str
    line_no: int
    paid_on: date
    retail_code: str
    claim_number: str | None
    work_order: str | None
    repair_date: date | None
    currency: str
    amount: Decimal
    left: Decimal
    reject_code: str | None
    outcome: str
    claim_id: int | None
    reason: str | None
    vin: str | None = field(repr=False)
    candidates: Sequence[Candidate]
    decisions: Sequence[Decision]


def claim_sheet(dms_dsn: str, claim_id: int) -> ClaimSheet | None:
    """
    Return a claim, or None if there is none with this number.

    :raises WarrantyError: if the books cannot be read.
    """
    with reading(dms_dsn, f"claim {claim_id}") as cur:
        cur.execute(_CLAIM, (claim_id,))
        if (row := cur.fetchone()) is None:
            return None
        cur.execute(_PAYMENTS, (claim_id, SHOWN))
        payments = [PaidLine(*each) for each in cur.fetchall()]
        cur.execute(_STEPS, (claim_id, SHOWN))
        steps = [Step(*each) for each in cur.fetchall()]
        made = _decisions(cur, "claim_id = %(of)s OR to_claim_id = %(of)s", claim_id)
        cur.execute(_PAID, {"claim": claim_id})
        [(paid,)] = cur.fetchall()
    is_open, on_account = row[13], row[14]
    difference = is_open if is_open > 0 else -on_account
    choices = _choices(difference, paid, made, claim_id)
    told: tuple[Any, ...] = (*row, difference, choices, payments, steps, made)
    return ClaimSheet(*told)


def line_sheet(dms_dsn: str, line_id: int) -> LineSheet | None:
    """
    Return a payment line, or None if there is none with this number.

    :raises WarrantyError: if the books cannot be read.
    """
    with reading(dms_dsn, f"line {line_id}") as cur:
        cur.execute(_LINE, (line_id,))
        if (row := cur.fetchone()) is None:
            return None
        cur.execute(_CANDIDATES, (row[-1], SHOWN))
        found = [Candidate(*each) for each in cur.fetchall()]
        made = _decisions(cur, "line_id = %(of)s", line_id)
    told: tuple[Any, ...] = (*row[:-1], found, made)
    return LineSheet(*told)


def decision_sheet(dms_dsn: str, decision_id: int) -> Decision | None:
    """
    Return a decision, or None if there is none with this number.

    :raises WarrantyError: if the books cannot be read.
    """
    with reading(dms_dsn, f"decision {decision_id}") as cur:
        return next(iter(_decisions(cur, "decision_id = %(of)s", decision_id)), None)


def _decisions(cur: cursor, which: str, of: int) -> Sequence[Decision]:
    cur.execute(_DECISIONS.format(which), {"of": of, "limit": SHOWN})
    return [Decision(*each) for each in cur.fetchall()]


def _choices(difference: Decimal, paid: Any, made: Sequence[Decision], claim_id: int) -> Sequence[Difference]:
    """As ``decide`` would have it; under its lock that asks again."""
    if difference < 0:
        return ("WRITE_OFF",)
    looked_at = any(
        each.kind == "PART_PAY_LEAVE_OPEN"
        and each.claim_id == claim_id
        and each.amount == difference
        and each.reversed_by is None
        for each in made
    )
    barred: set[str] = set(DIFFERENCES) if not difference else set()
    barred |= {"PART_PAY", "PART_PAY_LEAVE_OPEN"} if paid <= 0 else set()
    barred |= {"PART_PAY_LEAVE_OPEN"} if looked_at else set()
    return tuple(kind for kind in DIFFERENCES if kind not in barred)
