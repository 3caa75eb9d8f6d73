"""Reading the French part of a sample as the DDC interface does: its SQL, its contract, its row check."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from include.checks import RowCheck
from include.contract import Contract, Table
from include.snapshot import frames
from include.window import Window, day_window
from tests.dms.reading import SQL_DIR, Database

Broken = dict[tuple[str, str], frozenset[str]]


def extract(
    database: Database, contract: Contract, table: Table, window: Window, points: list[int], folder: Path
) -> pl.DataFrame:
    """The rows of one kind of record, every value as the text that COPY writes."""
    binds: dict[str, Any] = {
        "window_start": window.start,
        "window_end": window.end,
        "business_date": window.business_date,
        "last_date": window.last_date,
        "dealer_ids": points,
    }
    path = folder / "rows.csv"
    statement = (SQL_DIR / contract.id / f"{table.name}.sql").read_text(encoding="utf-8").strip().rstrip(";")
    with database.connection.cursor() as cursor, path.open("wb") as file:
        bound = cursor.mogrify(statement, binds).decode()
        cursor.copy_expert(f"COPY ({bound}) TO STDOUT (FORMAT csv)", file)
    found = list(frames(path, table.columns))
    return pl.concat(found) if found else pl.DataFrame(schema=dict.fromkeys(table.columns, pl.String))


def broken_rules(
    database: Database, contract: Contract, day: date, points: dict[str, int], folder: Path
) -> tuple[dict[str, Broken], int]:
    """
    Rows of one day that break any rule, of whatever severity: by RRDI code, kind of record and row key; and rows read.

    :param points: the points of sale to be read, by their codes.
    """
    window = day_window(day, contract.zone)
    told: defaultdict[str, Broken] = defaultdict(dict)
    read = 0
    for table in contract.tables:
        check = RowCheck(table, window)
        rows = extract(database, contract, table, window, list(points.values()), folder)
        read += rows.height
        for code, mine in _by_dealer(rows):
            masks = check.broken_rules(mine, code)
            for position, key in enumerate(mine[table.row_key]):
                rules = frozenset(rule for rule, mask in masks.items() if mask[position])
                if rules:
                    told[code][table.name, key] = rules
    return dict(told), read


def _by_dealer(rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    parts = rows.partition_by("dealer_code", maintain_order=True)
    return [(part["dealer_code"][0], part) for part in parts]
