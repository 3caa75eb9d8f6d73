"""Rendered files for the second reading: written by the real writer, spoiled where a test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.contract import Contract, load_contract
from include.layout import Totals, control_total, delimited
from include.quality.gate import GateFile, GateProcess, GateRun
from include.window import Window, day_window
from tests.quality.two_readers import frame_of
from tests.samples import ANY_DAY, ANY_DEALER, Row, read_sample, sample_paths


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_contract("merkle_sar_daily")


@pytest.fixture(scope="session")
def window(contract: Contract) -> Window:
    return day_window(ANY_DAY, contract.zone)


@pytest.fixture(scope="session")
def good(contract: Contract) -> Row:
    """A row that breaks no rule at all."""
    (path,) = (path for path in sample_paths(contract.id, "accepted") if path.stem == "normal_day")
    return next(row for row in read_sample(path, contract) if row["document_type"] == "INVOICE")


@pytest.fixture(scope="session")
def gate() -> Iterator[GateProcess]:
    """One child for all tests of a process: it takes seconds to start."""
    with GateProcess() as process:
        yield process


class Renderer:
    """Writes files as the render step does and tells the gate what the ledger would."""

    def __init__(self, folder: Path, contract: Contract, window: Window) -> None:
        self.folder = folder
        self.contract = contract
        self.window = window
        self.files: list[GateFile] = []

    def file(
        self,
        rows: Sequence[Row],
        dealer: str = ANY_DEALER,
        spoil: Callable[[bytes], bytes] = lambda content: content,
        header: Mapping[str, Any] | None = None,
        corrects: int | None = None,
    ) -> GateFile:
        """Render ``rows``, let ``spoil`` change the bytes, and return what the ledger says of the unspoiled file."""
        number = len(self.files) + 1
        frame = frame_of(self.contract, rows).select(self.contract.table.delivered)
        total = control_total(self.contract, self.contract.table, frame)
        values = {
            "interface": self.contract.id,
            "layout_version": self.contract.version,
            "dealer": dealer,
            "recipient": self.contract.partner,
            "business_date": self.window.business_date,
            "period_type": "M" if self.contract.period_unit == "month" else "D",
            "period": f"{self.window.business_date:%Y-%m}"
            if self.contract.period_unit == "month"
            else self.window.business_date,
            "window_start": self.window.start,
            "window_end": self.window.end,
            "sequence": number,
            "revision": 1,
            "mark": "ORIGINAL" if corrects is None else "CORRECTION",
            "corrects_sequence": "" if corrects is None else corrects,
            "environment": "TEST",
            "created_at": datetime(2026, 3, 17, 4, tzinfo=UTC),
        }
        path = self.folder / f"{number}.csv"
        with path.open("wb") as target:
            target.write(delimited.opening(self.contract, {**values, **(header or {})}))
            delimited.write_details(self.contract, frame, target)
            target.write(delimited.closing(self.contract, Totals(len(rows), total)))
        path.write_bytes(spoil(path.read_bytes()))
        file = GateFile(number, dealer, str(path), len(rows), str(total), number, "TEST", self.window, 1, corrects)
        self.files.append(file)
        return file

    def run(self, *files: GateFile, run_key: str = "a run", gate_rows: int = 100_000) -> GateRun:
        """Return a run over ``files``."""
        return GateRun(self.contract.id, run_key, files or self.files, gate_rows)


@pytest.fixture
def renderer(tmp_path: Path, contract: Contract, window: Window) -> Renderer:
    return Renderer(tmp_path, contract, window)


def numbered(good: Row, count: int, **change: str | None) -> list[Row]:
    """Return ``count`` good lines of one document, numbered from 1, with ``change`` in each."""
    return [
        {**good, "invoice_line_id": str(number), "line_number": str(number), **change} for number in range(1, count + 1)
    ]
