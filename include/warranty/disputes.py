"""What to take up with the manufacturer, how old it is, and how each dealer's books stand."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from include.reconcile.report import safe
from include.warranty.connection import reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BANDS: Final = ("0-30", "31-60", "61-90", "over 90")
"""Days since the last submission."""
UNPAID_AFTER_DAYS: Final = 30
COLUMNS: Final = (
    "kind", "dealer", "retail_dealer_code", "claim_id", "claim_number", "submission_number", "work_order",
    "repair_date", "submitted_on", "age_days", "age_band", "reject_code", "currency", "claimed", "paid", "outstanding",
)  # fmt: skip

_BAND: Final = """CASE WHEN age <= 30 THEN '0-30' WHEN age <= 60 THEN '31-60' WHEN age <= 90 THEN '61-90'
            ELSE 'over 90' END"""
# A claim of which the money was given up but which was left open is still asked for.
_OWED: Final = """
WITH owed AS (
    SELECT v.*, %(as_of)s::date - v.submitted_on AS age, v.claimed - v.open - v.written_off - v.balance_due AS paid,
           least(v.open, v.claimed) + v.balance_due
           + CASE WHEN v.status <> 99 AND EXISTS (SELECT FROM warranty.decision d
                WHERE d.claim_id = v.claim_id AND d.kind = 'WRITE_OFF_LEAVE_OPEN' AND d.reversed_at IS NULL)
                THEN greatest(v.written_off, 0) ELSE 0 END AS outstanding
      FROM warranty.v_claim v
     WHERE v.submitted_on <= %(as_of)s::date AND (%(dealer)s IS NULL OR v.dealer = %(dealer)s)
       AND (v.status IN (20, 40, 50) OR v.balance_due <> 0)
)
"""
_DISPUTES: Final = f"""
{_OWED}
SELECT CASE WHEN status = 40 THEN 'REJECTED' WHEN paid = 0 THEN 'UNPAID' ELSE 'UNDER_PAID' END AS kind, dealer,
       retail_code, claim_id, claim_number, submission_number, work_order, repair_date, submitted_on, age, {_BAND},
       (SELECT l.reject_code FROM warranty.assessment a JOIN warranty.payment_line l USING (line_id)
          JOIN warranty.payment p ON p.payment_id = l.payment_id
         WHERE a.claim_id = o.claim_id AND l.reject_code IS NOT NULL
         ORDER BY p.payment_date DESC, p.document_number DESC, l.line_no DESC LIMIT 1) AS reject_code,
       currency, claimed, paid, outstanding
  FROM owed o
 WHERE outstanding > 0 AND (paid <> 0 OR status = 40 OR age > %(after)s)
 ORDER BY dealer, kind, age DESC, claim_id
"""  # noqa: S608
_AGED: Final = f"""
{_OWED}
SELECT dealer, currency, {_BAND}, count(*), sum(outstanding) FROM owed WHERE outstanding > 0 GROUP BY 1, 2, 3
"""  # noqa: S608
_MONEY: Final = """
SELECT dealer, currency, coalesce(-sum(amount) FILTER (WHERE account IN ('ON_ACCOUNT', 'SUSPENSE')), 0),
       coalesce(sum(amount) FILTER (WHERE account = 'WRITTEN_OFF'), 0)
  FROM warranty.entry WHERE %(dealer)s IS NULL OR dealer = %(dealer)s GROUP BY 1, 2
"""
_LINES: Final = """
SELECT a.dealer, p.currency, count(*), count(a.claim_id)
  FROM warranty.assessment a JOIN warranty.payment p USING (payment_id)
 WHERE %(dealer)s IS NULL OR a.dealer = %(dealer)s GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Figures:
    """
    A dealer's books in one currency; the dealer ``UNKNOWN`` is what waits in suspense.

    ``aged`` holds for each of ``BANDS`` the submitted claims that are owed for: how many, and how much. ``lines`` and
    ``matched`` count payment lines; ``on_account`` is money that no claim takes, ``written_off`` a loss above zero.
    """

    dealer: str
    currency: str
    aged: Mapping[str, tuple[int, Decimal]]
    lines: int
    matched: int
    on_account: Decimal
    written_off: Decimal


def figures(dms_dsn: str, *, as_of: date, dealer: str | None = None) -> Sequence[Figures]:
    """Return the figures of each dealer and currency; ages are as of a day, money is as of now."""
    told = {"as_of": as_of, "dealer": dealer}
    with reading(dms_dsn, "figures of the warranty books") as cur:
        cur.execute(_AGED, told)
        aged: dict[tuple[str, str], dict[str, tuple[int, Decimal]]] = {}
        for whose, currency, band, count, amount in cur.fetchall():
            aged.setdefault((whose, currency), {})[band] = (count, amount)
        cur.execute(_MONEY, told)
        money = {(whose, currency): tuple(rest) for whose, currency, *rest in cur.fetchall()}
        cur.execute(_LINES, told)
        lines = {(whose, currency): tuple(rest) for whose, currency, *rest in cur.fetchall()}
    nothing = Decimal("0.00")
    return [
        Figures(
            dealer=place[0],
            currency=place[1],
            aged={band: aged.get(place, {}).get(band, (0, nothing)) for band in BANDS},
            lines=lines.get(place, (0, 0))[0],
            matched=lines.get(place, (0, 0))[1],
            on_account=money.get(place, (nothing, nothing))[0],
            written_off=money.get(place, (nothing, nothing))[1],
        )
        for place in sorted(aged.keys() | money.keys() | lines.keys())
    ]


def disputes(
    dms_dsn: str, *, as_of: date, unpaid_after_days: int = UNPAID_AFTER_DAYS, dealer: str | None = None
) -> bytes:
    """
    Return as CSV what to take up: paid in part, rejected, and not paid at all after some days since it was submitted.

    With a byte-order mark, as spreadsheets want it; no text is taken for a formula. Whose vehicle it was is left out:
    the manufacturer knows a claim by its number.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    with reading(dms_dsn, "list of disputes") as cur:
        cur.execute(_DISPUTES, {"as_of": as_of, "dealer": dealer, "after": unpaid_after_days})
        for row in cur.fetchall():
            writer.writerow([safe(value) if isinstance(value, str) else value for value in row])
    return text.getvalue().encode("utf-8-sig")
