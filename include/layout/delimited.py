"""
The bytes of a file: a header record, detail records, a trailer record, as the contract's dialect says.

``H;…`` states who, what and when; ``D;…`` is one row; ``T;count;total`` lets the reader add up. A value is quoted only
where the delimiter, a quote or a line end in it demands it (RFC 4180); NULL is an empty value.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from include.layout.values import Totals, UnencodableError, text_of

if TYPE_CHECKING:
    import polars as pl

    from include.contract import Contract, Table

HEADER, DETAIL, TRAILER = "H", "D", "T"


def opening(contract: Contract, values: Mapping[str, Any]) -> bytes:
    """Render the header record; ``values`` holds at least the fields of ``contract.header``."""
    return _record(contract, [HEADER, *(text_of(values[name]) for name in contract.header)])


def closing(contract: Contract, totals: Totals) -> bytes:
    """Render the trailer record: how many detail records, and the sum of the control column."""
    values = {"record_count": str(totals.rows), f"control_total:{contract.control_total}": str(totals.control_total)}
    return _record(contract, [TRAILER, *(values[name] for name in contract.trailer)])


class Details:
    """Writes rows of the contract's table as detail records."""

    def __init__(self, contract: Contract, sink: IO[bytes]) -> None:
        self._contract = contract
        self._sink = sink

    def write(self, rows: pl.DataFrame) -> None:
        """
        Append ``rows`` (text columns, ``table.delivered`` in order).

        :raises UnencodableError: naming the column, never the value.
        """
        details = io.BytesIO()
        write_details(self._contract, rows, details)
        self._sink.write(details.getbuffer())


@contextmanager
def body(contract: Contract, table: Table, sink: IO[bytes]) -> Iterator[Details]:
    """Give what writes the rows of ``table``, the contract's one, between opening and closing."""
    yield Details(contract, sink)


def write_details(contract: Contract, rows: pl.DataFrame, file: IO[bytes]) -> None:
    """
    Append ``rows`` (text columns, ``table.delivered`` in order) to ``file`` as detail records.

    :raises UnencodableError: naming the column, never the value.
    """
    import polars as pl

    tagged = rows.select(pl.lit(DETAIL).alias("record_type"), *contract.table.delivered)
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
        name = ("record_type", *contract.table.delivered)[min(column, len(contract.table.delivered))]
        raise UnencodableError(
            f"{contract.id}: column {name} holds a character that {contract.encoding} cannot write"
        ) from None


def _record(contract: Contract, values: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=contract.delimiter, lineterminator=contract.line_end).writerow(values)
    return text.getvalue().encode(contract.encoding)
