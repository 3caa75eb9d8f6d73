"""The invoices and credit memos of the sample: who sold when, what is credited, which documents carry bad data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time, timedelta

import numpy as np
from numpy.typing import NDArray

from local.sample.defects import KINDS, MENDED, NUMBER
from local.sample.draws import Numbers, uniform, whole
from local.sample.masters import ACCOUNT_KINDS, CUSTOMERS, ZONES, Masters
from local.sample.month_ends import (
    ABROAD,
    EARLY,
    EPOCH,
    FIRST_SECOND,
    LAST_SECOND,
    LATE,
    OTHERS,
    Flags,
    at_the_edge,
    clock_changes,
    dated_before,
    groups,
    in_turn,
    month_edges,
    month_starts,
    offset,
)
from local.sample.parameters import Parameters

LINES_PER_DOCUMENT = 3.2
CREDIT_SHARE = 0.085
BACK_DATED_SHARE = 0.02
AT_MIDNIGHT_SHARE = 0.002  # on either side of it
AT_EDGE_SHARE = 0.05  # the same, on days that end or begin a month and on those of 23 or 25 hours
CLOCKS_CHANGE = 0.5  # such a Sunday, against a Monday
# Monday to Sunday, against a Monday.
WEEKDAYS = np.array([1.0, 0.97, 0.95, 0.98, 0.92, 0.34, 0.02])
TRADE, WORKSHOP, COUNTER, INTERNAL = range(4)
#: Shares of documents by who pays, up to and including: trade, workshop, retail counter; the rest is internal.
CLASSES_PARTNER = np.array([0.46, 0.76, 0.92])
CLASSES_OTHER = np.array([0.10, 0.60, 0.90])
CHANNELS = ("COUNTER_SALE", "WHOLESALE", "WORKSHOP", "INTERNAL")
SOURCES = ("RENAULTPARTS", "PHONE", "COUNTER", "EMAIL")


@dataclass
class Documents:
    """One element per document in the order of posting, of which position + 1 is the id.

    ``day`` counts days from 1970 by the dealer's clock, ``posted`` seconds from 1970 (UTC); ``original`` is the
    position of the invoice that a credit corrects, -1 otherwise; ``account`` and ``customer`` are ids, 0 for none;
    ``kind`` is a number from :data:`local.sample.defects.NUMBER`.
    """

    dealer: Numbers
    day: Numbers
    posted: Numbers
    document_day: Numbers
    payer: Numbers
    original: Numbers
    number: Numbers
    lines: Numbers
    account: Numbers
    customer: Numbers
    channel: Numbers
    source: Numbers
    kind: Numbers

    def __len__(self) -> int:
        return len(self.dealer)

    @property
    def is_credit(self) -> Flags:
        return self.original >= 0


def build(parameters: Parameters, masters: Masters) -> Documents:
    """All documents; their ``lines`` add up to ``parameters.lines`` exactly."""
    seed = parameters.seed
    count = max(1, round(parameters.lines / LINES_PER_DOCUMENT))
    keys = np.arange(count, dtype=np.int64)
    dealer, day = _places(parameters, masters, keys)
    posted, edge = _posting_times(parameters, masters, dealer, day, keys)
    in_order = np.argsort(posted, kind="stable")
    dealer, day, posted, edge = dealer[in_order], day[in_order], posted[in_order], edge[in_order]

    group = groups(masters)[dealer]
    payer = _payers(parameters, masters, dealer, keys)
    # Only trade documents are in a file: those at the edges are the scheme's and the dealer abroad's.
    payer[(edge >= 0) & (group != OTHERS)] = TRADE
    # Abroad there are few: of each first minute of a month one is a credit.
    original = _originals(seed, dealer, payer, keys, (edge == EARLY) & (group == ABROAD) & (month_starts(day) == day))
    credit = original >= 0
    source_of = np.where(credit, original, keys)
    lines = _line_counts(parameters, original, keys)

    back = (uniform(seed, "back-dated", keys) < BACK_DATED_SHARE) & (edge < 0)
    documents = Documents(
        dealer=dealer,
        day=day,
        posted=posted,
        document_day=day - np.where(back & ~credit, 1 + whole(seed, "days back", keys, 6), 0),
        payer=payer,
        original=original,
        number=_numbers(dealer, credit),
        lines=lines,
        # What follows is drawn with the key of the original, so that a credit goes where its invoice went.
        account=np.where(
            payer == TRADE,
            masters.account_start[dealer]
            + (uniform(seed, "account", source_of) ** 1.6 * masters.good_accounts[dealer]).astype(np.int64),
            0,
        ),
        customer=_customers(seed, dealer, payer, source_of),
        channel=_channels(seed, payer, source_of),
        source=np.where(payer == TRADE, np.searchsorted([0.35, 0.65, 0.9], uniform(seed, "source", source_of)), 2),
        kind=np.zeros(count, dtype=np.int64),
    )
    if parameters.plants:
        _plant(seed, documents, masters, keys)
    elif not parameters.trade_only:
        _plant(seed, documents, masters, keys, only="sharing_objection")
    if not parameters.trade_only:
        documents.document_day = dated_before(
            seed,
            day=day,
            document_day=documents.document_day,
            original=original,
            group=group,
            may=(payer == TRADE) & (documents.kind == 0) & (credit | (edge < 0)),
            keys=keys,
        )
    return documents


def _places(parameters: Parameters, masters: Masters, keys: Numbers) -> tuple[Numbers, Numbers]:
    """Dealer and day of each document, in proportion to the dealer's size and the weekday."""
    days = np.arange(parameters.days, dtype=np.int64) + (parameters.first_day - EPOCH).days
    sites = np.arange(parameters.dealers, dtype=np.int64)
    size = 0.6 + 0.8 * uniform(parameters.seed, "dealer size", sites)
    weekday = (days + 3) % 7  # 1970 began on a Thursday
    weight = size[:, None] * WEEKDAYS[weekday][None, :]
    cells = np.arange(weight.size, dtype=np.int64).reshape(weight.shape)
    weight *= 0.85 + 0.3 * uniform(parameters.seed, "cell", cells)
    weight[:, clock_changes(parameters, ZONES)] *= CLOCKS_CHANGE / WEEKDAYS[6]
    # Three dealers of four stay closed on Sundays; the one abroad takes stock at the ends of months, whatever the day.
    weight[np.ix_(sites % 4 != 1, weekday == 6)] = 0
    weight[np.ix_(groups(masters) == ABROAD, month_edges(days))] = 1
    if parameters.trade_only or not weight.any():
        weight[:] = 1
    upper = np.cumsum(weight.ravel())
    cell = np.searchsorted(upper, uniform(parameters.seed, "place", keys) * upper[-1], side="right")
    dealer, day = np.divmod(np.minimum(cell, weight.size - 1), parameters.days)
    return dealer, days[day]


