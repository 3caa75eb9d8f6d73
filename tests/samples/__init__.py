"""Samples of every interface: accepted ones, and rejected ones that break the one rule they are named after."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from include.contract import Contract
from include.window import Window, day_window

SAMPLES = Path(__file__).parent
ANY_DAY = date(2026, 3, 16)
ANY_DEALER = "82612345"
Row = dict[str, str | None]


def sample_paths(contract_id: str, kind: str) -> list[Path]:
    """Return the samples of ``kind``, ``accepted`` or ``rejected``."""
    return sorted((SAMPLES / contract_id / kind).glob("*.csv"))


def read_sample(path: Path, contract: Contract) -> list[Row]:
    """Return the rows of a sample; an empty value is NULL, as in PostgreSQL's CSV."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.DictReader(file)
        assert tuple(lines.fieldnames or ()) == contract.columns, f"{path.name}: other columns than the contract's"
        return [{name: value or None for name, value in line.items()} for line in lines]


def dealer_of(contract: Contract, rows: list[Row]) -> str:
    """Whose file it is: the first row says so, in the column that must equal the dealer of the file."""
    columns = [rule.columns[0] for rule in contract.rules if rule.kind == "equalsFile"]
    return (rows[0][columns[0]] if rows and columns else None) or ANY_DEALER


def window_of(contract: Contract, rows: list[Row]) -> Window:
    """Which day the file is about: the first row says so, in the column that must lie within the window."""
    columns = [rule.columns[0] for rule in contract.rules if rule.kind == "withinWindow"]
    told = rows[0][columns[0]] if rows and columns else None
    if told is None:
        return day_window(ANY_DAY, contract.zone)
    moment = datetime.strptime(told, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return day_window(moment.astimezone(ZoneInfo(contract.zone)).date(), contract.zone)
