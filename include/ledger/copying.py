"""Rows streamed into a table by COPY: the only way in that takes a million of them in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import psycopg2
from psycopg2.extras import RealDictCursor

COPY_BYTES: Final = 1 << 20
ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
NULL: Final = "\\N"


def cell(value: object) -> str:
    """Return one value in COPY's text format; None is SQL's NULL."""
    return NULL if value is None else str(value).translate(ESCAPES)


def copy_lines(cursor: RealDictCursor, statement: str, lines: Iterator[bytes]) -> None:
    """
    Stream ``lines`` (COPY's text format, newline at each end) into ``COPY … FROM STDIN``.

    Whatever the iterator raises is raised here as it was.
    """
    text = _Readable(lines)
    try:
        cursor.copy_expert(statement, text, COPY_BYTES)
    except psycopg2.Error:
        # The driver turns whatever the iterator raised into "query cancelled"; the cause is what helps.
        if text.error is not None:
            raise text.error from None
        raise


class _Readable:
    """Lines as the file that COPY reads from, without ever holding all of them."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._rest = b""
        self.error: Exception | None = None

    def read(self, size: int = COPY_BYTES) -> bytes:
        pieces, length = [self._rest], len(self._rest)
        try:
            while length < size and (line := next(self._lines, b"")):
                pieces.append(line)
                length += len(line)
        except Exception as error:
            self.error = error
            raise
        joined = b"".join(pieces)
        self._rest = joined[size:]
        return joined[:size]

    def readline(self, size: int = COPY_BYTES) -> bytes:
        """COPY never asks for lines, but its file must be able to give them."""
        return next(self._lines, b"")
