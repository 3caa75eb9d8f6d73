"""A small world to deliver in: a DMS with the sample group, a ledger, a partner, and the outbound steps over them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
from fsspec.implementations.local import LocalFileSystem

from include.archive import Archive
from include.contract import Contract, load_contract
from include.ledger import FileRow, Ledger
from include.outbound.check import check
from include.outbound.conclude import conclude
from include.outbound.extract import Extraction, extract
from include.outbound.publish import publish
from include.outbound.render import render
from include.quality.gate import GateProcess
from include.staging import Staging
from include.window import Window, period_window
from local.partners.process import PartnerEndpoint

LAST_DAY = date(2026, 11, 20)  # A Friday.
SAMPLE: dict[str, Any] = {"dealers": 4, "days": 12, "lines": 4000, "seed": 7, "until": LAST_DAY}
# What a plain SQL reader finds that should have gone, with what the sample planted left out.
RECOUNT = """
SELECT dealer_code, count(*), coalesce(sum(net_amount), 0)
  FROM dms.v_trade_parts_sale_lines AS line
 WHERE posted_at >= %(start)s AND posted_at < %(end)s AND account_class = 'TRADE' AND NOT sharing_objection
   AND NOT EXISTS (SELECT FROM sample.sample_defect AS planted WHERE planted.invoice_line_id = line.invoice_line_id)
 GROUP BY dealer_code
"""


@dataclass
class World:
    """Everything a run touches; ``deliver`` runs all steps as the DAG does."""

    folder: Path
    dms_dsn: str
    ledger_dsn: str
    partner: PartnerEndpoint
    gate: GateProcess
    contract: Contract = field(default_factory=lambda: load_contract("merkle_sar_daily"))
    said: list[str] = field(default_factory=list)

    @property
    def staging(self) -> Staging:
        return Staging(LocalFileSystem(), str(self.folder / "staging"))

    @property
    def archive(self) -> Archive:
        return Archive(LocalFileSystem(), str(self.folder / "archive"))

    def ledger(self, actor: str = "test") -> Ledger:
        return Ledger(self.ledger_dsn, actor=actor)

    def window(self, day: date = LAST_DAY) -> Window:
        """The day, or the month that it lies in, as a run of the contract has it."""
        return period_window(self.contract.period_unit, day, self.contract.zone)

    def extract(
        self,
        day: date = LAST_DAY,
        dealers: Sequence[str] = (),
        now: datetime | None = None,
        environment: str = "live",
    ) -> Extraction:
        with self.ledger() as ledger:
            return extract(
                self.contract,
                self.window(day),
                dms_dsn=self.dms_dsn,
                ledger=ledger,
                staging=self.staging,
                run_id="test",
                now=now or datetime(2027, 1, 1, tzinfo=UTC),
                environment=environment,
                dealers=dealers,
                log=self.said.append,
            )

    def check(self, run: Extraction) -> dict[str, int]:
        with self.ledger() as ledger:
            return check(
                self.contract,
                run.batch_id,
                run.file_ids,
                ledger=ledger,
                staging=self.staging,
                archive=self.archive,
                log=self.said.append,
            )

    def render(self, run: Extraction) -> dict[str, int]:
        with self.ledger() as ledger:
            return render(
                self.contract,
                run.batch_id,
                run.file_ids,
                ledger=ledger,
                staging=self.staging,
                archive=self.archive,
                reports_root=str(self.folder / "reports"),
                run_key=f"run-{run.batch_id}",
                gate=nullcontext(self.gate),
                log=self.said.append,
            )

    def publish(self, run: Extraction) -> dict[str, int]:
        with self.ledger() as ledger:
            return publish(
                self.contract,
                run.file_ids,
                endpoint=self.partner.endpoint(),
                ledger=ledger,
                archive=self.archive,
                dms_dsn=self.dms_dsn,
                log=self.said.append,
            )

    def conclude(self, run: Extraction) -> dict[str, int]:
        with self.ledger() as ledger:
            return conclude(self.contract, run.file_ids, ledger=ledger, archive=self.archive, log=self.said.append)

    def deliver(self, day: date = LAST_DAY, dealers: Sequence[str] = (), environment: str = "live") -> Extraction:
        run = self.extract(day, dealers, environment=environment)
        self.check(run)
        self.render(run)
        self.publish(run)
        return run

    def files(self, run: Extraction) -> list[FileRow]:
        with self.ledger() as ledger:
            return [ledger.file(file_id) for file_id in run.file_ids]

    def home(self) -> dict[str, bytes]:
        """What lies in the partner's folder: name and content."""
        folder = self.partner.home / self.contract.remote_dir.lstrip("/")
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    def change(self, statement: str, values: dict[str, Any] | None = None) -> int:
        """Change the DMS as its users would; return the rows touched."""
        with psycopg2.connect(self.dms_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.rowcount

    def query(self, statement: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        with psycopg2.connect(self.dms_dsn) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def recount(self, day: date) -> dict[str, tuple[int, Decimal]]:
        """Rows and net amount per dealer code that should have gone for ``day``, by plain SQL over the DMS."""
        window = self.window(day)
        found = self.query(RECOUNT, {"start": window.start, "end": window.end})
        return {code: (rows, total) for code, rows, total in found}


def trailer_of(content: bytes) -> tuple[int, Decimal]:
    """Return the record count and the control total that a delivered file states at its end."""
    kind, count, total = content.decode().splitlines()[-1].split(";")
    assert kind == "T"
    return int(count), Decimal(total)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
