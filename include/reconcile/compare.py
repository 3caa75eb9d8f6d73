"""
The comparison itself: two frames of lines in, each differing line with its kind out. No ledger, no files.

What must hold whatever comes in: the month's total less the daily files' is the sum of what the differences have here
less the sum of what they have there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from include.ledger import ReconciliationDifference
from include.reconcile.kinds import KINDS, ReconcileError
from include.reconcile.shape import CREDIT, DATED, KIND, LINE, NUMBER, POSTED

if TYPE_CHECKING:
    from include.reconcile.days import Day
    from include.reconcile.shape import Shape

MONEY: Final = pl.Decimal(38, 2)
FILE: Final = "daily_file"
FOUND: Final[dict[str, Any]] = {
    "kind": pl.String,
    "document_type": pl.String,
    "document_number": pl.String,
    "line_number": pl.String,
    "document_date": pl.Date,
    "posted_on": pl.Date,
    "net_here": MONEY,
    "net_there": MONEY,
    "file_there": pl.Int64,
    "note": pl.String,
}
_KEY, _OWN_DAY, _DAY, _DATE, _NET, _POSITION = "«key»", "«own day»", "«day»", "«date»", "«net»", "«position»"


@dataclass(frozen=True)
class Clocks:
    """The month's first and last day, the zone of the month's file (``own``) and that of the daily ones (``daily``)."""

    first: date
    last: date
    own: str
    daily: str


@dataclass(frozen=True)
class Comparison:
    """Rows and totals of both sides, and every difference, in the order of kinds and documents."""

    rows_here: int
    total_here: Decimal
    rows_there: int
    total_there: Decimal
    differences: list[ReconciliationDifference]


def compare(
    shape: Shape, clocks: Clocks, here: pl.DataFrame, there: pl.DataFrame, days: Mapping[date, Day]
) -> Comparison:
    """
    Compare a month's lines with those of its daily files.

    :param here: text columns ``shape.shared`` and ``shape.row_key``, with ``fate`` and ``reasons``; of the accepted
        lines the key is unique.
    :param there: text columns ``shape.shared``, and ``daily_file``, the ledger's id of the file a line is in; in the
        order of days. Only files that could be read.
    :param days: the other side's days of the month, by business date.
    :raises ReconcileError: if what was found does not add up, which is a fault of ours.
    """
    mine = _prepared(here.filter(pl.col("fate") == "ACCEPTED"), shape)
    kept = _keyed(here.filter(pl.col("fate") != "ACCEPTED"), shape)
    sent, twice = _once(_prepared(there, shape))
    pairs = (
        mine.select(_KEY, pl.col(_POSITION).alias("here"))
        .join(sent.select(_KEY, pl.col(_POSITION).alias("there")), on=_KEY, how="inner")
        .select("here", "there")
    )
    only_here, only_there = _without(mine, pairs["here"]), _without(sent, pairs["there"])
    lost, only_here = _unread_days(only_here, clocks, days)
    found = pl.concat(
        [
            lost,
            _corrected(mine, sent, pairs, shape, clocks),
            _twice(twice, clocks),
            _missing_there(only_here, sent, shape, clocks, days),
            _missing_here(only_there, mine, kept, shape, clocks),
        ]
    )
    found = pl.concat([found, _open_days(found, days)])
    order = {name: position for position, name in enumerate(KINDS)}
    found = found.sort(
        pl.col("kind").replace_strict(order, return_dtype=pl.Int64),
        *("document_type", "document_number"),
        pl.col("line_number").cast(pl.Int64, strict=False),
        "posted_on",
    )
    result = Comparison(
        rows_here=mine.height,
        total_here=_sum(mine[_NET]),
        rows_there=sum(day.rows for day in days.values() if day.sent is not None),
        total_there=sum((day.total for day in days.values() if day.sent is not None), Decimal("0.00")),
        differences=[_told(**row) for row in found.iter_rows(named=True)],
    )
    _require_sum(result, found)
    return result


def _prepared(frame: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    """Add the key as it is compared, the net amount, and each row's position."""
    return _keyed(frame, shape).with_columns(pl.col(shape.net).cast(MONEY).alias(_NET)).with_row_index(_POSITION)


