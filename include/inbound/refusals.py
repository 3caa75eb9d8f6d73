"""Why a whole file, or a single row of it, cannot be read; each has a code that never changes its meaning."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "EMPTY", "ENCODING", "NOT_CSV", "DELIMITER", "HEADER_MISSING", "HEADER_DOUBLED", "TRUNCATED", "TOO_LARGE", "ROWS",
    "HEADER_RECORD", "TOTALS",
]  # fmt: skip

# Of a row that cannot be taken apart; beside them stand the ids of the contract's rules.
ROW_COLUMNS = "row-columns"
ROW_QUOTES = "row-quotes"
ROW_CONTROL = "row-control"
ROW_LENGTH = "row-length"
ROW_REASONS = {
    ROW_COLUMNS: "The row has more or fewer values than the header.",
    ROW_QUOTES: "A quote stands inside an unquoted value, or something behind a closing quote.",
    ROW_CONTROL: "The row holds a NUL or another control character that is neither a tab nor a line end.",
    ROW_LENGTH: "The row is longer than any real one.",
}


class FileRefused(ValueError):
    """
    A file that cannot be read as what the contract says; no row of it counts, not even one that was read before.

    :param code: one of ``Code``.
    :param byte_offset: place in the file as it came, counted from 0, where one byte is to blame.
    :param line: physical line, counted from 1, where one line is to blame.
    """

    def __init__(self, code: Code, message: str, *, byte_offset: int | None = None, line: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code: Code = code
        self.message = message
        self.byte_offset = byte_offset
        self.line = line
