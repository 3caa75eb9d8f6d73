"""The invoices and credits of one kind of record at the French points of sale: who, when, what is credited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from local.sample.draws import Numbers, rank_within, uniform, whole
from local.sample.french.calendar import instants, opening_hours
from local.sample.french.customers import Customers
from local.sample.french.defects import KINDS, NUMBER, Record, Slots

DOCUMENTS_PER_CHUNK = 50_000
LINES_LIMIT = 64  # room for the line numbers of one document in the key of a draw
BACK_DATED_SHARE = 0.02
ERASED_SHARE = 0.03
VAT_PERCENT = 20
Flags = NDArray[np.bool_]


@dataclass
class Documents:
    """
    One element per document in the order of posting, of which position + 1 is the id.

    ``point`` is a position among the points of sale, ``day`` the day of the posting from 1970 in Paris, ``posted``
    seconds from 1970 (UTC); ``original`` is the position of the invoice that a credit credits, -1 otherwise.
    ``source`` is the position whose draws say what was sold: the original's for a credit. ``kind`` is a number of
    :data:`local.sample.french.defects.NUMBER`, ``planted_vehicle`` counts the vehicles of what is planted, -1 for none.
    """

    point: Numbers
    day: Numbers
    posted: Numbers
    document_day: Numbers
    original: Numbers
    source: Numbers
    number: Numbers
    lines: Numbers
    kind: Numbers
    planted_vehicle: Numbers
    customer: Numbers

    def __len__(self) -> int:
        return len(self.point)

    @property
    def credit(self) -> Flags:
        """Which are credits, the planted ones that name no invoice too."""
        found: Flags = (self.original >= 0) | self.bears("credit_without_original")
        return found

    def bears(self, name: str) -> Flags:
        """Which bear that kind."""
        found: Flags = self.kind == NUMBER[name]
        return found

    def chunks(self) -> Iterator[slice]:
        """The documents in parts whose lines fit into memory."""
        for start in range(0, len(self), DOCUMENTS_PER_CHUNK):
            yield slice(start, min(start + DOCUMENTS_PER_CHUNK, len(self)))


def build(
    seed: int, record: Record, per_cell: Numbers, days: Numbers, customers: Customers, planted: Slots, credits: float
) -> Documents:
    """
    All documents of a kind; ``per_cell`` is how many each point (row) has on each of ``days`` (column).

    The first of each cell is an invoice and stays one, so that every point has a good one every day.
    """
    cells = per_cell.ravel()
    cell = np.repeat(np.arange(len(cells), dtype=np.int64), cells)
    point, turn = np.divmod(cell, len(days) or 1)
    first = np.arange(len(cell)) == np.repeat(np.cumsum(cells) - cells, cells)
    keys = np.arange(len(cell), dtype=np.int64)
    posted = opening_hours(seed, record, days[turn], keys)
    # What is planted comes late in the day, and what has to be there before it in the morning.
    before = np.isin(planted.kind, [NUMBER[kind.name] for kind in KINDS if kind.after])
    extra = np.concatenate([np.flatnonzero(before), np.arange(len(planted.kind))]).astype(np.int64)
    kind = np.where(np.arange(len(extra)) < before.sum(), 0, planted.kind[extra])
    extra_day = days[planted.day[extra]] if len(extra) else extra
    seconds = np.where(kind > 0, 17, 9) * 3600 + 60 * extra
    posted = np.concatenate([posted, instants(extra_day, seconds)])
    order = np.argsort(posted, kind="stable")
    none = np.full(len(cell), -1, dtype=np.int64)
    point, day, posted, kind, vehicle = (
        values[order]
        for values in (
            np.concatenate([point, planted.point[extra]]),
            np.concatenate([days[turn], extra_day]),
            posted,
            np.concatenate([np.zeros(len(cell), dtype=np.int64), kind]),
            np.concatenate([none, extra]),
        )
    )
    stays: Flags = np.concatenate([first, np.ones(len(extra), dtype=bool)])[order]
    keys = np.arange(len(order), dtype=np.int64)
    credited = ~stays & (uniform(seed, f"{record} credit", keys) < credits)
    original = _originals(seed, record, point, credited, vehicle < 0)
    source = np.where(original >= 0, original, keys)
    back = (uniform(seed, f"{record} back", keys) < BACK_DATED_SHARE) & (original < 0) & (vehicle < 0)
    document_day = day - np.where(back, 1 + whole(seed, f"{record} days back", keys, 4), 0)
    documents = Documents(
        point=point,
        day=day,
        posted=posted,
        document_day=document_day,
        original=original,
        source=source,
        number=keys,
        lines=np.ones(len(keys), dtype=np.int64),
        kind=kind,
        planted_vehicle=vehicle,
        customer=customers.buyers(
            seed,
            record,
            point,
            day,
            source,
            erased=(uniform(seed, f"{record} gone", source) < ERASED_SHARE) & (kind == 0),
        ),
    )
    documents.number = rank_within(point * 2 + documents.credit, keys) + 1
    return documents


def _originals(seed: int, record: str, point: Numbers, credit: Flags, may: Flags) -> Numbers:
    """For each credit the position of an earlier invoice of the same point, no invoice twice; -1 for an invoice."""
    original = np.full(len(point), -1, dtype=np.int64)
    for place in np.unique(point):
        here = point == place
        invoices = np.flatnonzero(here & ~credit & may)
        mine = np.flatnonzero(here & credit)
        behind = np.searchsorted(invoices, mine)
        mine, behind = mine[behind > 0], behind[behind > 0]
        # Mostly within days, some late.
        back = (uniform(seed, f"{record} how late", mine) ** 3 * np.minimum(behind, 40)).astype(np.int64)
        chosen, first = np.unique(invoices[behind - 1 - back], return_index=True)
        original[mine[first]] = chosen
    return original


def line_grid(documents: Documents, part: slice) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Of each line of the documents in ``part``: its document's position, its number, its draw's key, its sign."""
    counts = documents.lines[part]
    document = np.repeat(np.arange(part.start, part.stop), counts)
    line = np.arange(len(document)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    key = documents.source[document] * LINES_LIMIT + line
    return document, line, key, np.where(documents.credit[document], -1, 1)


def totals(document: Numbers, part: slice, amounts: Numbers) -> Numbers:
    """The lines' amounts (cents) added up for each document in ``part``."""
    added = np.zeros(part.stop - part.start, dtype=np.int64)
    np.add.at(added, document - part.start, amounts)
    return added


def vat(net: Numbers) -> Numbers:
    """Twenty per cent in cents, half a cent goes up."""
    return (net * VAT_PERCENT + 50) // 100


def dates(days: Numbers) -> pl.Series:
    """Days from 1970 as dates."""
    return pl.Series(days, dtype=pl.Int64).cast(pl.Int32).cast(pl.Date)


def moments(seconds: Numbers) -> pl.Series:
    """Seconds from 1970 as instants."""
    return pl.from_epoch(pl.Series(seconds, dtype=pl.Int64), "s").dt.replace_time_zone("UTC")


def either(which: Flags, yes: str | None, no: str | None) -> pl.Series:
    """One text or the other for each element."""
    return pl.Series([no, yes], dtype=pl.String).gather(which.astype(np.uint32))


def where(which: Flags, values: pl.Series) -> pl.Series:
    """The values where ``which`` holds, elsewhere nothing."""
    return pl.DataFrame({"which": which, "value": values}).select(pl.when("which").then("value")).to_series()


def document_columns(documents: Documents, part: slice, letters: tuple[str, str]) -> dict[str, pl.Series]:
    """What documents of all kinds have in common; ``letters`` begin the numbers of invoices and of credits."""
    credit, original = documents.credit[part], documents.original[part]
    numbers = pl.Series(documents.number).cast(pl.String).str.zfill(7)
    named = pl.DataFrame({"l": either(credit, letters[1], letters[0]), "n": numbers[part]})
    first = pl.DataFrame({"n": numbers.gather(np.maximum(original, 0))})
    return {
        "point_of_sale_id": pl.Series(documents.point[part] + 1),
        "document_type": either(credit, "CREDIT_MEMO", "INVOICE"),
        "document_number": named.select(pl.concat_str("l", "n")).to_series(),
        "document_date": dates(documents.document_day[part]),
        "posted_at": moments(documents.posted[part]),
        "original_document_number": where(original >= 0, first.select(pl.format(letters[0] + "{}", "n")).to_series()),
    }
