"""
Rows out of a file that was written as XML, for the questions of a person and for what is compared again.

A document that is not of the contract's shape is refused. The gate has a reader of its own, which shares no line with
this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from lxml import etree

from include.delivered import UnreadableError
from include.layout.xml import ITEM, section_of

if TYPE_CHECKING:
    import polars as pl

    from include.contract import Contract, Table

PIECE_BYTES = 1 << 16
MALFORMED = "it is no well-formed XML, or cut off"
ROWS_AT_ONCE = 50_000
Row = tuple[str | None, ...]


def read_tables(contract: Contract, path: Path) -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
    """
    Return the rows of a whole file by the name of their table, as text by ``table.delivered``, and its trailer.

    The trailer's ``documents:<table>`` is how many documents it says there are. The header is not looked at.

    :raises UnreadableError: if the file is not of the contract's shape; the message quotes nothing of it.
    """
    with path.open("rb") as file:
        return _read(contract, contract.tables, file, f"{{{contract.namespace}}}{contract.id}")


def read_section(contract: Contract, table: Table, data: bytes) -> pl.DataFrame:
    """
    Return the rows of one table's section, as ``include/layout/xml.py`` writes it between opening and closing.

    :raises UnreadableError: if it is not of the contract's shape; the message quotes nothing of it.
    """
    frames, _ = _read(contract, (table,), BytesIO(data), f"{{{contract.namespace}}}{section_of(table)}")
    return frames[table.name]


def first_documents(contract: Contract, file: IO[bytes], most: int) -> dict[str, pl.DataFrame]:
    """
    Return the rows of the first ``most`` documents of a file by the name of their table, as :func:`read_tables` does.

    :raises UnreadableError: if what is read of it is not of the contract's shape; the message quotes nothing of it.
    """
    space = f"{{{contract.namespace}}}"
    rows = {f"{space}{table.name}": _Rows(contract, table) for table in contract.tables}
    for element in islice(_elements(file, f"{space}{contract.id}", list(rows)), most):
        rows[element.tag].take(element)
    return {into.table.name: into.frame() for into in rows.values()}


def _read(
    contract: Contract, tables: Sequence[Table], file: IO[bytes], root: str
) -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
    space = f"{{{contract.namespace}}}"
    rows = {f"{space}{table.name}": _Rows(contract, table) for table in tables}
    trailer: dict[str, str] = {}
    for element in _elements(file, root, [*rows, f"{space}trailer"]):
        if (into := rows.get(element.tag)) is None:
            trailer = _trailer(contract, element)
        else:
            into.take(element)
    return {into.table.name: into.frame() for into in rows.values()}, trailer


def _elements(file: IO[bytes], root: str, tags: list[str]) -> Iterator[etree._Element]:
    """Give each element of ``tags`` when it is complete; it is gone when the one after the next is asked for."""
    parser = etree.XMLPullParser(
        events=("start", "end"),
        tag=[root, *tags],
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    begun = False
    try:
        while piece := file.read(PIECE_BYTES):
            if not begun and b"<!DOCTYPE" in piece:
                raise UnreadableError("it brings a document type along, which no file of ours has")
            parser.feed(piece)
            if len(parser.feed_error_log):
                # Not every error ends the parsing at once, and the next piece begins another log.
                raise UnreadableError(MALFORMED)
            for event, element in cast("Iterable[tuple[str, etree._Element]]", parser.read_events()):
                begun |= element.tag == root
                if event == "end" and element.tag != root:
                    yield element
                    _forget_before(element)
            if not begun:
                raise UnreadableError("it begins with another element, or another namespace, than its contract's")
        parser.close()
    except etree.XMLSyntaxError:
        # Its text may quote the file.
        raise UnreadableError(MALFORMED) from None


def _forget_before(element: etree._Element) -> None:
    parent = element.getparent()
    while parent is not None and parent[0] is not element:
        del parent[0]


def _trailer(contract: Contract, element: etree._Element) -> dict[str, str]:
    told = {}
    for child in element:
        name = etree.QName(child).localname
        if name == "records":
            told[f"documents:{child.get('kind')}"] = child.get("documents", "")
        else:
            told[name] = child.text or ""
    return told


class _Rows:
    """Collects the rows of one table."""

    def __init__(self, contract: Contract, table: Table) -> None:
        self.table = table
        space = f"{{{contract.namespace}}}"
        fields = [field for field in table.fields if field.delivered]
        self._head = {f"{space}{field.name}": place for place, field in enumerate(f for f in fields if not f.item)}
        self._item = {field.name: place for place, field in enumerate(f for f in fields if f.item)}
        self._flags = [field.name for field in fields if field.logical_type == "boolean"]
        self._section, self._array, self._line = (
            f"{space}{section_of(table)}",
            f"{space}{table.array}",
            f"{space}{ITEM}",
        )
        self._waiting: list[Row] = []
        self._frames: list[pl.DataFrame] = []

    def take(self, document: etree._Element) -> None:
        """
        Add the rows of one document.

        :raises UnreadableError: if it has what the contract does not know, or stands elsewhere.
        """
        parent = document.getparent()
        if parent is None or parent.tag != self._section:
            raise UnreadableError(f"a {self.table.name} stands outside {section_of(self.table)}")
        head: list[str | None] = [None] * len(self._head)
        lines: list[Row] = []
        for child in document:
            place = self._head.get(child.tag)
            if place is not None and not len(child):
                head[place] = child.text or ""
            elif child.tag == self._array:
                lines = [self._of(line) for line in child]
            else:
                raise UnreadableError(f"a {self.table.name} has an element that its contract does not know")
        shared = tuple(head)
        self._waiting += [(*shared, *line) for line in lines or [(None,) * len(self._item)]]
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._frames.append(self._framed())

    def frame(self) -> pl.DataFrame:
        """Return all rows."""
        import polars as pl

        return pl.concat([*self._frames, self._framed()])

    def _of(self, line: etree._Element) -> Row:
        values: list[str | None] = [None] * len(self._item)
        try:
            if line.tag != self._line:
                raise KeyError(line.tag)
            for name, value in line.items():
                values[self._item[str(name)]] = str(value)
        except KeyError:
            raise UnreadableError(f"a line of a {self.table.name} has what its contract does not know") from None
        return tuple(values)

    def _framed(self) -> pl.DataFrame:
        import polars as pl

        schema = dict.fromkeys(self.table.delivered, pl.String)
        rows, self._waiting = self._waiting, []
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
            pl.col(self._flags).replace({"true": "t", "false": "f"})
        )
