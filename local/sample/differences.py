"""What a month's file will differ in from its daily files, known before either is made; and what is to be amended.

All of it follows from what the generator planted: which day is not to be sent, which documents are dated in another
month than they were posted in, which lines are bad on both sides and so on neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from local.sample.defects import KINDS, MENDED, NUMBER
from local.sample.documents import TRADE, Documents
from local.sample.draws import Numbers, uniform, whole
from local.sample.masters import Masters
from local.sample.month_ends import Flags, month_starts
from local.sample.parameters import Parameters

#: Days of a month, from 0, of which one is not sent: clear of what month ends are made of. A Monday to Friday.
UNSENT_FROM, UNSENT_TO = 9, 20
#: How many lines of each month are amended after the daily files went, in the order in which documents are chosen.
AMENDED = {"quantity": 3, "price": 3, "line_added": 2, "line_removed": 2, "mended": 2}
#: What the reconciliation ought to call each of them.
KIND_OF_AMENDMENT = {
    "quantity": "CORRECTED_LINE",
    "price": "CORRECTED_LINE",
    "line_added": "CORRECTED_LINE",
    "line_removed": "CORRECTED_LINE",
    "mended": "REJECTED_IN_DAILY",
}
_FIRST_LINE = [NUMBER[kind.name] for kind in KINDS if kind.where == "line" and kind.name != "line_twice"]
_ALL_LINES = [NUMBER[kind.name] for kind in KINDS if kind.where != "line"]


@dataclass(frozen=True)
class SecondAct:
    """Frames for the ``sample`` tables of their names; ``month`` is a first day."""

    unsent_day: pl.DataFrame  # month, dealer_code, day
    planted_difference: pl.DataFrame  # month, kind, dealer_code, document_type, document_number, line_number
    amendment: pl.DataFrame  # month, amendment, and the last five of the above, and parts_invoice_id


def second_act(parameters: Parameters, masters: Masters, documents: Documents) -> SecondAct:
    """Nothing for a benchmark: its lines are only counted."""
    # Only what both files are about; the scheme's dealers keep the daily's clock, so ``day`` is a day of a daily file.
    numbers = masters.dealer["renault_dealer_number"]
    known = numbers.is_not_null().to_numpy() & (masters.is_trade_partner == 1) & (not parameters.trade_only)
    may = np.flatnonzero((documents.payer == TRADE) & known[documents.dealer])
    posted_in = month_starts(documents.day[may])
    dated_in = month_starts(documents.document_day[may])
    unsent = _unsent(parameters.seed, documents, may, posted_in == dated_in)
    key = _dealer_day(documents, may)
    held_back = np.isin(key, unsent)

    crossing = posted_in != dated_in
    credit = documents.is_credit[may]
    # A document dated ahead of its posting is bad on both sides, and has no good lines.
    frames = [
        _lines(masters, documents, may[chosen], months[chosen], kind)
        for kind, chosen, months in (
            ("LATE_CREDIT", crossing & credit, dated_in),
            ("BACK_DATED", crossing & ~credit, dated_in),
            ("OTHER_MONTH", crossing & ~held_back, posted_in),
            ("DAY_NOT_SENT", ~crossing & held_back, posted_in),
        )
    ]
    days = pl.Series(unsent % _DAYS)
    return SecondAct(
        unsent_day=pl.DataFrame(
            {
                "month": _dates(month_starts(days.to_numpy())),
                "dealer_code": numbers.gather(unsent // _DAYS),
                "day": _dates(days.to_numpy()),
            }
        ),
        planted_difference=pl.concat(frames),
        amendment=_amendments(parameters.seed, masters, documents, may[~crossing & ~held_back]),
    )


_DAYS = 1_000_000  # more than there are from 1970 to 2100


def _dealer_day(documents: Documents, where: Numbers) -> Numbers:
    return documents.dealer[where] * _DAYS + documents.day[where]


def _unsent(seed: int, documents: Documents, may: Numbers, whole_month: Flags) -> Numbers:
    """One (dealer, day) of each month, as :func:`_dealer_day` numbers them: with good lines and none to be mended."""
    of_month = documents.day[may] - month_starts(documents.day[may])
    kind = documents.kind[may]
    fit = (of_month >= UNSENT_FROM) & (of_month < UNSENT_TO) & ((documents.day[may] + 3) % 7 < 5)
    key = _dealer_day(documents, may)
    able = np.setdiff1d(key[fit & whole_month & (kind == 0)], key[kind == NUMBER[MENDED]])
    months = month_starts(able % _DAYS)
    order = np.lexsort((uniform(seed, "unsent", able), months))
    _, first = np.unique(months[order], return_index=True)
    chosen: Numbers = able[order][first]
    return chosen


def _lines(masters: Masters, documents: Documents, where: Numbers, months: Numbers, kind: str) -> pl.DataFrame:
    """The good lines of the documents at ``where``, as differences of ``kind``."""
    count, bears = documents.lines[where], documents.kind[where]
    first = np.where(np.isin(bears, _FIRST_LINE), 2, 1)
    last = np.where(bears == NUMBER["line_twice"], count - 2, np.where(np.isin(bears, _ALL_LINES), 0, count))
    good = np.maximum(last - first + 1, 0)
    turn = np.arange(int(good.sum())) - np.repeat(np.cumsum(good) - good, good)
    return _named(
        masters, documents, np.repeat(where, good), np.repeat(months, good), np.repeat(first, good) + turn
    ).select("month", pl.lit(kind).alias("kind"), *KEY)


KEY = ("dealer_code", "document_type", "document_number", "line_number")


def _named(masters: Masters, documents: Documents, where: Numbers, months: Numbers, line: Numbers) -> pl.DataFrame:
    credit = documents.is_credit[where].astype(np.uint32)
    return pl.DataFrame(
        {
            "month": _dates(months),
            "dealer_code": masters.dealer["renault_dealer_number"].gather(documents.dealer[where]),
            "document_type": pl.Series(["INVOICE", "CREDIT_MEMO"]).gather(credit),
            "letters": pl.Series(["PI", "PC"]).gather(credit),
            "number": documents.number[where] + 1_000_000,
            "line_number": line,
            "parts_invoice_id": where + 1,
        }
    ).with_columns(pl.concat_str("letters", "number").alias("document_number"))


def _amendments(seed: int, masters: Masters, documents: Documents, may: Numbers) -> pl.DataFrame:
    """A few lines of every month, each of another document that no credit is for."""
    credited = np.zeros(len(documents), dtype=bool)
    credited[documents.original[documents.is_credit]] = True
    may = may[~documents.is_credit[may] & ~credited[may]]
    draw = np.argsort(uniform(seed, "amended", may), kind="stable")
    may = may[draw]
    months = month_starts(documents.day[may])
    chosen: dict[str, list[int]] = {name: [] for name in AMENDED}
    for month in np.unique(months):
        inside = may[months == month]
        good = inside[documents.kind[inside] == 0]
        bad = inside[documents.kind[inside] == NUMBER[MENDED]]
        pools = {"mended": bad, "line_removed": good[documents.lines[good] > 1]}
        used: set[int] = set()
        # Who can take only some documents chooses first.
        for name in ("mended", "line_removed", "line_added", "quantity", "price"):
            free = [position for position in pools.get(name, good)[:20].tolist() if position not in used]
            chosen[name] += free[: AMENDED[name]]
            used.update(free[: AMENDED[name]])
    frames = []
    for name, positions in chosen.items():
        where = np.array(positions, dtype=np.int64)
        count = documents.lines[where]
        line = {
            "mended": np.ones_like(where),
            "line_added": count + 1,
            "line_removed": count,
        }.get(name, 1 + whole(seed, "amended line", where, count))
        frames.append(
            _named(masters, documents, where, month_starts(documents.day[where]), line).select(
                "month",
                pl.lit(name).alias("amendment"),
                pl.lit(KIND_OF_AMENDMENT[name]).alias("kind"),
                *KEY,
                "parts_invoice_id",
            )
        )
    return pl.concat(frames)


def _dates(days: Numbers) -> pl.Series:
    return pl.Series(days, dtype=pl.Int64).cast(pl.Int32).cast(pl.Date)
