"""
The first rows of a file for a person's eyes, with personal data masked.

Shown is what the contract calls not personal, and of a partner's file only what has passed the check: a value that
stands in a wrong column may be anything, so a row that breaks a rule is counted and not shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO, TYPE_CHECKING, Final

from include.delivered import first_records

if TYPE_CHECKING:
    from include.contract import Contract, Table
    from include.window import Window

MASK: Final = "•••"
"""Stands for a personal value; where there is none, nothing stands."""
ROWS: Final = 20
BYTES_IN: Final = 256 << 10
DOCUMENTS: Final = 1000
"""So many documents of an XML file are looked at; a table that begins behind them is not reached."""


@dataclass(frozen=True)
class Preview:
    """
    The first rows of one table: ``rows`` have a text, ``MASK`` or None for each of ``columns``.

    ``masked`` are the columns with personal data. ``refused`` counts the reasons of the rows that are not shown.
    """

    table: str
    columns: tuple[str, ...]
    masked: frozenset[str]
    rows: tuple[tuple[str | None, ...], ...]
    refused: Mapping[str, int] = field(default_factory=dict)


def preview_delivered(contract: Contract, source: IO[bytes], *, rows: int = ROWS) -> list[Preview]:
    """
    Return the first rows of each table of a file that was made by ``contract``, as they stand in its bytes.

    :raises UnreadableError: if the bytes are not of the contract's shape; the message quotes nothing of them.
    """
    if contract.format == "csv":
        return [_masked(contract.table, contract.table.delivered, first_records(contract, source, rows))]
    from include.layout.xml_reading import first_documents

    found = first_documents(contract, source, DOCUMENTS)
    return [
        _masked(table, table.delivered, list(found[table.name].head(rows).iter_rows())) for table in contract.tables
    ]


def preview_arrived(
    contract: Contract, source: IO[bytes], *, encoding: str, date_format: str, dealer: str, window: Window,
    rows: int = ROWS,
) -> Preview:  # fmt: skip
    """
    Return the first rows of a partner's file that pass the check of ``contract``, as the check understands them.

    :param encoding: and ``date_format`` are the feed's; :param window: the day on which the file came.
    :raises FileRefused: if its beginning cannot be taken apart; its message quotes nothing of a row.
    """
    from include.inbound.judge import Judge, arrangement_of

    judge = Judge(arrangement_of(contract, encoding=encoding, date_format=date_format), dealer=dealer, window=window)
    beginning = source.read(BYTES_IN)
    whole = not source.read(1)
    good: list[tuple[str | None, ...]] = []
    refused: Counter[str] = Counter()
    columns = tuple(each.name for each in contract.table.fields)
    for part in judge.judge(BytesIO(beginning), whole=whole):
        good += part.accepted.select(columns).head(rows - len(good)).iter_rows()
        for reasons in part.rejected["reasons"].to_list():
            refused.update(reasons)
    return _masked(contract.table, columns, good, refused)


def _masked(
    table: Table,
    columns: Sequence[str],
    rows: Sequence[Sequence[str | None]],
    refused: Mapping[str, int] | None = None,
) -> Preview:
    personal = frozenset(each.name for each in table.fields if each.personal)
    shown = tuple(
        tuple(
            MASK if name in personal and value not in (None, "") else value
            for name, value in zip(columns, row, strict=True)
        )
        for row in rows
    )
    return Preview(table.name, tuple(columns), personal & set(columns), shown, dict(refused or {}))
