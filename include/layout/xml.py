"""
The bytes of a file as XML: a header, a section for each table, a trailer, all in the contract's namespace.

Root is ``<contract id>``, a section ``<table>_records``, a record an element of its table's name. Columns of a document
are its child elements, in the contract's order; its lines are ``<item>`` elements within the contract's array, with the
columns as attributes, because a line is flat and attributes take half the bytes. A value that is null is not there at
all; an empty text is there and empty. Booleans are ``true`` and ``false``. A line end behind each document, and no
other space, lets people read and compare files. Memory does not grow with the rows.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import IO, TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from lxml import etree

from include.layout.values import Totals, UnencodableError, text_of

if TYPE_CHECKING:
    import polars as pl

    from include.contract import Contract, Table

ITEM = "item"
# What is left of Unicode when XML 1.0 has taken out what it has no place for.
NO_XML = r"[^\t\n\r\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]"
SAME_ITEMS = 2_000
Values = tuple[str | None, ...]
SINK_BYTES = 1 << 17


def section_of(table: Table) -> str:
    """Name of the element that holds the records of ``table``."""
    return f"{table.name}_records"


def opening(contract: Contract, values: Mapping[str, Any]) -> bytes:
    """
    Render the declaration, the root's start tag and the header.

    :param values: at least the fields of ``contract.header``; what is None or empty is left out.
    :raises UnencodableError: naming the field, never the value.
    """
    header = etree.Element("header")
    for name in contract.header:
        if text := text_of(values[name]):
            try:
                etree.SubElement(header, name).text = text
            except ValueError:
                raise UnencodableError(
                    f"{contract.id}: the header's {name} holds a character that XML cannot carry; correct it at its "
                    "source"
                ) from None
    start = f'<?xml version="1.0" encoding="UTF-8"?>\n<{contract.id} xmlns={quoteattr(contract.namespace)}>\n'
    return start.encode() + _line(header)


def closing(contract: Contract, totals: Totals) -> bytes:
    """Render the trailer and the root's end tag: rows, the control column's sum, documents of each kind."""
    trailer = etree.Element("trailer")
    etree.SubElement(trailer, "record_count").text = str(totals.rows)
    if contract.control_total is not None:
        etree.SubElement(trailer, "control_total").text = str(totals.control_total)
    for table in contract.tables:
        if table.array is not None:
            etree.SubElement(trailer, "records", kind=table.name, documents=str(totals.documents.get(table.name, 0)))
    return _line(trailer) + f"</{contract.id}>\n".encode()


@contextmanager
def body(contract: Contract, table: Table, sink: IO[bytes]) -> Iterator[Documents]:
    """Give what writes the rows of ``table``; leaving the block ends the table's section."""
    held = _Held(sink)
    with (
        etree.xmlfile(held, encoding="utf-8") as out,
        out.element(f"{{{contract.namespace}}}{section_of(table)}", nsmap={None: contract.namespace}),
    ):
        out.write("\n")
        yield Documents(contract, table, out)
    held.write(b"\n")
    held.pass_on()


class Documents:
    """Writes rows of one table as documents with their lines."""

    def __init__(self, contract: Contract, table: Table, out: Any) -> None:
        self._contract, self._table, self._out = contract, table, out
        fields = [field for field in table.fields if field.delivered]
        self._head = [field.name for field in fields if not field.item]
        self._item = [field.name for field in fields if field.item]
        self._flags = [field.name for field in fields if field.logical_type == "boolean"]
        # Names without a namespace: the section's is the default one, and looking it up for each element takes time.
        # What lxml made once can be written again and again: a column's element with another text in it takes a third
        # of the time of a new one. For lines with their attributes it is the other way round.
        self._document = out.element(table.name)
        self._columns = [etree.Element(name) for name in self._head]
        self._array = out.element(table.array or ITEM)
        # Lines with numbers hardly ever repeat; preferences that nobody ever gave are the same with all customers.
        numbers = any(field.item and field.logical_type in ("integer", "number") for field in fields)
        self._line: Callable[[Values], Any] = self._made if numbers else lru_cache(SAME_ITEMS)(self._made)

    def write(self, rows: pl.DataFrame) -> None:
        """
        Append ``rows`` (text columns, ``table.delivered``), whole documents and in order.

        :raises UnencodableError: naming the column, never the value.
        """
        if rows.is_empty():
            return
        try:
            self._write(rows)
        except ValueError:
            raise UnencodableError(
                f"{self._contract.id}: column {self._unwritable(rows)} of {self._table.name} holds a character that "
                "XML cannot carry"
            ) from None

    def _write(self, rows: pl.DataFrame) -> None:
        heads, counts, items = self._taken_apart(rows)
        write, document, columns, array, line = self._out.write, self._document, self._columns, self._array, self._line
        for head, count in zip(heads, counts, strict=True):
            present = []
            for column, value in zip(columns, head, strict=True):
                if value is not None:
                    column.text = value
                    present.append(column)
            with document:
                write(*present)
                if count:
                    with array:
                        for values in islice(items, count):
                            with line(values):
                                pass
            write("\n")

    def _made(self, values: Values) -> Any:
        return self._out.element(
            ITEM, {n: value for n, value in zip(self._item, values, strict=True) if value is not None}
        )

    def _taken_apart(self, rows: pl.DataFrame) -> tuple[Iterator[Values], Iterator[int], Iterator[Values]]:
        """Columns of each document, how many lines it has, and the columns of each line."""
        import polars as pl

        told = rows.with_columns(pl.col(self._flags).replace({"t": "true", "f": "false"}))
        key = self._table.document_key
        if not key:
            return told.select(self._head).iter_rows(), iter([0] * told.height), iter(())
        begins = told.select(pl.any_horizontal(pl.col(key).ne_missing(pl.col(key).shift(1))).alias("begins"))["begins"]
        begins[0] = True
        has_item = told.select(pl.any_horizontal(pl.col(self._item).is_not_null()).alias("item"))["item"]
        counts = (
            pl.DataFrame({"document": begins.cum_sum(), "item": has_item})
            .group_by("document", maintain_order=True)
            .agg(pl.col("item").sum())["item"]
        )
        heads = told.filter(begins).select(self._head)
        return heads.iter_rows(), iter(counts), told.filter(has_item).select(self._item).iter_rows()

    def _unwritable(self, rows: pl.DataFrame) -> str:
        names = self._table.delivered
        return next((name for name in names if rows[name].str.contains(NO_XML).any()), "(unknown)")


class _Held(io.BufferedIOBase):
    """Collects lxml's small writes; the sink may be an unbuffered file."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink, self._parts, self._bytes = sink, list[bytes](), 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._bytes += len(part)
        if self._bytes >= SINK_BYTES:
            self.pass_on()
        return len(part)

    def pass_on(self) -> None:
        """Write what is held."""
        self._sink.write(b"".join(self._parts))
        self._parts, self._bytes = [], 0


def _line(element: etree._Element) -> bytes:
    return etree.tostring(element, encoding="utf-8") + b"\n"
