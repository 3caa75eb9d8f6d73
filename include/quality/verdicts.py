"""What goes to the gate and what comes back: plain values that cross a process boundary as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from include.contract import Severity
from include.window import Window

GATE_ROWS = 50_000
Status = Literal["pass", "fail", "error"]


class GateError(RuntimeError):
    """The second reading could not be done; nothing may be sent until it can."""


@dataclass(frozen=True)
class GateFile:
    """
    A rendered file, and what the ledger says of it.

    :param path: of its bytes on this machine.
    :param rows: detail records, :param control_total: the exact sum as text (None: the contract has none).
    :param revision: None leaves the header's revision unchecked.
    """

    file_id: int
    dealer: str
    path: str
    rows: int
    control_total: str | None
    sequence: int
    environment: str
    revision: int | None = None


@dataclass(frozen=True)
class GateRun:
    """All files that one run wants to send, read in one validation."""

    interface: str
    run_key: str
    window: Window
    files: Sequence[GateFile]
    gate_rows: int = GATE_ROWS


@dataclass(frozen=True)
class RuleResult:
    """One rule over the rows of one file that were read; ``error`` means that the rule itself broke."""

    rule: str
    severity: Severity
    status: Status
    checked: int
    failed: int


@dataclass(frozen=True)
class GateVerdict:
    """Whether a file may go; ``problems`` says in sentences without values of rows why it may not."""

    file_id: int
    passed: bool
    rows_in_file: int
    rows_read: int
    results: list[RuleResult] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def run_to_json(run: GateRun) -> dict[str, Any]:
    """Return ``run`` as JSON values."""
    window = run.window
    return {
        "interface": run.interface,
        "run_key": run.run_key,
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat(), "zone": window.zone},
        "files": [asdict(file) for file in run.files],
        "gate_rows": run.gate_rows,
    }


def run_from_json(values: Mapping[str, Any]) -> GateRun:
    """Return what ``run_to_json`` was given."""
    window = values["window"]
    return GateRun(
        interface=values["interface"],
        run_key=values["run_key"],
        window=Window(datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"]), window["zone"]),
        files=[GateFile(**file) for file in values["files"]],
        gate_rows=values["gate_rows"],
    )


def verdict_from_json(values: Mapping[str, Any]) -> GateVerdict:
    """Return the verdict that ``dataclasses.asdict`` took apart."""
    return GateVerdict(**{**values, "results": [RuleResult(**result) for result in values["results"]]})
