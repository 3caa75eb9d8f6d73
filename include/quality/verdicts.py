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
    :param window: the file's own; those of one run are the same day or month, by one clock or by each dealer's.
    :param rows: detail records, :param control_total: the exact sum as text (None: the contract has none).
    :param revision: None leaves the header's revision unchecked.
    :param corrects_sequence: number of the file that this one replaces, None for an original.
    :param told: what the header must say beyond the file itself, as text; empty is left out in XML.
    """

    file_id: int
    dealer: str
    path: str
    rows: int
    control_total: str | None
    sequence: int
    environment: str
    window: Window
    revision: int | None = None
    corrects_sequence: int | None = None
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GateRun:
    """
    All files that one run wants to send, at least one, read in one validation.

    :raises GateError: if they are not all of one day or month; rules over dates could not be judged at once.
    """

    interface: str
    run_key: str
    files: Sequence[GateFile]
    gate_rows: int = GATE_ROWS

    def __post_init__(self) -> None:
        for file in self.files:
            mine, first = file.window, self.files[0].window
            if (mine.business_date, mine.last_date) != (first.business_date, first.last_date):
                raise GateError(
                    f"{self.interface}, run {self.run_key}: dealer {file.dealer}'s file is of {mine.business_date} to "
                    f"{mine.last_date}, dealer {self.files[0].dealer}'s of {first.business_date} to {first.last_date}; "
                    "one reading is of one day or month, so give each its own"
                )

    @property
    def window(self) -> Window:
        """The window that stands for the run in rules over dates, which are the same in all files' windows."""
        return self.files[0].window


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
    return {
        "interface": run.interface,
        "run_key": run.run_key,
        "files": [{**asdict(file), "window": _window_to_json(file.window)} for file in run.files],
        "gate_rows": run.gate_rows,
    }


def run_from_json(values: Mapping[str, Any]) -> GateRun:
    """Return what ``run_to_json`` was given."""
    return GateRun(
        interface=values["interface"],
        run_key=values["run_key"],
        files=[GateFile(**{**file, "window": _window_from_json(file["window"])}) for file in values["files"]],
        gate_rows=values["gate_rows"],
    )


def _window_to_json(window: Window) -> dict[str, str]:
    return {"start": window.start.isoformat(), "end": window.end.isoformat(), "zone": window.zone}


def _window_from_json(values: Mapping[str, str]) -> Window:
    return Window(datetime.fromisoformat(values["start"]), datetime.fromisoformat(values["end"]), values["zone"])


def verdict_from_json(values: Mapping[str, Any]) -> GateVerdict:
    """Return the verdict that ``dataclasses.asdict`` took apart."""
    return GateVerdict(**{**values, "results": [RuleResult(**result) for result in values["results"]]})
