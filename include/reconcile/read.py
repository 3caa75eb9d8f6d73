"""
The two sides as frames of text: a file's rows with their fates from staging, and delivered files from the archive.

A delivered file is taken as what the partner has: by its bytes, whose counts must be those of the ledger.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv

from include import layout, snapshot
from include.archive import ObjectMissingError, PurgedError
from include.reconcile.compare import FILE, MONEY
from include.reconcile.shape import MEMBER
from include.staging import StagingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow
    from include.reconcile.days import Day
    from include.reconcile.shape import Shape
    from include.staging import Staging

FATES = ("fate", "reasons")
RECORD = "record type"


class UnreadableError(ValueError):
    """A delivered file's bytes are not what the ledger and its contract say; the message names no row."""


def staged(contract: Contract, shape: Shape, batch_id: int, file_id: int, staging: Staging) -> pl.DataFrame | None:
    """
    Return a file's rows with their fates as a run has staged them, None if it has not.

    Columns: ``shape.shared``, the row key, ``fate``, ``reasons``, and whether the dealer is a member of the scheme if
    the contract knows.

    :raises SnapshotError: if what is staged is cut short.
    """
    wanted = [*shape.shared, shape.row_key, *FATES, *([MEMBER] if MEMBER in contract.columns else [])]
    try:
        with staging.reader(f"{batch_id}/{file_id}.fates") as source:
            frames = [frame.select(wanted) for frame in snapshot.frames(source, (*contract.columns, *FATES))]
    except StagingError:
        return None
    return pl.concat([pl.DataFrame(schema=dict.fromkeys(wanted, pl.String)), *frames])


def rendered(contract: Contract, shape: Shape, file: FileRow, archive: Archive) -> pl.DataFrame:
    """
    Return the rows of a file's own bytes as accepted ones, for when its staged rows are gone.

    :raises UnreadableError: if they are not what the ledger says.
    """
    rows = details(contract, file, archive).select(shape.shared)
    return rows.with_columns(
        pl.lit(None, pl.String).alias(shape.row_key),
        pl.lit("ACCEPTED").alias("fate"),
        pl.lit(None, pl.String).alias("reasons"),
    )


def sent(
    contract: Contract, shape: Shape, files: Sequence[FileRow], days: Mapping[date, Day], archive: Archive
) -> tuple[pl.DataFrame, dict[date, Day]]:
    """
    Return the lines of the delivered files, in their order, and the days with what could not be read.

    :raises ArchiveError: if the archive does not answer.
    """
    frames = [pl.DataFrame(schema={**dict.fromkeys(shape.shared, pl.String), FILE: pl.Int64})]
    told = dict(days)
    for file in files:
        try:
            rows = details(contract, file, archive)
        except PurgedError as error:
            told[file.business_date] = replace(
                told[file.business_date], unread=f"its bytes were purged on {error.purged_at:%Y-%m-%d}", purged=True
            )
            continue
        except ObjectMissingError:
            why = "its bytes are not in the archive and were not purged: restore them from the backup"
            told[file.business_date] = replace(told[file.business_date], unread=why)
            continue
        except UnreadableError as error:
            told[file.business_date] = replace(told[file.business_date], unread=str(error))
            continue
        frames.append(rows.select(*shape.shared, pl.lit(file.id, pl.Int64).alias(FILE)))
    return pl.concat(frames), told


def details(contract: Contract, file: FileRow, archive: Archive) -> pl.DataFrame:
    """
    Return the detail records of a file's archived bytes, as text by ``contract.delivered``; an empty value is null.

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
        raise UnreadableError("its bytes are damaged, they do not have its hash: restore them from the backup")
    begin = content.find(b"\n") + 1
    end = content.rfind(b"\n", 0, max(0, len(content) - 1)) + 1
    trailer = _record(content[end:], contract)
    if begin == 0 or end < begin or not content.endswith(b"\n") or _record(content[:begin], contract)[:1] != ["H"]:
        raise UnreadableError("its bytes are no whole file: header or trailer is missing")
    if len(trailer) != len(contract.trailer) + 1 or trailer[0] != layout.TRAILER:
        raise UnreadableError("its last record is no trailer of the contract")
    frame = _frame(content[begin:end], contract, file)
    _require_counts(frame, dict(zip(contract.trailer, trailer[1:], strict=True)), contract, file)
    return frame


def _record(line: bytes, contract: Contract) -> list[str]:
    text = line.decode(contract.encoding, errors="replace").rstrip("\r\n")
    return next(csv.reader([text], delimiter=contract.delimiter), [])


def _frame(body: bytes, contract: Contract, file: FileRow) -> pl.DataFrame:
    names = [RECORD, *contract.delivered]
    if not body:
        return pl.DataFrame(schema=dict.fromkeys(contract.delivered, pl.String))
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
            f"its records have not the {len(contract.delivered)} values of {contract.id} {contract.version} (it was "
            f"made by version {file.contract_version})"
        ) from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    if (frame[RECORD] != layout.DETAIL).any():
        raise UnreadableError("there is a record between its header and trailer that is no detail record")
    return frame.drop(RECORD)


def _require_counts(frame: pl.DataFrame, trailer: Mapping[str, str], contract: Contract, file: FileRow) -> None:
    """Three say how many and how much, and must say the same: the rows, the trailer, the ledger."""
    if frame.height != file.rows or trailer.get("record_count", str(file.rows)) != str(file.rows):
        raise UnreadableError(
            f"it has {frame.height} rows, its trailer says {trailer.get('record_count')}, the ledger {file.rows}"
        )
    if contract.control_total is None:
        return
    try:
        total = Decimal(frame[contract.control_total].cast(MONEY).sum() or 0)
        stated = Decimal(trailer.get(f"control_total:{contract.control_total}", str(file.control_total)))
    except (pl.exceptions.PolarsError, InvalidOperation):
        raise UnreadableError(f"its {contract.control_total} cannot be added up") from None
    if not total == stated == file.control_total:
        raise UnreadableError(f"its rows come to {total}, its trailer says {stated}, the ledger {file.control_total}")
