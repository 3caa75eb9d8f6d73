"""A small layout and files of it: what the tests of the reader read."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field

from include.inbound.headers import Column, Headers
from include.inbound.read import PIECE_BYTES, Misshapen, Reading

COLUMNS = (
    Column("number", "DealNumber", optional=True),
    Column("name", "LastName"),
    Column("amount", "Amount.Financed"),
    Column("payment", "Monthly Payment"),
)
HEADER = "DealNumber,LastName,Amount.Financed,Monthly Payment"


@dataclass
class Told:
    """Everything that a reading says of a file."""

    headers: Headers | None = None
    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    misshapen: list[Misshapen] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The text of every record, in the order of the file."""
        told = [*zip(self.lines, self.raw, strict=True), *((bad.line, bad.raw) for bad in self.misshapen)]
        return [text for _, text in sorted(told)]


def read(
    content: bytes | str,
    *,
    columns: Iterable[Column] = COLUMNS,
    encoding: str = "utf-8",
    delimiter: str = ",",
    piece_bytes: int = PIECE_BYTES,
    whole: bool = True,
) -> Told:
    """Read ``content`` to its end."""
    source = io.BytesIO(content.encode() if isinstance(content, str) else content)
    reading = Reading(
        source, tuple(columns), encoding=encoding, delimiter=delimiter, piece_bytes=piece_bytes, whole=whole
    )
    told = Told()
    for records in reading:
        told.rows += records.frame.rows()
        told.lines += records.lines.tolist()
        told.raw += [records.raw(row) for row in range(records.frame.height)]
        told.misshapen += records.misshapen
    told.headers = reading.headers
    return told
