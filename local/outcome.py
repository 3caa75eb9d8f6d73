"""What ought to have gone and did not: the sample's days and the DMS's dealers against the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg2

from include.contract import load_contract
from include.ledger import DELIVERED, Ledger
from include.window import Window

SQL_DIR = Path(__file__).parents[1] / "include" / "sql"


@dataclass(frozen=True)
class Outcome:
    """Number of files that ought to be with the partner, and a line for each that is not."""

    expected: int
    problems: tuple[str, ...]


def outcome(interface: str, windows: list[Window], *, dms_dsn: str, ledger_dsn: str) -> Outcome:
    """Compare, for every window, the dealers that the DMS says take part with the files that the ledger says went."""
    expected = _expected(load_contract(interface).dealers, windows, dms_dsn)
    with Ledger(ledger_dsn, actor="person:make-run") as ledger:
        files = ledger.files(interface=interface)
    went = {(file.window_start, file.dealer) for file in files if file.state in DELIVERED}
    fate = {(file.window_start, file.dealer): f"{file.state}: {file.reason or 'no reason given'}" for file in files}
    problems = [
        f"{window.business_date} dealer {dealer}: "
        + fate.get((window.start, dealer), "no file was made; look at the day's run")
        for window, dealer in expected
        if (window.start, dealer) not in went
    ]
    return Outcome(len(expected), tuple(problems))


def _expected(dealers: str, windows: list[Window], dms_dsn: str) -> list[tuple[Window, str]]:
    """(window, dealer) for each file that ought to go; a dealer without a number is ``dms:<id>``, as in the ledger."""
    connection = psycopg2.connect(dms_dsn)
    try:
        found: list[tuple[Window, str]] = []
        with connection, connection.cursor() as cursor:
            for window in windows:
                bounds = {"window_start": window.start, "window_end": window.end}
                cursor.execute((SQL_DIR / f"{dealers}.sql").read_text(), bounds)
                found += [(window, code or f"dms:{number}") for number, code, *_ in cursor.fetchall()]
        return found
    finally:
        connection.close()
