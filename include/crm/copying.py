"""Frames into temporary tables, through COPY."""

from __future__ import annotations

import io

import polars as pl
from psycopg2 import sql
from psycopg2.extensions import cursor

SLICE_ROWS = 100_000
"""Rows turned into text at a time, so that no second copy of a whole file stands in memory."""


def copy_in(cur: cursor, frame: pl.DataFrame, table: str) -> None:
    """Append ``frame`` to ``table`` by the names of its columns and gather statistics; null stays null, empty empty."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    )
    for part in frame.iter_slices(SLICE_ROWS):
        buffer = io.BytesIO()
        part.write_csv(buffer, include_header=False, quote_style="necessary")
        buffer.seek(0)
        cur.copy_expert(statement, buffer)
    cur.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))
