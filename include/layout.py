"""
The bytes of a file: a header record, detail records, a trailer record, as the contract's dialect says.

``H;…`` states who, what and when; ``D;…`` is one row; ``T;count;total`` lets the reader add up. A value is quoted only
where the delimiter, a quote or a line end in it demands it (RFC 4180); NULL is an empty value.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from include.contract import Contract

HEADER, DETAIL, TRAILER = "H", "D", "T"


class UnencodableError(ValueError):
    """A row holds a character that the contract's encoding has no byte for."""


def header(contract: Contract, values: Mapping[str, Any]) -> bytes:
    """Render the header record; ``values`` holds at least the fields of ``contract.header``."""
    return _record(contract, [HEADER, *(_text(values[name]) for name in contract.header)])


def trailer(contract: Contract, *, rows: int, control_total: Decimal) -> bytes:
    """Render the trailer record: how many detail records, and the sum of the control column."""
    values = {"record_count": str(rows), f"control_total:{contract.control_total}": str(control_total)}
    return _record(contract, [TRAILER, *(values[name] for name in contract.trailer)])


def write_details(contract: Contract, rows: pl.DataFrame, file: IO[bytes]) -> None:
    """
    Append ``rows`` (text columns, ``contract.delivered`` in order) to ``file`` as detail records.

    :raises UnencodableError: naming the column, never the value.
    """
    import polars as pl

    tagged = rows.select(pl.lit(DETAIL).alias("record_type"), *contract.delivered)
    if contract.encoding in ("utf-8", "utf8"):
        tagged.write_csv(
            file,
            include_header=False,
            separator=contract.delimiter,
            line_terminator=contract.line_end,
            quote_style="necessary",
            null_value="",
        )
        return
    text = tagged.write_csv(
        include_header=False,
        separator=contract.delimiter,
        line_terminator=contract.line_end,
        quote_style="necessary",
        null_value="",
    )
    try:
        file.write(text.encode(contract.encoding))
    except UnicodeEncodeError as error:
        column = text.count(contract.delimiter, text.rfind(contract.line_end, 0, error.start) + 1, error.start)
        name = ("record_type", *contract.delivered)[min(column, len(contract.delivered))]
        raise UnencodableError(
            f"{contract.id}: column {name} holds a character that {contract.encoding} cannot write"
        ) from None


def control_total(contract: Contract, rows: pl.DataFrame) -> Decimal:
    """Return the exact sum of the control column over ``rows``, with two decimals."""
    import polars as pl

    if contract.control_total is None or rows.is_empty():
        return Decimal("0.00")
    cents = rows.select(pl.col(contract.control_total).cast(pl.Decimal(18, 2)).cast(pl.Decimal(38, 2)).sum())
    total: Decimal = cents.item()
    return total.quantize(Decimal("0.01"))


def _record(contract: Contract, values: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=contract.delimiter, lineterminator=contract.line_end).writerow(values)
    return text.getvalue().encode(contract.encoding)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
