"""Bulk loading into tables that keep their definition: indexes and constraints aside, COPY, and back again."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import polars as pl
import psycopg2.extensions
from psycopg2 import sql

Cursor = psycopg2.extensions.cursor

#: Chunks of CSV made in advance while PostgreSQL reads: enough to keep both busy, little memory.
CHUNKS_AHEAD = 3


def copy_frames(cursor: Cursor, table: str, frames: Iterable[pl.DataFrame]) -> int:
    """COPY the frames, whose column names are the table's, and return the number of rows.

    The next frame is made in a second thread while PostgreSQL takes the last. The table must have been created or
    truncated in this transaction: rows are written frozen, so that no reader has to set their hint bits later.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        return 0
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, FREEZE)").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, first.columns))
    )
    with _Pipe(_all(first, frames)) as pipe:
        cursor.copy_expert(statement, pipe)
    return cursor.rowcount


def _all(first: pl.DataFrame, rest: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    yield first
    yield from rest


class _Pipe(io.RawIOBase):
    """Frames as a readable stream of CSV, made by a thread of its own."""

    def __init__(self, frames: Iterator[pl.DataFrame]) -> None:
        self._frames = frames
        self._chunks: queue.Queue[bytes | BaseException | None] = queue.Queue(CHUNKS_AHEAD)
        self._stopped = threading.Event()
        self._rest = memoryview(b"")
        self._thread = threading.Thread(target=self._produce, name="sample-csv", daemon=True)

    def __enter__(self) -> _Pipe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if not self._rest:
            chunk = self._chunks.get()
            if isinstance(chunk, BaseException):
                raise chunk
            if chunk is None:
                self._chunks.put(None)  # the next read finds the end as well
                return b""
            self._rest = memoryview(chunk)
        size = len(self._rest) if size < 0 else size
        piece, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return piece

    def _produce(self) -> None:
        last: BaseException | None = None
        try:
            for frame in self._frames:
                if frame.height:
                    text = io.BytesIO()
                    frame.write_csv(text, include_header=False, datetime_format="%Y-%m-%d %H:%M:%S+00")
                    self._offer(text.getvalue())
                if self._stopped.is_set():
                    return
        except BaseException as error:  # handed to the reader, which raises it
            last = error
        self._offer(last)

    def _offer(self, chunk: bytes | BaseException | None) -> None:
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._chunks.put(chunk, timeout=0.2)
                break


@contextmanager
def without_indexes(cursor: Cursor, schema: str, tables: tuple[str, ...], say: Callable[[str], None]) -> Iterator[None]:
    """Drop the tables' indexes, primary and foreign keys for the length of the block; they come back as they were.

    Building an index once over five million rows costs seconds, keeping it up row by row minutes; so do foreign keys.
    An error inside leaves everything to the rollback of the caller's transaction.
    """
    # Primary keys before the foreign keys that lean on them; the reverse order drops them.
    cursor.execute(
        """
        SELECT c.conrelid::regclass::text, quote_ident(c.conname), pg_get_constraintdef(c.oid)
          FROM pg_constraint c
          JOIN pg_class t ON t.oid = c.conrelid
         WHERE t.relnamespace = %(schema)s::regnamespace
           AND t.relname = ANY (%(tables)s)
           AND c.contype IN ('p', 'u', 'f')
         ORDER BY c.contype = 'f', c.conname
        """,
        {"schema": schema, "tables": list(tables)},
    )
    constraints = cursor.fetchall()
    cursor.execute(
        """
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
          FROM pg_index i
          JOIN pg_class t ON t.oid = i.indrelid
         WHERE t.relnamespace = %(schema)s::regnamespace
           AND t.relname = ANY (%(tables)s)
           AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
         ORDER BY 1
        """,
        {"schema": schema, "tables": list(tables)},
    )
    indexes = cursor.fetchall()
    # The names and definitions are PostgreSQL's own words, quoted by it.
    for table, name, _ in reversed(constraints):
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    say("building indexes")
    for table, name, definition in constraints:
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for _, definition in indexes:
        cursor.execute(definition)