def _keyed(frame: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    # One text is matched several times faster than four. A whole number is compared as one: 01 and 1 are the same line
    # of a document, as for the row check. A row that was kept back may have anything for one, and then matches nothing.
    parts = [
        pl.col(name).cast(pl.Int64, strict=False).cast(pl.String) if name in shape.whole else pl.col(name)
        for name in shape.key
    ]
    return frame.with_columns(pl.concat_str(parts, separator="\x1f").alias(_KEY))


def _once(there: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of a line that was sent more than once the last counts, which the partner took last; the others are apart."""
    if there[_KEY].n_unique() == there.height:
        return there, there.clear()
    last = there.unique(subset=_KEY, keep="last", maintain_order=True)
    earlier = _without(there, last[_POSITION])
    return last.with_columns(pl.int_range(pl.len(), dtype=pl.get_index_type()).alias(_POSITION)), earlier


def _without(frame: pl.DataFrame, positions: pl.Series) -> pl.DataFrame:
    """The rows at all other positions."""
    mask = np.ones(frame.height, dtype=np.bool_)
    mask[positions.to_numpy()] = False
    return frame.filter(pl.Series(mask))


def _clocked(frame: pl.DataFrame, clocks: Clocks) -> pl.DataFrame:
    """Add the days of posting by both clocks and the document's date."""
    posted = pl.col(POSTED).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us").dt.replace_time_zone("UTC")
    return frame.with_columns(
        posted.dt.convert_time_zone(clocks.daily).dt.date().alias(_DAY),
        posted.dt.convert_time_zone(clocks.own).dt.date().alias(_OWN_DAY),
        pl.col(DATED).str.to_date("%Y-%m-%d").alias(_DATE),
    )


def _found(
    frame: pl.DataFrame, kind: pl.Expr, note: pl.Expr, *, here: str | None = None, there: str | None = None
) -> pl.DataFrame:
    """Differences of a frame's rows; ``here`` and ``there`` name the columns of the two net amounts."""
    return frame.select(
        kind.alias("kind"),
        pl.col(KIND).alias("document_type"),
        pl.col(NUMBER).alias("document_number"),
        pl.col(LINE).alias("line_number"),
        pl.col(_DATE).alias("document_date"),
        pl.col(_DAY).alias("posted_on"),
        (pl.col(here) if here else pl.lit(None)).cast(MONEY).alias("net_here"),
        (pl.col(there) if there else pl.lit(None)).cast(MONEY).alias("net_there"),
        (pl.col(FILE) if there else pl.lit(None)).cast(pl.Int64).alias("file_there"),
        note.alias("note"),
    ).cast(pl.Schema(FOUND))


def _corrected(
    mine: pl.DataFrame, sent: pl.DataFrame, pairs: pl.DataFrame, shape: Shape, clocks: Clocks
) -> pl.DataFrame:
    """Lines that both sides have, with other values."""
    changed: dict[str, pl.Series] = {}
    compared = [name for name in shape.shared if name not in shape.key]
    for name in compared:
        ours, theirs = mine[name].gather(pairs["here"]), sent[name].gather(pairs["there"])
        other = ours.ne_missing(theirs)
        if name in shape.amounts and other.any():
            other &= ours.cast(pl.Decimal(38, 6)).ne_missing(theirs.cast(pl.Decimal(38, 6)))
        if other.any():
            changed[name] = other
    if not changed:
        return pl.DataFrame(schema=FOUND)
    marks = pl.DataFrame(changed)
    some = marks.select(pl.any_horizontal(pl.all())).to_series()
    named = marks.filter(some).select(
        pl.concat_str([pl.when(name).then(pl.lit(name)) for name in changed], separator=", ", ignore_nulls=True)
    )
    at = pairs.filter(some)
    rows = mine[at["here"]].with_columns(
        sent[_NET].gather(at["there"]).alias("net_sent"),
        sent[FILE].gather(at["there"]).alias(FILE),
        named.to_series().alias("changed"),
    )
    note = pl.lit("changed since: ") + pl.col("changed")
    return _found(_clocked(rows, clocks), pl.lit("CORRECTED_LINE"), note, here=_NET, there="net_sent")


def _twice(twice: pl.DataFrame, clocks: Clocks) -> pl.DataFrame:
    note = pl.lit("a later daily file of the month has the same line")
    return _found(_clocked(twice, clocks), pl.lit("SENT_TWICE"), note, there=_NET)


def _unread_days(
    only_here: pl.DataFrame, clocks: Clocks, days: Mapping[date, Day]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """
    Compare days whose bytes cannot be read by their numbers; return those that differ, and the lines of other days.

    Bytes that retention took, with the same numbers, are no difference. Bytes that ought to be there always are.
    """
    unread = {day.business_date: day for day in days.values() if day.unread is not None and day.sent is not None}
    if not unread:
        return pl.DataFrame(schema=FOUND), only_here
    clocked = _clocked(only_here, clocks)
    rest = clocked.filter(~pl.col(_DAY).is_in(list(unread))).select(only_here.columns)
    found = []
    for at, day in unread.items():
        lines = clocked.filter(pl.col(_DAY) == at)
        total = _sum(lines[_NET])
        if day.purged and (lines.height, total) == (day.rows, day.total):
            continue
        numbers = f"{lines.height} rows here, {day.rows} in daily file {day.sent}"
        found.append(
            {
                **dict.fromkeys(FOUND),
                **dict.fromkeys(("document_type", "document_number", "line_number"), ""),
                "kind": "BYTES_GONE",
                "posted_on": at,
                "net_here": total,
                "net_there": day.total,
                "file_there": day.sent,
                "note": f"{numbers}; {day.unread}",
            }
        )
    return pl.DataFrame(found, schema=FOUND), rest


def _missing_there(
    only_here: pl.DataFrame, sent: pl.DataFrame, shape: Shape, clocks: Clocks, days: Mapping[date, Day]
) -> pl.DataFrame:
    """Lines of the month that no daily file of the month has."""
    if only_here.is_empty():
        return pl.DataFrame(schema=FOUND)
    documents = _documents(sent, only_here, shape)
    facts = pl.DataFrame(
        [_facts(day) for day in days.values()],
        schema={_DAY: pl.Date, "stands": pl.String, "why": pl.String, "without": pl.String},
    )
    rejected = pl.DataFrame(
        [(at, key, True) for at, day in days.items() for key in day.rejected],
        schema={_DAY: pl.Date, shape.row_key: pl.String, "was_rejected": pl.Boolean},
        orient="row",
    )
    rows = (
        _clocked(only_here, clocks)
        .join(documents, on=shape.document, how="left", maintain_order="left")
        .join(facts, on=_DAY, how="left", maintain_order="left")
        .join(rejected, on=[_DAY, shape.row_key], how="left", maintain_order="left")
    )
    month, own_month = (pl.col(name).is_between(clocks.first, clocks.last) for name in (_DAY, _OWN_DAY))
    by_clock = pl.format("posted on {} by {}, on {} by {}", _DAY, pl.lit(clocks.daily), _OWN_DAY, pl.lit(clocks.own))
    after = pl.format("posted on {}, after the month", _DAY)
    none = pl.lit(None, pl.String)
    cases = (
        (~month & own_month, "OTHER_ZONE", by_clock),
        ((pl.col(_DAY) > clocks.last) & (pl.col(KIND) == CREDIT), "LATE_CREDIT", after),
        (pl.col(_DAY) > clocks.last, "BACK_DATED", after),
        (~month, "UNEXPLAINED", pl.format("posted on {}, before the month", _DAY)),
        (pl.col("was_rejected").is_not_null(), "REJECTED_IN_DAILY", pl.col("why")),
        (pl.col("known").is_not_null(), "CORRECTED_LINE", pl.lit("added to its document since")),
        (pl.col("stands").is_null(), "DAY_NOT_SENT", pl.format("there is no daily file of {}", _DAY)),
        (pl.col("stands") == "GIVEN_UP", "DAY_NOT_SENT", pl.col("why")),
        (pl.col("stands") == "PENDING", "DAY_HELD", pl.col("why")),
    )
    kind, note = none, none
    for applies, name, says in reversed(cases):
        kind = pl.when(applies).then(pl.lit(name)).otherwise(kind)
        note = pl.when(applies).then(says).otherwise(note)
    return _found(rows, kind.fill_null("UNEXPLAINED"), note.fill_null(pl.col("without")), here=_NET)


def _documents(known: pl.DataFrame, asked: pl.DataFrame, shape: Shape) -> pl.DataFrame:
    """Which of the documents asked for are known on the other side, each once."""
    few = asked.select(shape.document).unique()
    return few.join(known.select(shape.document), on=shape.document, how="semi").with_columns(known=True)


def _facts(day: Day) -> dict[str, object]:
    """How the day stands, and a note for each way in which a line of it may be missing there."""
    if day.sent is not None:
        # A line withheld then is not named anywhere; the person who looks should know that there were some.
        withheld = f"; it withheld {day.withheld} rows, which nothing names" if day.withheld else ""
        without = f"daily file {day.sent} has neither the line nor its rejection{withheld}"
        return {
            _DAY: day.business_date,
            "stands": "SENT",
            "why": f"rejected for daily file {day.sent}",
            "without": without,
        }
    if day.pending is not None:
        return {_DAY: day.business_date, "stands": "PENDING", "why": day.pending, "without": ""}
    return {_DAY: day.business_date, "stands": "GIVEN_UP", "why": day.given_up or "", "without": ""}


def _missing_here(
    only_there: pl.DataFrame, mine: pl.DataFrame, kept: pl.DataFrame, shape: Shape, clocks: Clocks
) -> pl.DataFrame:
    """Lines of the daily files that the month's file has not."""
    if only_there.is_empty():
        return pl.DataFrame(schema=FOUND)
    fates = kept.select(_KEY, "fate", "reasons").unique(subset=_KEY, keep="first", maintain_order=True)
    known = pl.concat([side.select(shape.document) for side in (mine, kept)])
    documents = _documents(known, only_there, shape)
    rows = (
        _clocked(only_there, clocks)
        .join(fates, on=_KEY, how="left", maintain_order="left")
        .join(documents, on=shape.document, how="left", maintain_order="left")
    )
    dated = pl.col(_DATE).is_between(clocks.first, clocks.last)
    posted = pl.col(_OWN_DAY).is_between(clocks.first, clocks.last)
    same_month = pl.col(_DATE).dt.month_start() == pl.col(_OWN_DAY).dt.month_start()
    by_clock = pl.format("posted on {} by {}, on {} by {}", _DAY, pl.lit(clocks.daily), _OWN_DAY, pl.lit(clocks.own))
    none = pl.lit(None, pl.String)
    cases = (
        (pl.col("fate") == "WITHHELD", "WITHHELD_NOW", pl.col("reasons")),
        (pl.col("fate") == "REJECTED", "REJECTED_NOW", pl.col("reasons")),
        (~dated & ~posted & same_month, "OTHER_ZONE", by_clock),
        (~dated, "OTHER_MONTH", pl.format("dated {}", _DATE)),
        (pl.col("known").is_not_null(), "CORRECTED_LINE", pl.lit("removed from its document since")),
    )
    kind, note = none, none
    for applies, name, says in reversed(cases):
        kind = pl.when(applies).then(pl.lit(name)).otherwise(kind)
        note = pl.when(applies).then(says).otherwise(note)
    gone = pl.lit("the month has no line of this document, accepted or kept back")
    return _found(rows, kind.fill_null("UNEXPLAINED"), note.fill_null(gone), there=_NET)


def _open_days(found: pl.DataFrame, days: Mapping[date, Day]) -> pl.DataFrame:
    """A difference for each daily file under way that no line tells of: what the partner has of the day will change."""
    told = set(found.filter(pl.col("kind") == "DAY_HELD")["posted_on"])
    return pl.DataFrame(
        [
            {
                **dict.fromkeys(FOUND),
                **dict.fromkeys(("document_type", "document_number", "line_number"), ""),
                "kind": "DAY_HELD",
                "posted_on": at,
                "note": day.pending,
            }
            for at, day in days.items()
            if day.pending is not None and at not in told
        ],
        schema=FOUND,
    )


def _told(**row: object) -> ReconciliationDifference:
    kind = str(row["kind"])
    return ReconciliationDifference(explained=KINDS[kind].explained, **row)  # type: ignore[arg-type]


def _sum(amounts: pl.Series) -> Decimal:
    # Of nothing polars makes the integer 0.
    return Decimal(amounts.sum() or 0).quantize(Decimal("0.01"))


def _require_sum(result: Comparison, found: pl.DataFrame) -> None:
    explained = _sum(found["net_here"]) - _sum(found["net_there"])
    if result.total_here - result.total_there != explained:
        raise ReconcileError(
            f"the month's total {result.total_here} and the daily files' {result.total_there} differ by "
            f"{result.total_here - result.total_there}, the differences found come to {explained}; one of the sides "
            "was not read as it is. Nothing goes; show this to whoever keeps include/reconcile"
        )
