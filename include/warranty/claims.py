"""Claims as a dealer's system tells them: written, their numbers remembered, and money on account matched to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from include.warranty import claim_statements as statements
from include.warranty.connection import WarrantyError, transaction
from include.warranty.frames import AMOUNTS, stage
from include.warranty.settling import begin, settle

if TYPE_CHECKING:
    import polars as pl
    from psycopg2.extensions import cursor

COLUMNS: Final = (
    "retail_code", "source_key", "claim_number", "submission_number", "submitted_on", "work_order", "vin",
    "repair_date", "odometer", "odometer_unit", "status", "completed_on", "held", "currency", "job", *AMOUNTS,
)  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """Claims of a load: new ones, ones that say something else now, and whether money moved (``journal_id``)."""

    created: int
    changed: int
    journal_id: int | None


def set_retail_dealer(dms_dsn: str, retail_code: str, *, dealer_code: str, dealer: str) -> int | None:
    """
    Say whose a retail dealer code is, and take what was paid for it out of suspense; returns the journal, if any.

    :raises WarrantyError: if the code is another dealer's already.
    """
    with transaction(dms_dsn, f"retail dealer code {retail_code}") as cur:
        cur.execute(statements.RETAIL_DEALER, {"code": retail_code, "main": dealer_code, "dealer": dealer})
        if not cur.rowcount:
            raise WarrantyError(
                f"retail dealer code {retail_code} is another dealer's, or another main dealer's; nothing was written. "
                "A code that changes hands needs a decision on what was posted for it"
            )
        begin(cur)
        return settle(cur, "REMATCH")


def set_tolerance(dms_dsn: str, dealer: str, *, valid_from: date, amount: Decimal, percent: Decimal) -> None:
    """
    Say up to which difference a dealer's payments are taken for full, from a payment date on.

    :raises WarrantyError: if a payment of the dealer is as late as that already: its result would change silently.
    """
    with transaction(dms_dsn, f"tolerance of dealer {dealer}") as cur:
        cur.execute(statements.PAID_SINCE, (dealer, valid_from))
        if cur.fetchone() is not None:
            raise WarrantyError(
                f"dealer {dealer} has payments of {valid_from} or later that were posted with the tolerance of then; "
                "nothing was written. Let the new one begin after the last payment"
            )
        cur.execute(statements.TOLERANCE, (dealer, valid_from, amount, percent))


def load_claims(dms_dsn: str, claims: pl.DataFrame) -> Loaded:
    """
    Write claims, one row for each job, with ``COLUMNS`` as text; a load that comes again changes nothing.

    A claim is known by its dealer and ``source_key``. Numbers that are new to it are its next submission; those of
    before stay and still find it. Jobs that are no longer told are gone. A status 20 does not take back what a
    payment of that very submission made of the claim.

    :raises WarrantyError: if a retail dealer code is unknown, jobs of one claim tell different claims, a value is none,
        or a status is not reached by an allowed step; nothing is written then.
    """
    what = f"load of {claims.height} jobs of claims"
    with transaction(dms_dsn, what) as cur:
        cur.execute(statements.STAGED)
        stage(cur, claims, COLUMNS, "staged_job", what)
        for query in statements.REFUSED:
            _refuse(cur, *query, what)
        cur.execute(statements.TOLD)
        cur.execute("ANALYZE told")
        _refuse(cur, *statements.ANOTHER, what)
        begin(cur)
        cur.execute(statements.TOUCH_CHANGED)
        changed = cur.rowcount
        cur.execute("ANALYZE touched_claim")
        cur.execute(statements.CREATE)
        created = cur.rowcount
        cur.execute(statements.SUBMISSION)
        cur.execute(statements.UPDATE)
        cur.execute(statements.DROP_JOBS)
        cur.execute(statements.JOBS)
        cur.execute(statements.TOUCH_LINES)
        return Loaded(created, changed, settle(cur, "REMATCH"))


def _refuse(cur: cursor, query: str, wrong: str, what: str) -> None:
    cur.execute(query)
    if (row := cur.fetchone()) is not None:
        raise WarrantyError(f"{what}: {wrong.format(*row)}; nothing was written")
