"""
Accepted rows as they will be applied, read a second time for Great Expectations.

Written without a look at what wrote them: another library, other types, whole or from a stated part.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from include.contract import Table
from include.quality.reader import STRETCHES, FileText

LINE = "line"


def read_accepted(path: Path, table: Table, most_rows: int) -> FileText:
    """
    Read the rows at ``path``: all if there are at most ``most_rows``, else ``STRETCHES`` evenly spaced pieces.

    The first and the last row are always among them. The choice depends on the file alone.

    :raises OSError: if the file cannot be read.
    """
    found = FileText()
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid:
        found.problems.append(
            "the accepted rows cannot be read: the staged file is damaged; clear the run from `check`"
        )
        return found
    with file:
        found.records = file.metadata.num_rows
        found.whole = found.records <= most_rows
        if missing := sorted({LINE, *table.columns} - set(file.schema_arrow.names)):
            found.problems.append(f"the accepted rows have no column {', '.join(missing)}")
            return found
        lines = file.read([LINE]).column(LINE).to_pandas()
        if not lines.is_monotonic_increasing or lines.duplicated().any():
            found.problems.append("the accepted rows are not in the order of the file, or one of them came twice")
        rows = file.read(list(table.columns)) if found.whole else _stretches(file, table, most_rows)
    found.frame = rows.to_pandas()
    return found


def _stretches(file: pq.ParquetFile, table: Table, most_rows: int) -> pa.Table:
    """Return pieces from the row groups in which they begin, read one group at a time."""
    length = max(1, most_rows // STRETCHES)
    total = file.metadata.num_rows
    wanted = [(total - length) * number // (STRETCHES - 1) for number in range(STRETCHES)]
    pieces, first = [], 0
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        starts = [start for start in wanted if first < start + length and start < first + size]
        if starts:
            rows = file.read_row_group(group, list(table.columns))
            pieces += [
                rows.slice(max(0, start - first), min(start + length, first + size) - max(start, first))
                for start in starts
            ]
        first += size
    return pa.concat_tables(pieces)