def _posting_times(
    parameters: Parameters, masters: Masters, dealer: Numbers, day: Numbers, keys: Numbers
) -> tuple[Numbers, Numbers]:
    """
    Seconds from 1970 in UTC: two busy times within opening hours, and a few on either side of local midnight.

    And which of the documents were put at a special day's midnight, as :func:`at_the_edge` numbers them.
    """
    seed = parameters.seed
    morning = uniform(seed, "morning", keys) < 0.55
    spread = uniform(seed, "spread a", keys) + uniform(seed, "spread b", keys) - 1
    second = (np.where(morning, 10.25, 15.0) * 3600 + spread * 2.25 * 3600).astype(np.int64)
    where = uniform(seed, "midnight", keys)
    # The cube makes the very first second, the edge of a window, the likeliest one.
    early = (uniform(seed, "minutes", keys) ** 3 * 600).astype(np.int64)
    first = (parameters.first_day - EPOCH).days
    share: float | NDArray[np.float64] = AT_MIDNIGHT_SHARE
    edge = np.full(len(keys), -1, dtype=np.int64)
    if not parameters.trade_only:
        days = np.arange(parameters.days, dtype=np.int64) + first
        special = (month_edges(days) | clock_changes(parameters, ZONES))[day - first]
        share = np.where(special, AT_EDGE_SHARE, AT_MIDNIGHT_SHARE)
        edge = at_the_edge(seed, day, groups(masters)[dealer], special, keys)
        early = np.where((edge == FIRST_SECOND) | (edge == LAST_SECOND), 0, early)
    second = np.where((where < share) | (edge == FIRST_SECOND) | (edge == EARLY), early, second)
    second = np.where((where > 1 - share) & (edge < 0) | (edge == LAST_SECOND) | (edge == LATE), 86_399 - early, second)

    # The clocks change between the first minutes of a day and its opening hours, at no time used here.
    turns = [parameters.first_day + timedelta(days=turn) for turn in range(parameters.days)]
    ahead = [np.array([[offset(zone, turn, at) for turn in turns] for zone in ZONES]) for at in (time(0), time(12))]
    at_midnight, at_noon = (offsets[masters.zone[dealer], day - first] for offsets in ahead)
    utc: Numbers = day * 86_400 + second - np.where(second < 3600, at_midnight, at_noon)
    return utc, edge


