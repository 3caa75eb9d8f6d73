"""Where the sample is denser than chance would have it: the ends of months and the days on which the clocks change.

A month's file goes by the date on a document, a day's file by its posting: so credits and invoices are posted in the
first days of a month and dated in the last days of the one before, and documents lie on both sides of these midnights.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from local.sample.draws import Numbers, rank_within, uniform, whole
from local.sample.masters import Masters
from local.sample.parameters import Parameters

Flags = NDArray[np.bool_]
EPOCH = date(1970, 1, 1)
#: Whose documents are counted apart at the ends of months: the scheme's dealers, the others, the one abroad.
SCHEME, OTHERS, ABROAD = range(3)
FIRST_SECOND, LAST_SECOND, EARLY, LATE = range(4)
#: A month end has at least so many late credits and back-dated invoices in each group, if that many can be found.
AT_LEAST = 3
LATE_CREDIT_SHARE = 0.5
DAYS_AFTER = 5
DAYS_BEFORE = 3


def offset(zone: str, day: date, at: time) -> int:
    """Seconds that local time is ahead of UTC."""
    found = datetime.combine(day, at, tzinfo=ZoneInfo(zone)).utcoffset()
    assert found is not None
    return int(found.total_seconds())


def month_starts(days: Numbers) -> Numbers:
    """Of each day (from 1970) the first day of its month."""
    first: Numbers = days.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return first


def groups(masters: Masters) -> Numbers:
    """Of each dealer SCHEME, OTHERS or ABROAD."""
    return np.where(masters.zone > 0, ABROAD, np.where(masters.is_trade_partner == 1, SCHEME, OTHERS)).astype(np.int64)


def clock_changes(parameters: Parameters, zones: tuple[str, ...]) -> Flags:
    """Of each day of the sample, whether it has 23 or 25 hours in one of the zones."""
    turns = [parameters.first_day + timedelta(days=turn) for turn in range(parameters.days)]
    midnight = time(0, 0)
    return np.array(
        [
            any(offset(zone, day, midnight) != offset(zone, day + timedelta(days=1), midnight) for zone in zones)
            for day in turns
        ],
        dtype=bool,
    )


def month_edges(days: Numbers) -> Flags:
    """Of each day, whether it is the first or the last of its month."""
    edges: Flags = (month_starts(days) == days) | (month_starts(days + 1) == days + 1)
    return edges


def at_the_edge(seed: int, day: Numbers, group: Numbers, special: Flags, keys: Numbers) -> Numbers:
    """
    Of each document how it lies at one of the special days' midnights, -1 for not at all.

    The first four documents of a group and day, in an order of chance, take one place each: the very first second, the
    very last one, the first minutes, the last minutes.
    """
    edge = np.full(len(keys), -1, dtype=np.int64)
    where = np.flatnonzero(special)
    rank = rank_within(day[where] * 4 + group[where], uniform(seed, "edge", keys[where]))
    edge[where[rank <= LATE]] = rank[rank <= LATE]
    return edge


def dated_before(
    seed: int,
    *,
    day: Numbers,
    document_day: Numbers,
    original: Numbers,
    group: Numbers,
    may: Flags,
    keys: Numbers,
) -> Numbers:
    """
    The documents' dates, with some of each month's first days moved into the last days of the month before.

    Only documents that ``may``: credits of an invoice posted and dated before the month began, and not dated before
    that invoice (half of them); invoices as many as a month end has to have.
    """
    document_day = document_day.copy()
    first = month_starts(day)
    early = np.flatnonzero(may & (day - first < DAYS_AFTER))
    invoice = original[early]
    credit = invoice >= 0
    # The last of both days: a credit is not dated before the invoice it is for.
    not_before = np.where(credit, np.maximum(day[invoice], document_day[invoice]), 0)
    early = early[~credit | (not_before < first[early])]
    credit = original[early] >= 0
    for name, chosen, share in (
        ("late credit", early[credit], LATE_CREDIT_SHARE),
        ("back-dated at a month end", early[~credit], 0.0),
    ):
        draw = uniform(seed, name, keys[chosen])
        rank = rank_within(first[chosen] * 4 + group[chosen], draw)
        moved = chosen[(rank < AT_LEAST) | (draw < share)]
        dated = first[moved] - 1 - whole(seed, f"{name}, days", keys[moved], DAYS_BEFORE)
        its = original[moved]
        dated = np.where(its >= 0, np.maximum(dated, np.maximum(day[its], document_day[its])), dated)
        document_day[moved] = dated
    return document_day


def in_turn(seed: int, day: Numbers, document_day: Numbers, may: Flags, keys: Numbers) -> Numbers:
    """Positions of the documents that ``may`` and were posted in the month of their date, one of each month in turn."""
    where = np.flatnonzero(may & (month_starts(day) == month_starts(document_day)))
    draw = uniform(seed, "in turn", keys[where])
    taken: Numbers = where[np.lexsort((draw, rank_within(month_starts(day[where]), draw)))]
    return taken
