"""What changed between a delivered file and the rows of today, in numbers: a person decides on them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from include.archive import ObjectMissingError, PurgedError
from include.delivered import UnreadableError, tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from include.archive import Archive
    from include.contract import Contract, Table
    from include.ledger import FileRow

Numbers = dict[str, int | Decimal | None]


def difference(
    contract: Contract,
    delivered: FileRow,
    archive: Archive,
    rows: Mapping[str, pl.DataFrame],
    control_total: Decimal | None,
) -> Numbers:
    """
    Compare a delivered file with the rows that would go today (per table, ``table.delivered``, text).

    :return: ``rows_before``, ``rows_after``, ``total_before``, ``total_after``, and, by the contract's primary key,
        ``rows_added``, ``rows_removed``, ``rows_changed``. These three are missing when the rows cannot be laid beside
        each other: the delivered bytes are gone or damaged, or were made by another version of the contract.
    """
    numbers: Numbers = {
        "rows_before": delivered.rows,
        "rows_after": sum(frame.height for frame in rows.values()),
        "total_before": delivered.control_total,
        "total_after": control_total,
    }
    if delivered.purged_at is not None or delivered.contract_version != contract.version or delivered.sha256 is None:
        return numbers
    try:
        sent = tables(contract, delivered, archive)
    except (PurgedError, ObjectMissingError, UnreadableError):
        return numbers
    added = removed = changed = 0
    for table in contract.tables:
        before, after = _fingerprints(table, sent[table.name]), _fingerprints(table, rows[table.name])
        # A document without lines has no complete key, and is the same row all the same.
        both = before.join(after, on=list(table.primary_key), suffix="_after", nulls_equal=True)
        added += after.height - both.height
        removed += before.height - both.height
        changed += both.filter(both["record"] != both["record_after"]).height
    return numbers | {"rows_added": added, "rows_removed": removed, "rows_changed": changed}


def in_words(numbers: Numbers) -> str:
    """Say the difference in one phrase."""
    said = []
    if "rows_added" in numbers:
        said.append(
            f"{numbers['rows_added']} rows added, {numbers['rows_removed']} removed, {numbers['rows_changed']} changed"
        )
    said.append(f"{numbers['rows_before']} → {numbers['rows_after']} rows")
    said.append(f"{numbers['total_before']} → {numbers['total_after']}")
    return ", ".join(said)


def _fingerprints(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Key columns of each row, and a hash of the whole of it."""
    import polars as pl

    # Text as it stands: an integer key written as 01 would be another row, which is what the partner would see.
    return rows.select(*table.primary_key, pl.struct(table.delivered).hash().alias("record"))
