"""What the check of one arrival leaves for its import: accepted and rejected rows, and the file's header."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.staging import Staging


@dataclass(frozen=True)
class StagedRows:
    """Local Parquet files, as ``include.inbound.check`` writes them, and the file's first line as it came."""

    accepted: Path
    rejected: Path
    header: str


def folder(arrival_id: int) -> str:
    """Name of the folder of an arrival's staged rows: its own, since a later run may apply what this one checked."""
    return f"arrival-{arrival_id}"


def write_header(staging: Staging, arrival_id: int, header: str) -> None:
    """Put the header beside the rows; written last, it says that all is there."""
    with staging.writer(_header_name(arrival_id)) as path:
        path.write_bytes(header.encode())


def is_staged(staging: Staging, arrival_id: int) -> bool:
    """Whether the rows of an arrival are there to be applied."""
    return staging.exists(_header_name(arrival_id))


@contextmanager
def staged_rows(staging: Staging, arrival_id: int) -> Iterator[StagedRows]:
    """
    Yield the staged rows of an arrival.

    :raises StagingError: if they are not there.
    """
    from include.inbound.check import accepted_name, rejected_name

    batch = folder(arrival_id)
    with (
        staging.reader(_header_name(arrival_id)) as header,
        staging.reader(accepted_name(batch, arrival_id)) as accepted,
        staging.reader(rejected_name(batch, arrival_id)) as rejected,
    ):
        yield StagedRows(accepted, rejected, header.read_bytes().decode())


def _header_name(arrival_id: int) -> str:
    return f"{folder(arrival_id)}/header.txt"