def _payers(parameters: Parameters, masters: Masters, dealer: Numbers, keys: Numbers) -> Numbers:
    if parameters.trade_only:
        return np.full(len(keys), TRADE, dtype=np.int64)
    draw = uniform(parameters.seed, "payer", keys)
    partner = masters.is_trade_partner[dealer] == 1
    return np.where(partner, np.searchsorted(CLASSES_PARTNER, draw), np.searchsorted(CLASSES_OTHER, draw))


def _originals(seed: int, dealer: Numbers, payer: Numbers, keys: Numbers, wanted: Flags) -> Numbers:
    """
    For a credit the position of an earlier invoice of the same dealer and kind of payer; -1 for an invoice.

    Documents that are ``wanted`` are credits if there is an invoice for them.
    """
    group = dealer * 4 + payer
    order = np.lexsort((keys, group))
    grouped = group[order]
    credit = ((uniform(seed, "credit", keys[order]) < CREDIT_SHARE) | wanted[order]) & (grouped % 4 != INTERNAL)
    invoices = order[~credit]
    before = np.cumsum(~credit) - ~credit
    at_start = before[np.searchsorted(grouped, grouped)]
    behind = before - at_start
    # Up to half of the group's history back, mostly less: most credits follow within days, some come late.
    back = (uniform(seed, "how late", keys[order]) ** 3 * (behind * 0.5 + 1)).astype(np.int64)
    position = before - 1 - np.minimum(back, np.maximum(behind - 1, 0))
    original = np.full(len(keys), -1, dtype=np.int64)
    usable = credit & (behind > 0)
    original[order[usable]] = invoices[position[usable]]
    return original


def _line_counts(parameters: Parameters, original: Numbers, keys: Numbers) -> Numbers:
    seed = parameters.seed
    drawn = 1 + np.minimum(-np.log1p(-uniform(seed, "lines", keys)) * 2.8, 11).astype(np.int64)
    credit = original >= 0
    lines: Numbers = np.where(credit, np.minimum(drawn, drawn[original]), drawn)
    # A credit must not have more lines than its invoice: invoices may grow, what is not credited may shrink.
    credited = np.zeros(len(keys), dtype=bool)
    credited[original[credit]] = True
    order = np.argsort(uniform(seed, "adjust", keys), kind="stable")
    while missing := parameters.lines - int(lines.sum()):
        if missing > 0:
            able = order[~credit[order]]
        else:
            able = order[(lines[order] > 1) & ~credited[order]]
            if len(able) == 0:  # then every credit is down to one line, and its invoice may follow
                able = order[lines[order] > 1]
        lines[able[: abs(missing)]] += 1 if missing > 0 else -1
    return lines


