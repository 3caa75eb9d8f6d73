"""
A rendered file read back from its bytes: structure from every byte, rows from all of it or from a stated part.

Written without a look at ``include/layout.py``, which wrote the file. Problems are sentences without values of rows.
"""

from __future__ import annotations

import codecs
import csv
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from include.contract import Contract, Table

STRETCHES = 8
RECORD = "record type"
EDGE_BYTES = 1 << 16  # A header or trailer record is far shorter.


@dataclass
class FileText:
    """
    What a file says, and what is wrong with its form.

    ``records`` counts the detail records of the whole file, ``frame`` holds those that were read (text, null where
    empty), ``whole`` says whether that is all of them.
    """

    header: dict[str, str] = field(default_factory=dict)
    trailer: dict[str, str] = field(default_factory=dict)
    records: int = 0
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    whole: bool = True
    problems: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        """How many rows were read."""
        return len(self.frame)

    def rows(self, table: Table) -> pd.DataFrame:
        """Return the rows of ``table``, the contract's one."""
        return self.frame

    def take(self, table: Table) -> pd.DataFrame:
        """Return the rows and forget them, so that they are held once."""
        frame, self.frame = self.frame.copy(deep=False), self.frame.iloc[:0]
        return frame


@dataclass
class _Scan:
    """Where records can begin: per block its offset, and whether it begins inside quotes."""

    offsets: list[int] = field(default_factory=list)
    quoted: list[bool] = field(default_factory=list)
    line_ends: int = 0
    ends_quoted: bool = False
    problems: list[str] = field(default_factory=list)


def read_file(path: Path, contract: Contract, most_rows: int) -> FileText:
    """
    Read the file at ``path``: all rows if it has at most ``most_rows``, else ``STRETCHES`` evenly spaced pieces.

    The first and the last detail record are always among them. The choice depends on the file alone.

    :raises OSError: if the file cannot be read.
    """
    found = FileText()
    size = path.stat().st_size
    with path.open("rb") as file:
        scan = _scan(file, size, contract)
        found.problems += scan.problems
        begin, end = _edges(file, size, contract, found, quoted_to_the_end=scan.ends_quoted)
        if end < begin:
            return found
        found.records = scan.line_ends - 2
        found.whole = found.records <= most_rows
        if found.whole:
            file.seek(begin)
            pieces = [file.read(end - begin)]
        else:
            pieces = list(_stretches(file, scan, begin, end, most_rows / found.records))
    found.frame = _frame(pieces, contract, found.problems)
    return found


