"""What people decide about a difference, or about money that is nobody's; each can be reversed by a counter-posting."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

from include.warranty.connection import WarrantyError, reading, transaction
from include.warranty.open_items import PAGE_ROWS
from include.warranty.settling import begin, settle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg2.extensions import cursor

Difference = Literal["WRITE_OFF", "WRITE_OFF_LEAVE_OPEN", "PART_PAY", "PART_PAY_LEAVE_OPEN"]
DIFFERENCES: Final[tuple[Difference, ...]] = ("WRITE_OFF", "WRITE_OFF_LEAVE_OPEN", "PART_PAY", "PART_PAY_LEAVE_OPEN")

_CLAIM: Final = """
SELECT dealer, currency, open, on_account,
       (SELECT coalesce(sum(l.gross), 0) FROM warranty.assessment a JOIN warranty.payment_line l USING (line_id)
         WHERE a.claim_id = v.claim_id)
       + (SELECT coalesce(sum(amount), 0) FROM warranty.decision
           WHERE to_claim_id = v.claim_id AND reversed_at IS NULL) AS paid
  FROM warranty.v_claim v WHERE claim_id = %s
"""
_LINE: Final = """
SELECT a.dealer, p.currency, l.gross - coalesce((SELECT sum(d.amount) FROM warranty.decision d
            WHERE d.line_id = l.line_id AND d.reversed_at IS NULL), 0)
  FROM warranty.payment_line l JOIN warranty.payment p USING (payment_id) JOIN warranty.assessment a USING (line_id)
 WHERE l.line_id = %s
"""
_DECIDE: Final = """
INSERT INTO warranty.decision (kind, dealer, claim_id, line_id, to_claim_id, amount, decided_by, why)
VALUES (%(kind)s, %(dealer)s, %(claim_id)s, %(line_id)s, %(to_claim_id)s, %(amount)s, %(who)s, %(reason)s)
RETURNING decision_id
"""
_REVERSE: Final = """
UPDATE warranty.decision SET reversed_by = %s, reversed_at = clock_timestamp(), reversed_why = %s
 WHERE decision_id = %s AND reversed_at IS NULL RETURNING claim_id, line_id, to_claim_id
"""
_LIST: Final = """
SELECT decision_id, kind, dealer, claim_id, line_id, to_claim_id, amount, decided_by, decided_at, why, reversed_by,
       reversed_why
  FROM warranty.decision WHERE (%(dealer)s IS NULL OR dealer = %(dealer)s)
"""
_PAGE: Final = " AND (%(before)s IS NULL OR decision_id < %(before)s) ORDER BY decision_id DESC LIMIT %(limit)s"
_LOOKED_AT: Final = """
SELECT FROM warranty.decision WHERE claim_id = %s AND amount = %s AND kind = 'PART_PAY_LEAVE_OPEN'
   AND reversed_at IS NULL
