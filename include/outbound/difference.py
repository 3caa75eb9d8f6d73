"""What changed between a delivered file and the rows of today, in numbers: a person decides on them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from include.archive import ObjectMissingError, PurgedError
from include.delivered import UnreadableError, details

if TYPE_CHECKING:
    import polars as pl

    from include.archive import Archive
    from include.contract import Contract
    from include.ledger import FileRow

Numbers = dict[str, int | Decimal | None]


def difference(
    contract: Contract,
    delivered: FileRow,
    archive: Archive,
    rows: pl.DataFrame,
    control_total: Decimal | None,
) -> Numbers:
    """
    Compare a delivered file with the rows that would go today (``contract.delivered``, text).

    :return: ``rows_before``, ``rows_after``, ``total_before``, ``total_after``, and, by the contract's primary key,
        ``rows_added``, ``rows_removed``, ``rows_changed``. These three are missing when the rows cannot be laid beside
        each other: the delivered bytes are gone or damaged, or were made by another version of the contract.
    """
    numbers: Numbers = {
        "rows_before": delivered.rows,
        "rows_after": rows.height,
        "total_before": delivered.control_total,
        "total_after": control_total,
    }
    if delivered.purged_at is not None or delivered.contract_version != contract.version or delivered.sha256 is None:
        return numbers
    try:
        before = _fingerprints(contract, details(contract, delivered, archive))
    except (PurgedError, ObjectMissingError, UnreadableError):
        return numbers
    after = _fingerprints(contract, rows)
    key = list(contract.primary_key)
    both = before.join(after, on=key, suffix="_after")
    return numbers | {
        "rows_added": after.height - both.height,
        "rows_removed": before.height - both.height,
        "rows_changed": both.filter(both["record"] != both["record_after"]).height,
    }


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


def _fingerprints(contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """Key columns of each row, and a hash of the whole of it."""
    import polars as pl

    # Text as it stands: an integer key written as 01 would be another row, which is what the partner would see.
    return rows.select(*contract.primary_key, pl.struct(contract.delivered).hash().alias("record"))
