"""Rows as partners write them, for the tests."""

from __future__ import annotations

import polars as pl

from include.matching.keys import ROW_COLUMNS


def written(*rows: dict[str, str]) -> pl.DataFrame:
    """Return a frame of rows 0, 1, …, each with the columns that it names."""
    schema = {"row": pl.Int64, **dict.fromkeys(ROW_COLUMNS, pl.String)}
    told = [{"row": number, **dict.fromkeys(ROW_COLUMNS), **row} for number, row in enumerate(rows)]
    return pl.DataFrame(told, schema=schema, orient="row")
