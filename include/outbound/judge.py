"""One dealer's rows as they come, block after block: split, counted, and the accepted ones written down."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, TYPE_CHECKING

from include import layout

if TYPE_CHECKING:
    import polars as pl

    from include.contract import Contract
    from include.ledger import FileRow
    from include.staging import Staging

# What a reconciliation reads beside the columns of the contract.
FATE_COLUMNS = ("fate", "reasons")


@dataclass
class Findings:
    """What the row check found in one dealer's rows, and the fingerprint of what remains."""

    rows: int = 0
    accepted: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    control_total: Decimal = Decimal("0.00")
    content_hash: str = ""
    rejected: list[pl.DataFrame] = field(default_factory=list)

    @property
    def rejected_count(self) -> int:
        """Rows that broke an error rule."""
        return sum(frame.height for frame in self.rejected)


class Judge:
    """
    Hears the rows of one file and writes the accepted ones as detail records to ``<batch>/<file id>.body``.

    For a contract that is reconciled with another, every row goes to ``<batch>/<file id>.fates`` as well: CSV without
    header, the contract's columns, then ``fate`` (ACCEPTED, REJECTED, WITHHELD) and ``reasons`` (separated by blanks).
    """

    def __init__(self, contract: Contract, file: FileRow, staging: Staging, batch_id: int, bodies: ExitStack) -> None:
        from include.checks import RowCheck

        self.file = file
        self._contract = contract
        self._row_check = RowCheck(contract, file.window)
        self._fingerprint = hashlib.blake2b(digest_size=32)
        self._findings = Findings()
        path = bodies.enter_context(staging.writer(f"{batch_id}/{file.id}.body"))
        self._body = bodies.enter_context(path.open("wb", buffering=0))
        self._fates: IO[bytes] | None = None
        if contract.reconciled_with is not None:
            told = bodies.enter_context(staging.writer(f"{batch_id}/{file.id}.fates"))
            self._fates = bodies.enter_context(told.open("wb"))

    def hear(self, rows: pl.DataFrame) -> None:
        """Judge the next rows, in the order of the extraction."""
        checked = self._row_check.check(rows, self.file.dealer)
        if self._fates is not None:
            checked.fates.write_csv(self._fates, include_header=False, quote_style="necessary", null_value="")
        details = io.BytesIO()
        layout.write_details(self._contract, checked.accepted, details)
        self._fingerprint.update(details.getbuffer())
        self._body.write(details.getbuffer())
        found = self._findings
        found.rows += checked.rows
        found.accepted += checked.accepted.height
        found.withheld.update(checked.withheld)
        found.failed.update(checked.failed)
        found.control_total += layout.control_total(self._contract, checked.accepted)
        if checked.rejected.height:
            found.rejected.append(checked.rejected)

    def findings(self) -> Findings:
        """Return what was found, once all rows were heard."""
        self._findings.content_hash = self._fingerprint.hexdigest()
        return self._findings
