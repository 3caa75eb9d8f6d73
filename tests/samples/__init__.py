"""
Samples of every interface: accepted ones, and rejected ones that break the one rule they are named after.

They stand in ``<contract>/accepted`` and ``<contract>/rejected``, or in ``<contract>/<table>/…`` where a contract has
several tables. An interface that takes its fields over from another takes the samples over as well: ``taken_over.csv``
in its folder names whose, with one row of the columns that the other one does not have. A sample of its own of the same
name comes instead; a rejected sample counts only where the interface has the rule.
"""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from include.contract import Contract, Table, all_contract_ids, contract_ids, load_contract
from include.window import Window, day_window, month_window

SAMPLES = Path(__file__).parent
ANY_DAY = date(2026, 3, 16)
ANY_DEALER = "82612345"
Row = dict[str, str | None]


def all_tables() -> list[tuple[str, Table]]:
    """Return every table of every interface, beside the interface's id."""
    return [(contract_id, table) for contract_id in all_contract_ids() for table in load_contract(contract_id).tables]


def outbound_tables() -> list[tuple[str, Table]]:
    """Return every table of which files go out, beside the interface's id."""
    return [(name, table) for name, table in all_tables() if name in contract_ids("outbound")]


def folder_of(contract: Contract, table: Table) -> Path:
    """Where the samples of ``table`` stand."""
    return SAMPLES / contract.id if len(contract.tables) == 1 else SAMPLES / contract.id / table.name


def sample_paths(contract_id: str, kind: str, table: Table | None = None) -> list[Path]:
    """
    Return the samples of ``kind``, ``accepted`` or ``rejected``, in the order of their names.

    :param table: of which table; not needed where there is one.
    """
    contract = load_contract(contract_id)
    table = table or contract.table
    found = {path.name: path for path in (folder_of(contract, table) / kind).glob("*.csv")}
    if (taken := _taken_over(contract_id)) is not None:
        rules = {rule.id for rule in table.row_rules}
        for path in (SAMPLES / taken[0] / kind).glob("*.csv"):
            if kind == "accepted" or path.stem in rules:
                found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


def read_sample(path: Path, contract: Contract, table: Table | None = None) -> list[Row]:
    """
    Return the rows of a sample in the columns of ``table``; an empty value is NULL, as in PostgreSQL's CSV.

    One that belongs to another interface gets the columns that it lacks, and loses none.
    """
    table = table or contract.table
    wanted = table.columns
    added: dict[str, str] = {}
    if path.parent.parent != folder_of(contract, table):
        owner = path.parent.parent.name
        source, added = _taken_over(contract.id) or ("nobody", {})
        assert source == owner, f"{contract.id} takes samples over from {source}, not from {owner}"
        wanted = load_contract(owner).table.columns
        assert {*wanted, *added} == {*table.columns}, f"taken_over.csv of {contract.id}: columns too many or too few"
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.DictReader(file)
        assert tuple(lines.fieldnames or ()) == wanted, f"{path.name}: other columns than the contract's"
        return [{name: (added | line)[name] or None for name in table.columns} for line in lines]


def _taken_over(contract_id: str) -> tuple[str, dict[str, str]] | None:
    """Whose samples the interface takes over, and what it adds to each row."""
    path = SAMPLES / contract_id / "taken_over.csv"
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    return row.pop("samples of"), row


def dealer_of(table: Table, rows: list[Row]) -> str:
    """Whose file it is: the first row says so, in the column that must equal the dealer of the file."""
    columns = [rule.columns[0] for rule in table.rules if rule.kind == "equalsFile"]
    return (rows[0][columns[0]] if rows and columns else None) or ANY_DEALER


def window_of(contract: Contract, table: Table, rows: list[Row]) -> Window:
    """Which day or month the file is about: the first row says so, in the column that must lie within it."""
    if contract.period_unit == "month":
        return month_window(ANY_DAY, contract.zone)
    columns = [rule.columns[0] for rule in table.rules if rule.kind == "withinWindow"]
    told = rows[0][columns[0]] if rows and columns else None
    if told is None:
        return day_window(ANY_DAY, contract.zone)
    moment = datetime.strptime(told, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return day_window(moment.astimezone(ZoneInfo(contract.zone)).date(), contract.zone)
