"""
The bytes of a file, in the form that its contract names: an opening, a body for each table, a closing.

The two forms have the same functions, so that who renders need not know which it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import IO, TYPE_CHECKING, Any, Protocol

from include.layout.values import Totals, UnencodableError, control_total

if TYPE_CHECKING:
    import polars as pl

    from include.contract import Contract, Table

__all__ = ["BodyWriter", "Layout", "Totals", "UnencodableError", "control_total", "layout_of"]


class BodyWriter(Protocol):
    """Takes the rows of one table, in order and whole documents at a time."""

    def write(self, rows: pl.DataFrame) -> None:
        """Append ``rows``: text columns, ``table.delivered``."""


class Layout(Protocol):
    """The form of a file."""

    def opening(self, contract: Contract, values: Mapping[str, Any]) -> bytes:
        """Return the bytes before the first body; ``values`` holds at least the fields of ``contract.header``."""

    def body(self, contract: Contract, table: Table, sink: IO[bytes]) -> AbstractContextManager[BodyWriter]:
        """Give what writes the rows of ``table`` to ``sink``; leaving the block ends the table's part."""

    def closing(self, contract: Contract, totals: Totals) -> bytes:
        """Return the bytes after the last body."""


def layout_of(contract: Contract) -> Layout:
    """Return the layout that the contract's server names."""
    if contract.format == "xml":
        import include.layout.xml as form

        return form
    from include.layout import delimited

    return delimited
