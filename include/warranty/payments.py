"""
One payment file posted: each line matched, the books settled, the mark written; all of it or nothing.

A payment file is a self-billed invoice. Its number comes once: who comes again with the same content finds the mark,
and with other content is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from include.warranty import payment_statements as statements
from include.warranty.connection import PaymentRefusedError, WarrantyError, transaction
from include.warranty.frames import AMOUNTS, stage
from include.warranty.settling import begin, settle

if TYPE_CHECKING:
    import polars as pl
    from psycopg2.extensions import cursor

COLUMNS: Final = (
    "line_no", "dealer_code", "retail_code", "claim_number", "work_order", "vin", "repair_date", *AMOUNTS,
    "reject_code",
)  # fmt: skip


@dataclass(frozen=True)
class Header:
    """
    What a payment file says of itself; amounts are the sums of its lines, to the penny.

    ``document_number`` is the manufacturer's number of the self-billed invoice, ``currency`` three capital letters.
    """

    document_number: str
    payment_date: date
    currency: str
    labour: Decimal
    parts: Decimal
    subcontract: Decimal
    handling: Decimal
    vat: Decimal


@dataclass(frozen=True)
class Posted:
    """
    What a payment did. ``already``: nothing now, it had been posted before, and these are the counts of then.

    ``outcomes`` counts its lines; ``suspense`` is the money of retail dealer codes (``unknown_codes``) that are
    nobody's, which waits until they are somebody's.
    """

    payment_id: int
    applied_at: datetime
    already: bool
    lines: int
    outcomes: Mapping[str, int]
    suspense: Decimal
    unknown_codes: tuple[str, ...]


def post_payment(dms_dsn: str, header: Header, lines: pl.DataFrame) -> Posted:
    """
    Post one checked payment file, once; lines that earlier files left on account are looked at again.

    :param lines: ``COLUMNS`` as text, dates as ISO; amounts below zero are corrections.
    :raises PaymentRefusedError: if the header's totals are not the lines', two lines have one number, or another
        payment with this document number was posted; nothing is written then.
    :raises WarrantyError: if an amount is no money, or the database refuses something; nothing is written then.
    """
    doing = f"posting of payment {header.document_number}"
    for name in AMOUNTS:
        amount: Decimal = getattr(header, name)
        if not isinstance(amount, Decimal):
            raise WarrantyError(f"{doing}: {name} of the header is no Decimal; nothing was written")
    with transaction(dms_dsn, doing) as cur:
        cur.execute(statements.STAGED)
        stage(cur, lines, COLUMNS, "staged_line", doing)
        digest = _digest(cur, header)
        if (done := _marked(cur, header, digest)) is not None:
            return done
        _require_sound(cur, header, doing)
        cur.execute(statements.PAYMENT, {**asdict(header), "content_hash": digest, "line_count": lines.height})
        [(payment_id,)] = cur.fetchall()
        begin(cur)
        cur.execute(statements.LINES, (payment_id,))
        settle(cur, "PAYMENT", payment_id=payment_id)
        return _mark(cur, payment_id, lines.height)


def _digest(cur: cursor, header: Header) -> str:
    """Return a hash of what the payment says, whatever the order of its rows or the writing of its amounts."""
    told = {
        name: f"{value:.2f}" if isinstance(value, Decimal) else str(value) for name, value in asdict(header).items()
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    cur.execute(statements.DIGEST)
    [(rows,)] = cur.fetchall()
    digest.update(rows.encode())
    return digest.hexdigest()


def _marked(cur: cursor, header: Header, digest: str) -> Posted | None:
    cur.execute(statements.MARKED, (header.document_number,))
    if (row := cur.fetchone()) is None:
        return None
    payment_id, known, counts, applied_at = row
    if known != digest:
        raise PaymentRefusedError(
            f"payment {header.document_number} was posted as payment {payment_id} with other content; nothing was "
            "written. Ask the manufacturer which of the two is right: a correction has a number of its own"
        )
    return _posted(payment_id, applied_at, counts, already=True)


def _require_sound(cur: cursor, header: Header, doing: str) -> None:
    cur.execute(statements.TWICE)
    if (row := cur.fetchone()) is not None:
        raise PaymentRefusedError(f"{doing}: line number {row[0]} stands twice, or not at all; nothing was written")
    cur.execute(statements.TOTALS)
    [sums] = cur.fetchall()
    wrong = [
        f"{name}: header {getattr(header, name)}, lines {summed}"
        for name, summed in zip(AMOUNTS, sums, strict=True)
        if getattr(header, name) != summed
    ]
    if wrong:
        raise PaymentRefusedError(
            f"{doing}: the header's totals are not those of its lines ({'; '.join(wrong)}); nothing was written. The "
            "file is cut or wrong: ask the manufacturer for it again"
        )


def _mark(cur: cursor, payment_id: int, lines: int) -> Posted:
    cur.execute(statements.COUNTS, (payment_id,))
    outcomes = dict(cur.fetchall())
    cur.execute(statements.SUSPENSE, (payment_id,))
    [(suspense, codes)] = cur.fetchall()
    counts = {"lines": lines, "outcomes": outcomes, "suspense": suspense, "unknown_codes": codes or []}
    cur.execute(statements.MARK, (payment_id, json.dumps(counts)))
    [(applied_at,)] = cur.fetchall()
    return _posted(payment_id, applied_at, counts, already=False)


def _posted(payment_id: int, applied_at: datetime, counts: Mapping[str, object], *, already: bool) -> Posted:
    outcomes, codes = counts["outcomes"], counts["unknown_codes"]
    assert isinstance(outcomes, dict)
    assert isinstance(codes, list)
    return Posted(
        payment_id=payment_id,
        applied_at=applied_at,
        already=already,
        lines=int(str(counts["lines"])),
        outcomes=outcomes,
        suspense=Decimal(str(counts["suspense"])),
        unknown_codes=tuple(codes),
    )