def _scan(file: IO[bytes], size: int, contract: Contract) -> _Scan:
    """Read every byte once: line ends outside quotes, bytes that are no text, the last line end."""
    scan = _Scan()
    block = min(max(size // 256, 1 << 12), 1 << 20)
    decoder = codecs.getincrementaldecoder(contract.encoding)("strict")
    quoted, returns, offset, last = False, 0, 0, b""
    undecodable = False
    while chunk := file.read(block):
        scan.offsets.append(offset)
        scan.quoted.append(quoted)
        if not undecodable:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                undecodable = True
                scan.problems.append(
                    f"byte {offset + error.start + 1} or the few before it are no {contract.encoding} text"
                )
        parts = chunk.split(b'"')
        outside = parts[1 if quoted else 0 :: 2]
        scan.line_ends += sum(part.count(b"\n") for part in outside)
        returns += sum(part.count(b"\r") for part in outside)
        quoted ^= len(parts) % 2 == 0
        offset += len(chunk)
        last = chunk[-1:]
    scan.ends_quoted = quoted
    if quoted:
        scan.problems.append("a quoted value is never closed")
    elif last != b"\n":
        scan.problems.append("the last record does not end with a line end: the file is cut off")
    if returns != (scan.line_ends if contract.line_end == "\r\n" else 0):
        scan.problems.append(f"line ends are not all {contract.line_end!r}")
    return scan


def _edges(
    file: IO[bytes], size: int, contract: Contract, found: FileText, *, quoted_to_the_end: bool
) -> tuple[int, int]:
    """Read header and trailer; return where the detail records begin and end (end < begin: there are none to read)."""
    file.seek(0)
    head = file.read(EDGE_BYTES).split(b"\n", 1)[0] + b"\n"
    file.seek(max(0, size - EDGE_BYTES))
    tail = file.read(EDGE_BYTES).removesuffix(b"\n").rsplit(b"\n", 1)[-1] + b"\n"
    header, trailer = _record(head, contract), _record(tail, contract)
    whole = True
    for record, mark, name, fields, into in (
        (header, "H", "header", contract.header, found.header),
        (trailer, "T", "trailer", tuple(item.partition(":")[0] for item in contract.trailer), found.trailer),
    ):
        if record[:1] != [mark]:
            found.problems.append(f"there is no {name} record")
            whole = False
        elif len(record) != len(fields) + 1:
            found.problems.append(f"the {name} record has {len(record) - 1} values, the contract {len(fields)}")
        else:
            into.update(zip(fields, record[1:], strict=True))
    if not whole or quoted_to_the_end:
        return 0, -1
    return len(head), size - len(tail)


def _record(line: bytes, contract: Contract) -> list[str]:
    text = line.decode(contract.encoding, errors="replace")
    return next(csv.reader([text], delimiter=contract.delimiter), [])


def _stretches(file: IO[bytes], scan: _Scan, begin: int, end: int, share: float) -> Iterator[bytes]:
    """Yield ``STRETCHES`` pieces of whole records: the first ones, the last ones and evenly spaced ones between."""
    length = max(1, int((end - begin) * share / STRETCHES))
    read_to = begin
    for number in range(STRETCHES):
        aim = begin + (end - begin - length) * number // (STRETCHES - 1)
        last = number == STRETCHES - 1
        start = begin if number == 0 else _record_behind(file, scan, aim)
        while last and start >= end:
            # Less than a record from the end: go back until one begins behind the aim.
            length *= 2
            start = begin if end - length <= begin else _record_behind(file, scan, end - length)
        start = max(start, read_to)
        stop = end if last else min(end, _record_behind(file, scan, start + length))
        if stop > start:
            file.seek(start)
            yield file.read(stop - start)
            read_to = stop


def _record_behind(file: IO[bytes], scan: _Scan, aim: int) -> int:
    """Return where the first record begins that starts behind ``aim``, reading on from the block that holds it."""
    block = bisect_right(scan.offsets, aim) - 1
    offset, quoted = scan.offsets[block], scan.quoted[block]
    file.seek(offset)
    while chunk := file.read(1 << 16):
        for position, part in _outside_quotes(chunk, quoted):
            line_end = part.find(b"\n", max(0, aim - offset - position))
            if line_end >= 0 and offset + position + line_end >= aim:
                return offset + position + line_end + 1
        quoted ^= chunk.count(b'"') % 2 == 1
        offset += len(chunk)
    return offset


def _outside_quotes(chunk: bytes, quoted: bool) -> Iterator[tuple[int, bytes]]:
    position = 0
    for part in chunk.split(b'"'):
        if not quoted:
            yield position, part
        quoted = not quoted
        position += len(part) + 1


def _frame(pieces: list[bytes], contract: Contract, problems: list[str]) -> pd.DataFrame:
    names = [RECORD, *contract.table.delivered]
    misshapen = 0

    def note(_: Any) -> str:
        nonlocal misshapen
        misshapen += 1
        return "skip"

    tables = []
    for piece in pieces:
        if not piece:
            continue
        text = piece.decode(contract.encoding, errors="replace").encode() if contract.encoding != "utf-8" else piece
        try:
            tables.append(
                pacsv.read_csv(
                    pa.BufferReader(text),
                    pacsv.ReadOptions(column_names=names, block_size=max(1 << 20, len(text)), use_threads=False),
                    pacsv.ParseOptions(
                        delimiter=contract.delimiter,
                        newlines_in_values=True,
                        ignore_empty_lines=False,
                        invalid_row_handler=note,
                    ),
                    pacsv.ConvertOptions(
                        column_types=dict.fromkeys(names, pa.string()),
                        null_values=[""],
                        strings_can_be_null=True,
                        quoted_strings_can_be_null=True,
                    ),
                )
            )
        except pa.ArrowInvalid:
            # Arrow's own message would quote the record.
            problems.append("detail records cannot be taken apart: wrong quotes, or bytes that are no text")
    if misshapen:
        problems.append(f"{misshapen} detail records have not {len(contract.table.delivered)} values")
    if not tables:
        return pd.DataFrame({name: pd.Series([], dtype="str") for name in contract.table.delivered})
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas(split_blocks=True, self_destruct=True)
    if strangers := int((frame.pop(RECORD) != "D").sum()):
        problems.append(f"{strangers} records between header and trailer are no detail records")
    return frame