"""


@dataclass(frozen=True)
class Decision:
    """
    What was decided, by whom and why; ``reversed_by`` is None as long as it holds.

    ``amount`` is above zero for what the manufacturer did not pay, below for what it paid too much; of ``MOVE`` the
    money moved from ``claim_id`` or ``line_id`` to ``to_claim_id``.
    """

    id: int
    kind: str
    dealer: str
    claim_id: int | None
    line_id: int | None
    to_claim_id: int | None
    amount: Decimal
    decided_by: str
    decided_at: datetime
    why: str
    reversed_by: str | None
    reversed_why: str | None


def decide(
    dms_dsn: str, claim_id: int, kind: Difference, *, reason: str, who: str, expected: Decimal | None = None
) -> int:
    """
    Decide about all that a claim was paid too little, or, by ``WRITE_OFF`` alone, too much; returns the decision.

    ``WRITE_OFF`` takes the difference as a loss or a gain and closes the claim; ``PART_PAY`` closes it and keeps the
    difference as what the manufacturer owes. With ``_LEAVE_OPEN`` the claim stays open: a later payment first takes
    back what was written off; ``PART_PAY_LEAVE_OPEN`` posts nothing and records that it was looked at.

    :param expected: the difference that the person saw; if it is another by now, nothing is decided.
    :raises WarrantyError: if there is no such difference.
    """
    _require_said(reason, who)
    with transaction(dms_dsn, f"decision on claim {claim_id}") as cur:
        dealer, _, is_open, on_account, paid = _claim(cur, claim_id)
        amount = is_open if is_open > 0 else -on_account
        if not amount:
            raise WarrantyError(f"claim {claim_id} has no difference to decide about; nothing was written")
        if amount < 0 and kind != "WRITE_OFF":
            raise WarrantyError(
                f"claim {claim_id} was paid {-amount} too much; nothing was written. Write that off, or move it to the "
                "claim that it is for"
            )
        if kind in ("PART_PAY", "PART_PAY_LEAVE_OPEN") and paid <= 0:
            raise WarrantyError(f"claim {claim_id} was not paid at all, so not in part; nothing was written")
        if expected is not None and expected != amount:
            raise WarrantyError(
                f"the difference of claim {claim_id} is {amount} now, not {expected}; nothing was written. Look at it "
                "again"
            )
        if kind == "PART_PAY_LEAVE_OPEN":
            # The only one that leaves the difference as it is: a second click would find it unchanged.
            cur.execute(_LOOKED_AT, (claim_id, amount))
            if cur.fetchone() is not None:
                raise WarrantyError(f"the difference of claim {claim_id} was left open already; nothing was written")
        told = {"kind": kind, "dealer": dealer, "claim_id": claim_id, "line_id": None, "to_claim_id": None}
        return _decide(cur, told | {"amount": amount, "who": who, "reason": reason})


def move(
    dms_dsn: str,
    to_claim_id: int,
    *,
    line_id: int | None = None,
    claim_id: int | None = None,
    amount: Decimal | None = None,
    reason: str,
    who: str,
    expected: Decimal | None = None,
) -> int:
    """
    Move money to another claim of the dealer: of a line, whosever it is now, or what a claim was paid too much.

    A line of which anything was moved is nobody's by itself any more; what is left of it is on account, so that one
    line can be moved to several claims.

    :param amount: how much; all by default.
    :param expected: what the person saw there to be moved; if it is another by now, nothing is moved.
    :raises WarrantyError: if there is not as much, or the other claim is of another dealer or currency.
    """
    _require_said(reason, who)
    if (line_id is None) == (claim_id is None):
        raise WarrantyError("money is moved from a line or from a claim; name one of them")
    if claim_id == to_claim_id:
        raise WarrantyError(f"claim {claim_id} has that money already; nothing was written. Name another one")
    place = f"line {line_id}" if claim_id is None else f"claim {claim_id}"
    with transaction(dms_dsn, f"move from {place}") as cur:
        if claim_id is None:
            cur.execute(_LINE, (line_id,))
            if (row := cur.fetchone()) is None:
                raise WarrantyError(f"there is no line {line_id}; nothing was written")
            dealer, currency, there = row
        else:
            dealer, currency, _, there, _ = _claim(cur, claim_id)
        if expected is not None and expected != there:
            raise WarrantyError(
                f"{place} has {there} {currency} that can be moved now, not {expected}; nothing was written. Look at "
                "it again"
            )
        amount = there if amount is None else amount
        if not amount or amount * there <= 0 or abs(amount) > abs(there):
            raise WarrantyError(f"{place} has {there} {currency} that can be moved, not {amount}; nothing was written")
        if amount != round(amount, 2):
            raise WarrantyError(f"{amount} is no amount of money; nothing was written")
        if _claim(cur, to_claim_id)[:2] != (dealer, currency):
            raise WarrantyError(
                f"claim {to_claim_id} is not dealer {dealer}'s in {currency}; nothing was written. Money stays with "
                "the dealer to whom it was paid"
            )
        told = {"kind": "MOVE", "dealer": dealer, "claim_id": claim_id, "line_id": line_id, "to_claim_id": to_claim_id}
        return _decide(cur, told | {"amount": amount, "who": who, "reason": reason})


def reverse(dms_dsn: str, decision_id: int, *, reason: str, who: str) -> None:
    """
    Let a decision hold no longer; what it posted is countered, and lines are matched as if it had not been.

    :raises WarrantyError: if there is none, or it was reversed already.
    """
    _require_said(reason, who)
    with transaction(dms_dsn, f"reversal of decision {decision_id}") as cur:
        cur.execute(_REVERSE, (who, reason, decision_id))
        if (row := cur.fetchone()) is None:
            raise WarrantyError(f"decision {decision_id} is none, or was reversed already; nothing was written")
        _settle(cur, "REVERSAL", decision_id, *row)


def decisions(dms_dsn: str, *, dealer: str | None = None) -> Sequence[Decision]:
    """Return all decisions, the oldest first, those that were reversed as well."""
    with reading(dms_dsn, "list of decisions") as cur:
        cur.execute(_LIST + " ORDER BY decision_id", {"dealer": dealer})
        return [Decision(*row) for row in cur.fetchall()]


def page_of_decisions(
    dms_dsn: str, *, dealer: str | None = None, before: int | None = None, limit: int = PAGE_ROWS
) -> tuple[Sequence[Decision], int | None]:
    """Return the newest decisions, and the number before which the next page begins; None if this is the last."""
    with reading(dms_dsn, "page of decisions") as cur:
        cur.execute(_LIST + _PAGE, {"dealer": dealer, "before": before, "limit": limit + 1})
        rows = [Decision(*row) for row in cur.fetchall()]
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def _require_said(reason: str, who: str) -> None:
    if not reason.strip() or not who.strip():
        raise WarrantyError("a decision names who made it and why; nothing was written")


def _claim(cur: cursor, claim_id: int) -> tuple[Any, ...]:
    cur.execute(_CLAIM, (claim_id,))
    if (row := cur.fetchone()) is None:
        raise WarrantyError(f"there is no claim {claim_id}; nothing was written")
    return tuple(row)


def _decide(cur: cursor, told: dict[str, Any]) -> int:
    cur.execute(_DECIDE, told)
    [(decision_id,)] = cur.fetchall()
    _settle(cur, "DECISION", decision_id, told["claim_id"], told["line_id"], told["to_claim_id"])
    return int(decision_id)


def _settle(
    cur: cursor,
    kind: Literal["DECISION", "REVERSAL"],
    decision_id: int,
    claim_id: int | None,
    line_id: int | None,
    to_claim_id: int | None,
) -> None:
    begin(cur)
    cur.execute(
        "INSERT INTO touched_claim SELECT c FROM unnest(%s::bigint[]) AS c WHERE c IS NOT NULL",
        ([claim_id, to_claim_id],),
    )
    if line_id is not None:
        cur.execute("INSERT INTO touched_line VALUES (%s)", (line_id,))
    settle(cur, kind, decision_id=decision_id)
