"""
A partner's CSV file as frames of text, exactly as it came: nothing guessed, nothing trimmed, nothing left out silently.

Every record of the file is in exactly one place: a row of a frame, or a misshapen row with its reasons and its text.
Empty lines are no records. Memory does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from include.inbound.decode import Utf8Chunks
from include.inbound.headers import Column, Headers, read_headers
from include.inbound.records import Layout, Places, lay_out
from include.inbound.refusals import ROW_COLUMNS, ROW_CONTROL, ROW_LENGTH, ROW_QUOTES, FileRefused

if TYPE_CHECKING:
    import polars as pl

PIECE_BYTES = 8 << 20
ROW_BYTES = 64 << 10
RECORD_BYTES = 1 << 20
# PostgreSQL's text holds no NUL; this is the sign for it.
NUL_SIGN = "\u2400"


@dataclass(frozen=True)
class Misshapen:
    """A record that has no values to judge: its first ``line``, every reason, and its text without the line end."""

    line: int
    reasons: tuple[str, ...]
    raw: str


@dataclass(frozen=True)
class Records:
    """
    The records of one piece of a file.

    ``frame`` has a text column for each column of the contract, null where the file has nothing between two
    delimiters or no such column. ``lines`` says on which physical line, counted from 1, each row begins.
    """

    frame: pl.DataFrame
    lines: Places
    misshapen: Sequence[Misshapen]
    layout: Layout
    places: Places

    def raw(self, row: int) -> str:
        """Return the text of a row of ``frame`` as it stands in the file."""
        return _text(self.layout.raw(int(self.places[row])))


class Reading:
    """
    One pass over one file; iterate it for its ``Records``.

    ``headers`` is None until the first step, and ``header``, the text of the first line, is empty. The last step may
    still refuse the file, so what came before counts only once the iteration has ended.

    :param whole: False for the beginning of a file: what stands behind its last line end is left out.
    """

    def __init__(
        self,
        source: IO[bytes],
        columns: Sequence[Column],
        *,
        encoding: str,
        delimiter: str,
        whole: bool = True,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        self._chunks = Utf8Chunks(source, encoding, piece_bytes)
        self._columns = columns
        self._delimiter = delimiter
        self._whole = whole
        self._blank = False
        self.headers: Headers | None = None
        self.header = ""

    def __iter__(self) -> Iterator[Records]:
        """
        Yield the records, piece by piece.

        :raises FileRefused: with one of the codes of ``include.inbound.refusals``.
        """
        rest, line = b"", 1
        for data, final in _with_last(self._chunks):
            data = rest + data
            layout = lay_out(data, self._delimiter, line=line, final=final and self._whole)
            rest, line = data[layout.consumed :], layout.next_line
            self._require_end(layout, rest, final=final)
            if records := self._records(layout, final=final):
                yield records
        if self.headers is None:
            raise FileRefused("EMPTY", "the file holds nothing but line ends or white space", byte_offset=0)

    def _require_end(self, layout: Layout, rest: bytes, *, final: bool) -> None:
        """Refuse records without an end in sight, and a file that ends within one."""
        longest = int((layout.ends - layout.starts).max(initial=0))
        if longest > RECORD_BYTES or len(rest) > RECORD_BYTES:
            line = layout.next_line
            if longest > RECORD_BYTES:
                line = int(layout.lines[int((layout.ends - layout.starts).argmax())])
            raise FileRefused(
                "TOO_LARGE",
                f"the record that begins on line {line} has more than {RECORD_BYTES >> 20} MiB; the usual cause is a "
                "quote that is never closed. Ask the partner to send the file again",
                line=line,
            )
        if final and rest and self._whole:
            offset = self._chunks.place(rest)
            raise FileRefused(
                "TRUNCATED",
                f"the record that begins on line {layout.next_line}, at byte {offset}, opens a quote and the file ends "
                "before it is closed: it was cut off. Ask the partner to send it again",
                byte_offset=offset,
                line=layout.next_line,
            )

    def _records(self, layout: Layout, *, final: bool) -> Records | None:
        keep = layout.ends > layout.starts
        if self.headers is None:
            if not layout.data[: layout.consumed].strip():
                self._blank = self._blank or layout.consumed > 0
                return None
            first = _text(layout.raw(0))
            if self._blank or not first.strip():
                raise FileRefused("HEADER_MISSING", "the first line is empty; the header must stand there", line=1)
            self.headers = read_headers(first.replace(NUL_SIGN, "\0"), self._columns, self._delimiter)
            self.header = first
            keep[0] = False
            if layout.misquoted[0]:
                raise FileRefused("NOT_CSV", "a quote in the first line stands where none may", line=1)
        misshapen = self._misshapen(layout, keep, final=final)
        places = np.flatnonzero(keep)
        if not len(places) and not misshapen:
            return None
        frame = _parse(layout.kept(keep), self.headers, self._columns, self._delimiter)
        if frame.height != len(places):
            raise AssertionError(f"{len(places)} records were counted and {frame.height} read")
        return Records(frame, layout.lines[places], misshapen, layout, places)

    def _misshapen(
        self, layout: Layout, keep: np.ndarray[tuple[int], np.dtype[np.bool_]], *, final: bool
    ) -> list[Misshapen]:
        """Take the records out of ``keep`` that cannot be read, and say why."""
        assert self.headers is not None
        faults = {
            ROW_COLUMNS: layout.fields != self.headers.width,
            ROW_QUOTES: layout.misquoted,
            ROW_CONTROL: layout.controls,
            ROW_LENGTH: layout.ends - layout.starts > ROW_BYTES,
        }
        bad = keep & np.logical_or.reduce(list(faults.values()))
        if not bad.any():
            return []
        if final and self._whole and bad[-1] and layout.ends[-1] == len(layout.data) and faults[ROW_COLUMNS][-1]:
            line = int(layout.lines[-1])
            offset = self._chunks.place(layout.raw(-1))
            raise FileRefused(
                "TRUNCATED",
                f"the last line, {line}, at byte {offset}, has {layout.fields[-1]} of {self.headers.width} values and "
                "no line end: the file was cut off. Ask the partner to send it again",
                byte_offset=offset,
                line=line,
            )
        keep &= ~bad
        return [
            Misshapen(
                int(layout.lines[place]),
                tuple(reason for reason, found in faults.items() if found[place]),
                _text(layout.raw(place)),
            )
            for place in np.flatnonzero(bad).tolist()
        ]


def read_arrival(path: Path, columns: Sequence[Column], *, encoding: str, delimiter: str = ",") -> Iterator[Records]:
    """
    Yield the records of the file at ``path``.

    :raises FileRefused: at any step; then nothing of the file counts.
    :raises OSError: if it cannot be read.
    :raises ValueError: for an encoding that no feed may have.
    """
    with path.open("rb") as source:
        yield from Reading(source, columns, encoding=encoding, delimiter=delimiter)


def _with_last(chunks: Utf8Chunks) -> Iterator[tuple[bytes, bool]]:
    """Yield each piece and whether it is the last one."""
    held: bytes | None = None
    for chunk in chunks:
        if held is not None:
            yield held, False
        held = chunk
    yield held or b"", True


def _text(raw: bytes) -> str:
    return raw.decode().replace("\0", NUL_SIGN)


def _parse(data: bytes, headers: Headers, columns: Sequence[Column], delimiter: str) -> pl.DataFrame:
    """Take records apart whose form has been verified."""
    import polars as pl

    names = [f"column_{place}" for place in range(headers.width)]
    wanted = {name: names[place] for name, place in headers.positions.items()}
    if not data:
        return pl.DataFrame(schema={column.name: pl.String for column in columns})
    frame = pl.read_csv(
        data,
        has_header=False,
        separator=delimiter,
        schema=dict.fromkeys(names, pl.String),
        columns=sorted(wanted.values(), key=names.index),
        raise_if_empty=False,
    )
    return frame.select(
        pl.col(wanted[column.name]).alias(column.name)
        if column.name in wanted
        else pl.lit(None, pl.String).alias(column.name)
        for column in columns
    )
