"""One file's rows as they come, table by table and block by block: split, counted, the accepted ones written down."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from io import BufferedIOBase
from typing import IO, TYPE_CHECKING, Any, cast

from include.layout import control_total, layout_of

if TYPE_CHECKING:
    import polars as pl

    from include.contract import Contract, Table
    from include.ledger import FileRow
    from include.staging import Staging

# What a reconciliation reads beside the columns of the contract.
FATE_COLUMNS = ("fate", "reasons")


def body_name(batch_id: int, file_id: int, table: Table) -> str:
    """Name of the staged accepted rows of one table, as they will stand in the file."""
    return f"{batch_id}/{file_id}.{table.name}.body"


@dataclass
class Findings:
    """What the row check found in one file's rows, and the fingerprint of what remains."""

    rows: int = 0
    accepted: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    documents: Counter[str] = field(default_factory=Counter)
    control_total: Decimal = Decimal("0.00")
    content_hash: str = ""
    rejected: list[pl.DataFrame] = field(default_factory=list)

    @property
    def rejected_count(self) -> int:
        """Rows that broke an error rule."""
        return sum(frame.height for frame in self.rejected)


class Judge:
    """
    Hears the rows of one file, one table after the other, and stages the accepted ones as the file's bodies.

    For a contract that is reconciled with another, every row goes to ``<batch>/<file id>.fates`` as well: CSV without
    header, the table's columns, then ``fate`` (ACCEPTED, REJECTED, WITHHELD) and ``reasons`` (separated by blanks).
    """

    def __init__(self, contract: Contract, file: FileRow, staging: Staging, batch_id: int, bodies: ExitStack) -> None:
        self.file = file
        self._findings = Findings()
        fates: IO[bytes] | None = None
        if contract.reconciled_with is not None:
            told = bodies.enter_context(staging.writer(f"{batch_id}/{file.id}.fates"))
            fates = bodies.enter_context(told.open("wb"))
        self._parts = {
            table.name: _Part(contract, table, file, staging, batch_id, bodies, self._findings, fates)
            for table in contract.tables
        }

    def hear(self, table: Table, rows: pl.DataFrame) -> None:
        """Judge the next rows of ``table``, in the order of the extraction."""
        self._parts[table.name].hear(rows)

    def findings(self) -> Findings:
        """Return what was found, once all rows were heard; the bodies are complete then."""
        digests = [part.end() for part in self._parts.values()]
        whole = (
            digests[0] if len(digests) == 1 else hashlib.blake2b("".join(digests).encode(), digest_size=32).hexdigest()
        )
        self._findings.content_hash = whole
        return self._findings


class _Part:
    """The rows of one table."""

    def __init__(
        self,
        contract: Contract,
        table: Table,
        file: FileRow,
        staging: Staging,
        batch_id: int,
        bodies: ExitStack,
        findings: Findings,
        fates: IO[bytes] | None,
    ) -> None:
        from include.checks import RowCheck

        self._contract, self._table, self._dealer = contract, table, file.dealer
        self._findings, self._fates = findings, fates
        self._row_check = RowCheck(table, file.window)
        path = bodies.enter_context(staging.writer(body_name(batch_id, file.id, table)))
        self._sink = _Fingerprinted(bodies.enter_context(path.open("wb", buffering=0)))
        self._writing = ExitStack()
        bodies.push(self._writing)
        self._body = self._writing.enter_context(
            layout_of(contract).body(contract, table, cast("IO[bytes]", self._sink))
        )

    def hear(self, rows: pl.DataFrame) -> None:
        checked = self._row_check.check(rows, self._dealer)
        if self._fates is not None:
            checked.fates.write_csv(self._fates, include_header=False, quote_style="necessary", null_value="")
        self._body.write(checked.accepted)
        found, table = self._findings, self._table
        found.rows += checked.rows
        found.accepted += checked.accepted.height
        found.withheld.update(checked.withheld)
        found.failed.update(checked.failed)
        found.control_total += control_total(self._contract, table, checked.accepted)
        if table.array is not None:
            found.documents[table.name] += checked.accepted.select(table.document_key).n_unique()
        if checked.rejected.height:
            found.rejected.append(checked.rejected)

    def end(self) -> str:
        """Write what closes the table's part; return the fingerprint of it."""
        self._writing.close()
        return self._sink.digest.hexdigest()


class _Fingerprinted(BufferedIOBase):
    """A file that remembers the hash of what went into it."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self.digest = hashlib.blake2b(digest_size=32)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self.digest.update(view)
        written = 0
        while written < len(view):
            written += self._target.write(view[written:])
        return len(view)
