"""Keys read once, whole, through COPY: the cheapest way out of PostgreSQL for a client in Python."""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING, cast

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg2.extensions import cursor

_BUFFER_BYTES = 1 << 20


def copy_frame(cur: cursor, query: str | bytes, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    """
    Return the result of ``query`` (bound with ``cur.mogrify`` where it has values) as a frame of ``schema``, in order.

    :raises psycopg2.Error: what the database says against the query.
    :raises polars.exceptions.PolarsError: if the result has other columns than ``schema``.
    """
    text = query.encode() if isinstance(query, str) else query
    # On disk, so that memory holds it once, as a frame; the server's rows come one by one, and this file's `write` is
    # no call of Python's.
    with tempfile.TemporaryFile(buffering=_BUFFER_BYTES) as file:
        cur.copy_expert(b"COPY (" + text + b") TO STDOUT (FORMAT csv)", file)
        if not file.tell():
            return pl.DataFrame(schema=schema)
        file.seek(0)
        # An unquoted empty value is NULL, a quoted one an empty text: that is how both sides write and read it.
        return pl.read_csv(
            cast("IO[bytes]", file), has_header=False, schema=schema, extra_columns="raise", missing_columns="raise"
        )
