"""
The two sides as frames of text: a file's rows with their fates from staging, and delivered files from the archive.

A delivered file is taken as what the partner has: by its bytes, whose counts must be those of the ledger.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from include import snapshot
from include.archive import ObjectMissingError, PurgedError
from include.delivered import UnreadableError, details
from include.outbound.judge import FATE_COLUMNS
from include.reconcile.compare import FILE
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


def staged(contract: Contract, shape: Shape, batch_id: int, file_id: int, staging: Staging) -> pl.DataFrame | None:
    """
    Return a file's rows with their fates as a run has staged them, None if it has not.

    Columns: ``shape.shared``, the row key, ``fate``, ``reasons``, and whether the dealer is a member of the scheme if
    the contract knows.

    :raises SnapshotError: if what is staged is cut short.
    """
    wanted = [*shape.shared, shape.row_key, *FATE_COLUMNS, *([MEMBER] if MEMBER in contract.table.columns else [])]
    try:
        with staging.reader(f"{batch_id}/{file_id}.fates") as source:
            frames = [
                frame.select(wanted) for frame in snapshot.frames(source, (*contract.table.columns, *FATE_COLUMNS))
            ]
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
