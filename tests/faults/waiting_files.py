"""Files that have passed the gate and wait to be published: made through the ledger and the archive as they are."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from include.archive import Archive
from include.ledger import Companion, FileRow, Ledger

INTERFACE = "merkle_sar_daily"
PARTNER = "merkle"
_dealers = itertools.count(1)


@dataclass(frozen=True)
class Waiting:
    """One gated file and the bytes that must arrive, exactly; and what must be there before it, by name."""

    id: int
    name: str
    content: bytes
    sha256: str
    beside: Mapping[str, bytes] = field(default_factory=dict)


def gated_file(
    ledger: Ledger, archive: Archive, *, size: int = 70_000, suffix: str = ".csv", companions: Sequence[int] = ()
) -> Waiting:
    """
    A dealer's file of ``size`` random bytes in state GATED, with number 1 of its own sequence.

    ``companions``: the size of each file that goes before it.
    """
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
    sha256 = _store(archive, content)
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
    beside = {
        f"{name}.{number}.manifest.xml": random.Random(f"{row.id} {number}").randbytes(each)
        for number, each in enumerate(companions, 1)
    }
    if beside:
        manifests = [Companion(name, "manifest", _store(archive, each), len(each)) for name, each in beside.items()]
        ledger.set_companions(row.id, manifests, "made for a test")
    return Waiting(row.id, name, content, sha256, beside)


def _store(archive: Archive, content: bytes) -> str:
    with archive.writer() as target:
        target.write(content)
    return target.sha256
