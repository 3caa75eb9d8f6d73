"""Files that have passed the gate and wait to be published: made through the ledger and the archive as they are."""

from __future__ import annotations

import hashlib
import itertools
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from include.archive import Archive
from include.ledger import FileRow, Ledger

INTERFACE = "merkle_sar_daily"
PARTNER = "merkle"
_dealers = itertools.count(1)


@dataclass(frozen=True)
class Waiting:
    """One gated file and the bytes that must arrive, exactly."""

    id: int
    name: str
    content: bytes
    sha256: str


def gated_file(ledger: Ledger, archive: Archive, *, size: int = 70_000, suffix: str = ".csv") -> Waiting:
    """A dealer's file of ``size`` random bytes in state GATED, with number 1 of its own sequence."""
    dealer = f"826{next(_dealers):05d}"
    business_date = date(2026, 3, 20)
    start = datetime.combine(business_date, datetime.min.time(), UTC)
    batch = ledger.open_batch(
        interface=INTERFACE,
        environment="live",
        window_start=start,
        window_end=start + timedelta(days=1),
        zone="UTC",
        business_date=business_date,
        run_id=f"test-{dealer}",
        contract_version="1.0.0",
    )
    row: FileRow = ledger.plan(
        interface=INTERFACE,
        partner=PARTNER,
        dealer=dealer,
        environment="live",
        window_start=start,
        window_end=start + timedelta(days=1),
        zone="UTC",
        business_date=business_date,
        contract_version="1.0.0",
        batch_id=batch,
    )
    ledger.move(row.id, "CHECKED")
    sequence = ledger.allot_sequence(row.id)
    content = random.Random(row.id).randbytes(size)
    name = f"SAR_{dealer}_{business_date:%Y%m%d}_{sequence:06d}{suffix}"
    with archive.writer() as target:
        target.write(content)
    sha256 = target.sha256
    assert sha256 == hashlib.sha256(content).hexdigest()
    ledger.move(
        row.id,
        "RENDERED",
        file_name=name,
        sha256=sha256,
        content_hash=hashlib.blake2b(content, digest_size=32).hexdigest(),
        bytes=len(content),
        rows=1,
        control_total=Decimal("1.00"),
    )
    ledger.move(row.id, "GATED")
    return Waiting(row.id, name, content, sha256)
