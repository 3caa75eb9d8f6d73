"""
A month's reconciliation for people: ``python -m include.reconcile 2026-10 [--json] [--differences]``.

The database is named by LEDGER_DSN. Exit code 0: shown; 1: nothing was reconciled, or the ledger cannot be used; 2:
called wrongly.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from include.contract import ContractError, all_contract_ids, load_contract
from include.ledger import Ledger, LedgerError, ReconciliationRow

if TYPE_CHECKING:
    from rich.table import Table

WIDTH_WITHOUT_TERMINAL: Final = 200
STYLES: Final = {"PUBLISHED": "green", "ACKED": "green", "HELD": "red", "UNKNOWN": "red", "PROPOSED": "yellow"}


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    asked = _parser().parse_args(arguments)
    dsn = os.environ.get("LEDGER_DSN", "")
    if not dsn:
        sys.stderr.write("LEDGER_DSN is not set; it names the ledger's database, e.g. postgresql:///ledger\n")
        return 2
    try:
        code = _show(dsn, asked)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough, as `head` does; the interpreter's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (LedgerError, ContractError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return code


def table(rows: Sequence[ReconciliationRow]) -> Table:
    """Return a line per dealer: rows and totals of both sides, what they differ by, the kinds, the file's state."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title_justify="left")
    for name, right in (
        ("Dealer", False),
        ("Rows", True),
        ("Daily rows", True),
        ("Total", True),
        ("Daily total", True),
        ("Difference", True),
    ):
        made.add_column(name, justify="right" if right else "left", no_wrap=True)
    made.add_column("Lines that differ", overflow="fold")
    made.add_column("File", no_wrap=True)
    for row in rows:
        kinds = ", ".join(f"{count} {kind}" for kind, count in row.kinds.items())
        state = row.state if row.environment == "live" else f"{row.state} ({row.environment})"
        made.add_row(
            Text(row.dealer if row.environment == "live" else f"{row.dealer} ({row.environment})"),
            f"{row.rows_here:,}",
            f"{row.rows_there:,}",
            *(f"{amount:,.2f}" for amount in (row.total_here, row.total_there, row.difference)),
            Text(kinds or "none", style="red" if row.unexplained else ""),
            Text(state, style=STYLES.get(row.state, "")),
        )
    return made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.reconcile",
        description="A month's files against the sum of the daily ones, as the last run of each dealer found it.",
    )
    parser.add_argument("month", type=_month, metavar="MONTH", help="as 2026-10")
    parser.add_argument("--interface", help="one only; all that are reconciled by default")
    parser.add_argument("--dealer", help="one dealer's code")
    parser.add_argument("--differences", action="store_true", help="each line that differs as well")
    parser.add_argument("--json", action="store_true", help="JSON lines: a dealer each, then each line that differs")
    return parser


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no month; write it as 2026-10") from None


def _show(dsn: str, asked: argparse.Namespace) -> int:
    names = [asked.interface] if asked.interface else all_contract_ids()
    contracts = [contract for contract in map(load_contract, names) if contract.reconciled_with is not None]
    if not contracts:
        sys.stderr.write(f"{', '.join(names)}: no contract there says reconciledWith; nothing is reconciled\n")
        return 2
    shown = 0
    with Ledger(dsn, actor="person:command line") as ledger:
        for contract in contracts:
            rows = ledger.reconciliations(interface=contract.id, business_date=asked.month, dealer=asked.dealer)
            shown += len(rows)
            if asked.json:
                _print_json(rows, ledger, differences=asked.differences)
            elif rows:
                files = ledger.files(interface=contract.id, business_date=asked.month, dealer=asked.dealer)
                _print(rows, ledger, len({file.dealer for file in files} - {row.dealer for row in rows}), asked)
    if not shown:
        name = contracts[0].id
        sys.stderr.write(
            f"Nothing was reconciled for {asked.month:%Y-%m} yet. To do it without sending anything: "
            f'airflow dags trigger {name} --conf \'{{"month": "{asked.month:%Y-%m}", "mode": "preview"}}\'\n'
        )
    return 0 if shown else 1


def _print(rows: Sequence[ReconciliationRow], ledger: Ledger, others: int, asked: argparse.Namespace) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=WIDTH_WITHOUT_TERMINAL)
    console.print(table(rows))
    if others:
        sys.stdout.write(f"{others} more dealers have no daily files, and nothing to be reconciled with.\n")
    for row in rows:
        if row.held_for:
            sys.stdout.write(f"{row.dealer}: {row.held_for}\n")
    if asked.differences:
        for one in _differences(rows, ledger):
            told = (one[name] for name in ("dealer", "kind", "document_type", "document_number", "line_number"))
            amounts = f"{_or_dash(one['net_here'])} here, {_or_dash(one['net_there'])} there"
            sys.stdout.write(f"{' '.join(map(str, told))}: {amounts}; {one['note']}\n")


def _print_json(rows: Sequence[ReconciliationRow], ledger: Ledger, *, differences: bool) -> None:
    for row in rows:
        told = asdict(row) | {"kinds": dict(row.kinds), "difference": row.difference}
        sys.stdout.write(json.dumps({name: _json(value) for name, value in told.items()}) + "\n")
    if differences:
        for one in _differences(rows, ledger):
            sys.stdout.write(json.dumps({name: _json(value) for name, value in one.items()}) + "\n")


def _differences(rows: Sequence[ReconciliationRow], ledger: Ledger) -> Iterator[dict[str, Any]]:
    for row in rows:
        for one in ledger.reconciliation_differences(row.id):
            yield {"interface": row.interface, "dealer": row.dealer, "file_here": row.file_id, **asdict(one)}


def _or_dash(amount: Decimal | None) -> str:
    return "-" if amount is None else str(amount)


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
