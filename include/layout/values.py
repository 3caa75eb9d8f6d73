"""What every layout says of its file, and how plain values are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from include.contract import Contract, Table


class UnencodableError(ValueError):
    """A row holds a character that the contract's encoding has no byte for."""


@dataclass(frozen=True)
class Totals:
    """
    What a file's end states, so that its reader can add up.

    ``rows`` of all tables, the sum of the control column, and per table with documents how many of them.
    """

    rows: int
    control_total: Decimal
    documents: Mapping[str, int] = field(default_factory=dict)


def control_total(contract: Contract, table: Table, rows: pl.DataFrame) -> Decimal:
    """Return the exact sum of the control column over ``rows`` of ``table``, with two decimals."""
    import polars as pl

    if contract.control_total not in table.delivered or rows.is_empty():
        return Decimal("0.00")
    cents = rows.select(pl.col(contract.control_total).cast(pl.Decimal(18, 2)).cast(pl.Decimal(38, 2)).sum())
    total: Decimal = cents.item()
    return total.quantize(Decimal("0.01"))


def text_of(value: Any) -> str:
    """Return a header's value as text: an instant in UTC to the second, a day as ISO, the rest as it is."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)
