"""Frames into tables, through COPY."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import polars as pl
from psycopg2 import sql
from psycopg2.extensions import cursor

SLICE_ROWS = 100_000
"""Rows turned into text at a time, so that no second copy of a whole file stands in memory."""
BUFFER_BYTES = 1 << 18


def copy_in(cur: cursor, frame: pl.DataFrame, *table: str) -> None:
    """Append ``frame`` to a table (schema first, if any) by the names of its columns; null stays null, empty empty."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(*table), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    )
    for text in _texts(frame):
        cur.copy_expert(statement, text, BUFFER_BYTES)


def _texts(frame: pl.DataFrame) -> Iterator[io.BytesIO]:
    """Yield slices as CSV; while the server takes one in, the next is written."""
    slices = frame.iter_slices(SLICE_ROWS)
    with ThreadPoolExecutor(1) as ahead:
        coming = None
        for part in slices:
            ready, coming = coming, ahead.submit(_text, part)
            if ready is not None:
                yield ready.result()
        if coming is not None:
            yield coming.result()


def _text(frame: pl.DataFrame) -> io.BytesIO:
    buffer = io.BytesIO()
    frame.write_csv(buffer, include_header=False, quote_style="necessary")
    buffer.seek(0)
    return buffer
