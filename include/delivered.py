"""
A delivered file read back from the archive: what the partner has, by its bytes, whose counts must be the ledger's.

For the questions of a person: what today's rows would change, and whether other files add up to it. The gate has a
reader of its own (``include/quality/reader.py``), which shares no line with the writer, nor with this one.
"""

from __future__ import annotations

import csv
import hashlib
import io
from decimal import Decimal, InvalidOperation
from typing import IO, TYPE_CHECKING

from include.layout import delimited

if TYPE_CHECKING:
    from collections.abc import Collection

    import polars as pl

    from include.archive import Archive
    from include.contract import Contract, Table
    from include.ledger import FileRow

RECORD = "record type"
DAMAGED = "its bytes are damaged, they do not have its hash: restore them from the backup"


class UnreadableError(ValueError):
    """A delivered file's bytes are not what the ledger and its contract say; the message names no row."""


def tables(contract: Contract, file: FileRow, archive: Archive) -> dict[str, pl.DataFrame]:
    """
    Return the rows of a delivered file by the name of their table, as text by ``table.delivered``.

    :raises UnreadableError: if form, counts or total are not what contract and ledger say.
    :raises PurgedError: if retention took the bytes.
    :raises ObjectMissingError: if they are not there otherwise.
    """
    if contract.format == "csv":
        return {contract.table.name: details(contract, file, archive)}
    from include.layout.xml_reading import read_tables

    if file.sha256 is None:
        raise UnreadableError("the ledger knows no bytes of it")
    with archive.local_path(file.sha256) as path:
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                raise UnreadableError(DAMAGED)
        frames, trailer = read_tables(contract, path)
    _require_counts(frames.values(), trailer.get("record_count"), trailer.get("control_total"), contract, file)
    return frames


def section(contract: Contract, table: Table, body: bytes) -> pl.DataFrame:
    """
    Return the rows of one table's part of a file, as text by ``table.delivered``.

    :raises UnreadableError: if it is not the contract's; the message quotes nothing of it.
    """
    if contract.format == "csv":
        return records(contract, body)
    from include.layout.xml_reading import read_section

    return read_section(contract, table, body)


def details(contract: Contract, file: FileRow, archive: Archive) -> pl.DataFrame:
    """
    Return the detail records of a file's archived bytes, as text by ``table.delivered``; an empty value is null.

    The header is not looked at: a file that was made by an earlier version of the contract may have another one.

    :raises UnreadableError: if form, count or total are not what contract and ledger say.
    :raises PurgedError: if retention took the bytes.
    :raises ObjectMissingError: if they are not there otherwise.
    """
    if file.sha256 is None:
        raise UnreadableError("the ledger knows no bytes of it")
    with archive.local_path(file.sha256) as path:
        content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise UnreadableError(DAMAGED)
    begin = content.find(b"\n") + 1
    end = content.rfind(b"\n", 0, max(0, len(content) - 1)) + 1
    trailer = _record(content[end:], contract)
    if begin == 0 or end < begin or not content.endswith(b"\n") or _record(content[:begin], contract)[:1] != ["H"]:
        raise UnreadableError("its bytes are no whole file: header or trailer is missing")
    if len(trailer) != len(contract.trailer) + 1 or trailer[0] != delimited.TRAILER:
        raise UnreadableError("its last record is no trailer of the contract")
    try:
        frame = records(contract, content[begin:end])
    except UnreadableError as error:
        raise UnreadableError(f"{error} (it was made by version {file.contract_version})") from error
    told = dict(zip(contract.trailer, trailer[1:], strict=True))
    total = told.get(f"control_total:{contract.control_total}", str(file.control_total))
    _require_counts([frame], told.get("record_count", str(file.rows)), total, contract, file)
    return frame


def first_records(contract: Contract, source: IO[bytes], most: int) -> list[tuple[str, ...]]:
    """
    Return the first detail records of a delimited file, as text by ``contract.table.delivered``.

    :raises UnreadableError: if they are not the contract's; the message quotes none of them.
    """
    names = contract.table.delivered
    found: list[tuple[str, ...]] = []
    text = io.TextIOWrapper(source, contract.encoding, newline="")
    try:
        for record in csv.reader(text, delimiter=contract.delimiter, strict=True):
            if record[:1] == [delimited.DETAIL]:
                if len(record) != len(names) + 1:
                    raise UnreadableError(f"a record has {len(record) - 1} columns, the contract {len(names)}")
                found.append(tuple(record[1:]))
            if len(found) == most:
                break
    except (UnicodeDecodeError, csv.Error):
        raise UnreadableError(f"it is no text of {contract.encoding} in columns") from None
    finally:
        text.detach()
    return found


def _record(line: bytes, contract: Contract) -> list[str]:
    text = line.decode(contract.encoding, errors="replace").rstrip("\r\n")
    return next(csv.reader([text], delimiter=contract.delimiter), [])


def records(contract: Contract, body: bytes) -> pl.DataFrame:
    """
    Return detail records alone, as text by ``contract.table.delivered``; an empty value is null.

    :raises UnreadableError: if they are not the contract's; the message quotes none of them.
    """
    import polars as pl
    import pyarrow as pa
    import pyarrow.csv as pacsv

    names = [RECORD, *contract.table.delivered]
    if not body:
        return pl.DataFrame(schema=dict.fromkeys(contract.table.delivered, pl.String))
    if contract.encoding not in ("utf-8", "utf8"):
        body = body.decode(contract.encoding, errors="replace").encode()
    try:
        table = pacsv.read_csv(
            pa.BufferReader(body),
            pacsv.ReadOptions(column_names=names, block_size=max(1 << 20, len(body))),
            pacsv.ParseOptions(delimiter=contract.delimiter, newlines_in_values=True, ignore_empty_lines=False),
            pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        # Arrow's own message would quote the record.
        raise UnreadableError(
            f"its records have not the {len(contract.table.delivered)} values of {contract.id} {contract.version}"
        ) from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    if (frame[RECORD] != delimited.DETAIL).any():
        raise UnreadableError("there is a record between its header and trailer that is no detail record")
    return frame.drop(RECORD)


def _require_counts(
    frames: Collection[pl.DataFrame], count: str | None, total: str | None, contract: Contract, file: FileRow
) -> None:
    """Three say how many and how much, and must say the same: the rows, the trailer, the ledger."""
    rows = sum(frame.height for frame in frames)
    if not str(rows) == count == str(file.rows):
        raise UnreadableError(f"it has {rows} rows, its trailer says {count}, the ledger {file.rows}")
    column = contract.control_total
    if column is None:
        return
    import polars as pl

    try:
        adding = [frame[column].cast(pl.Decimal(38, 2)).sum() for frame in frames if column in frame.columns]
        added = sum((Decimal(one or 0) for one in adding), Decimal("0.00"))
        stated = Decimal(total or "")
    except (pl.exceptions.PolarsError, InvalidOperation):
        raise UnreadableError(f"its {column} cannot be added up") from None
    if not added == stated == file.control_total:
        raise UnreadableError(f"its rows come to {added}, its trailer says {stated}, the ledger {file.control_total}")
