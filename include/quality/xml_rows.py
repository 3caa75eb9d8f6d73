"""The rows of an XML file's documents: of all, or of the first, the last and evenly spaced ones between."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, cast

import pandas as pd
import pyarrow as pa
from lxml import etree

if TYPE_CHECKING:
    from include.contract import Contract, Table

FLAGS = {"true": "t", "false": "f"}
Row = tuple[str | None, ...]


class Choice:
    """The documents whose rows are read, thinned out whenever they become too many."""

    def __init__(self, contract: Contract, most_rows: int) -> None:
        self.step = 1
        self._most_rows = most_rows
        self._kept: dict[str, list[tuple[int, list[Row]]]] = {table.name: [] for table in contract.tables}
        self._last: dict[str, tuple[int, list[Row]]] = {}
        self._number: dict[str, int] = {}
        self._rows = 0
        self._takers = {table.name: Taker(table, contract.namespace) for table in contract.tables}

    def lines(self, table: Table, element: etree._Element) -> int:
        """How many lines a document has."""
        return len(self._takers[table.name].lines(element))

    def offer(self, table: Table, number: int, element: etree._Element) -> None:
        """Keep document ``number`` of ``table``, counted from 0, if it is one of those to be read."""
        self._number[table.name] = number
        if number % self.step:
            return
        rows = self._takers[table.name].rows(element)
        self._kept[table.name].append((number, rows))
        self._rows += len(rows)
        while self._rows > self._most_rows and any(len(kept) > 1 for kept in self._kept.values()):
            self._thin_out()

    def end(self, table: Table, element: etree._Element) -> None:
        """Keep the last document of ``table``, whatever its number."""
        self._last[table.name] = (self._number[table.name], self._takers[table.name].rows(element))

    def frame(self, table: Table) -> pd.DataFrame:
        """Return the rows of ``table`` that were kept, and forget them."""
        documents = self._kept.pop(table.name)
        last = self._last.pop(table.name, None)
        if last is not None and (not documents or documents[-1][0] != last[0]):
            documents.append(last)
        rows = [row for _, document in documents for row in document]
        if not rows:
            return pd.DataFrame({name: pd.Series([], dtype="str") for name in table.delivered})
        values = zip(*rows, strict=True)
        columns = {name: pa.array(column, pa.string()) for name, column in zip(table.delivered, values, strict=True)}
        frame: pd.DataFrame = pa.table(columns).to_pandas(split_blocks=True, self_destruct=True)
        return frame

    def _thin_out(self) -> None:
        self.step *= 2
        for kept in self._kept.values():
            kept[:] = [one for one in kept if one[0] % self.step == 0]
        self._rows = sum(len(rows) for kept in self._kept.values() for _, rows in kept)


class Taker:
    """Takes the documents of one table apart into rows."""

    def __init__(self, table: Table, namespace: str) -> None:
        fields = [field for field in table.fields if field.delivered]
        self._head = [(f"{{{namespace}}}{one.name}", one.logical_type == "boolean") for one in fields if not one.item]
        self._item = [(one.name, one.logical_type == "boolean") for one in fields if one.item]
        self._array = None if table.array is None else f"{{{namespace}}}{table.array}"

    def lines(self, element: etree._Element) -> Collection[etree._Element]:
        """The lines of a document: what is in its last child, if that is the table's array."""
        last = element[-1] if len(element) else None
        return () if last is None or last.tag != self._array else cast("Collection[etree._Element]", last)

    def rows(self, element: etree._Element) -> list[Row]:
        """One row for each line, or one with nulls in the columns of lines."""
        told = {child.tag: child.text or "" for child in element}
        head = tuple(_flag(told.get(tag)) if flag else told.get(tag) for tag, flag in self._head)
        lines = self.lines(element)
        if not len(lines):
            return [(*head, *(None,) * len(self._item))]
        return [
            (*head, *(_flag(line.get(name)) if flag else line.get(name) for name, flag in self._item)) for line in lines
        ]


def _flag(text: str | None) -> str | None:
    return None if text is None else FLAGS.get(text, text)