def _numbers(dealer: Numbers, credit: Flags) -> Numbers:
    """Consecutive per dealer and document type, from 1, in the order of posting."""
    group = dealer * 2 + credit
    order = np.argsort(group, kind="stable")
    grouped = group[order]
    number = np.empty(len(dealer), dtype=np.int64)
    number[order] = np.arange(len(dealer)) - np.searchsorted(grouped, grouped) + 1
    return number


def _customers(seed: int, dealer: Numbers, payer: Numbers, source_of: Numbers) -> Numbers:
    known = dealer * CUSTOMERS + 1 + whole(seed, "customer", source_of, CUSTOMERS)
    cash = (payer == COUNTER) & (uniform(seed, "cash", source_of) < 0.4)
    private = ((payer == WORKSHOP) | (payer == COUNTER)) & ~cash
    return np.where(private, known, 0)


def _channels(seed: int, payer: Numbers, source_of: Numbers) -> Numbers:
    channel = np.array([1, 2, 0, 3], dtype=np.int64)[payer]
    fetched = (payer == TRADE) & (uniform(seed, "fetched", source_of) < 0.2)
    return np.where(fetched, CHANNELS.index("COUNTER_SALE"), channel)


def _plant(seed: int, documents: Documents, masters: Masters, keys: Numbers, only: str | None = None) -> None:
    """
    Mark documents as bearers of a kind, as many as its share allows and never more; each bears one kind at most.

    A dealer's day keeps a good trade document whatever is planted: one of which all rows are rejected is held, as it
    should be, and a sample that holds files on some dates and not on others would be nobody's model.
    """
    trade = (documents.payer == TRADE) & (masters.is_trade_partner[documents.dealer] == 1)
    total = int(documents.lines[trade].sum())
    credited = np.zeros(len(documents), dtype=bool)
    credited[documents.original[documents.is_credit]] = True
    order = np.argsort(uniform(seed, "plant", keys), kind="stable")
    # Neither a credit nor its invoice: what is planted on one must not spread to the other.
    may = trade & ~documents.is_credit & ~credited
    plain = iter(order[may[order]].tolist())
    bearers = {
        "credit_positive": iter(order[(trade & documents.is_credit)[order]].tolist()),
        MENDED: iter(in_turn(seed, documents.day, documents.document_day, may, keys).tolist()),
    }
    _, place = np.unique(documents.dealer * 100_000 + documents.day, return_inverse=True)
    room = np.bincount(place[trade], minlength=int(place.max()) + 1) - 1
    # The one that has to be in every month chooses before the others.
    for kind in sorted(KINDS, key=lambda each: each.name != MENDED):
        if only in (None, kind.name):
            free = (
                position
                for position in bearers.get(kind.name, plain)
                if not documents.kind[position] and room[place[position]] > 0
            )
            # One after the other: each choice takes its room from the next.
            for position in _choose(free, documents.lines, int(total * kind.percent / 100), kind.name):
                documents.kind[position] = NUMBER[kind.name]
                room[place[position]] -= 1
    _apply(seed, documents, masters)


def _choose(bearers: Iterator[int], lines: Numbers, wanted: int, kind: str) -> Iterator[int]:
    for position in bearers:
        if wanted < 1:
            break
        count = int(lines[position])
        if kind == "line_twice":
            if wanted < 2:
                break
            if count < 2:
                continue
            count = 2
        elif kind in ("net_is_gross", "part_number_scientific", "quantity_zero"):
            count = 1
        if count <= wanted:
            wanted -= count
            yield position


def _apply(seed: int, documents: Documents, masters: Masters) -> None:
    """What a kind changes on the document itself; the lines see to the rest."""
    for turn, name in enumerate(ACCOUNT_KINDS):
        bears = documents.kind == NUMBER[name]
        dealer = documents.dealer[bears]
        documents.account[bears] = masters.account_start[dealer] + masters.good_accounts[dealer] + turn
    documents.channel[documents.kind == NUMBER["internal_on_trade"]] = CHANNELS.index("INTERNAL")
    future = np.flatnonzero(documents.kind == NUMBER["document_in_future"])
    documents.document_day[future] = documents.day[future] + 1 + whole(seed, "days ahead", future, 20)
