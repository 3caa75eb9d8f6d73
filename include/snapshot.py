"""
Rows as PostgreSQL's COPY wrote them, read back in frames of bounded size.

Every value stays text: a type is a promise to check, not something to guess. An unquoted empty value is NULL.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

BLOCK_BYTES = 12 << 20


class SnapshotError(ValueError):
    """The snapshot is not what COPY writes: cut short, or other columns than the contract names."""


def frames(path: Path, columns: tuple[str, ...], *, block_bytes: int = BLOCK_BYTES) -> Iterator[pl.DataFrame]:
    """
    Yield the rows of ``path`` in order as frames of text columns, about ``block_bytes`` of input at a time.

    :raises SnapshotError: if a record has another number of values than ``columns``.
    """
    for block in _blocks(path, block_bytes):
        yield _parse(block, columns, path)


def _blocks(path: Path, block_bytes: int) -> Iterator[bytes]:
    """Cut the file after whole records: at a line end with an even number of quotes before it."""
    rest = b""
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(block_bytes):
            data = rest + chunk
            cut = _last_record_end(data)
            if cut:
                yield data[:cut]
            rest = data[cut:]
    if rest:
        raise SnapshotError(f"{path.name} ends in the middle of a record; clear the run from `extract` on")


def _last_record_end(data: bytes) -> int:
    end = data.rfind(b"\n") + 1
    while end:
        if data.count(b'"', 0, end) % 2 == 0:
            return end
        end = data.rfind(b"\n", 0, end - 1) + 1
    return 0


def _parse(block: bytes, columns: tuple[str, ...], path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        frame = pl.read_csv(
            block,
            has_header=False,
            schema=dict.fromkeys(columns, pl.String),
            extra_columns="raise",
            missing_columns="raise",
            raise_if_empty=False,
        )
    except pl.exceptions.PolarsError as error:
        # The error's own text may quote a row.
        raise SnapshotError(
            f"{path.name}: a record has not the {len(columns)} values of the contract ({type(error).__name__}); "
            "the view or the SQL file and the contract disagree"
        ) from None
    return frame
