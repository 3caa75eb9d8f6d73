"""Sales of new (VN) and used (VO) vehicles at the French points of sale: options, fees, what was taken in payment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from local.sample.draws import Numbers, uniform, whole
from local.sample.french.documents import (
    Documents,
    Flags,
    dates,
    document_columns,
    either,
    line_grid,
    totals,
    vat,
    where,
)
from local.sample.french.group import Group
from local.sample.french.numbers import (
    NEW_VEHICLE,
    PLANTED_VEHICLE,
    TRADED_VEHICLE,
    USED_VEHICLE,
    WMI,
    numbered,
    registrations,
    vins,
)
from local.sample.masters import pence

LETTERS = ("VF", "VA")
NEW_SHARE = 0.45
MARGIN_SHARE = 0.85  # of used vehicles
TRADE_IN_SHARE = 0.25
OPTIONS = 3  # at most
VEHICLE, OPTION, FEE, TRADE_IN = range(4)
TYPES = ("VEHICLE", "OPTION", "FEE", "TRADE_IN")
TEXTS = ("Véhicule", "Option", "Frais de mise à la route", "Reprise")
SOLD_AGAIN_SHARE = 0.6  # of the credited ones
#: What has to be planted on a used vehicle; the rest is on new ones.
ON_USED = ("margin_with_vat", "sold_before_it_came", "vin_of_another_maker")


def sell_again(seed: int, documents: Documents) -> None:
    """Some credited vehicles are what the next invoice of the point of sale sells, to somebody else."""
    again = np.arange(len(documents), dtype=np.int64)
    ordinary = (documents.original < 0) & (documents.planted_vehicle < 0)
    taken = np.zeros(len(documents), dtype=bool)
    for credit in np.flatnonzero(documents.original >= 0).tolist():
        if uniform(seed, "sold again", np.array([credit]))[0] < SOLD_AGAIN_SHARE:
            later = np.flatnonzero(ordinary & ~taken & (documents.point == documents.point[credit]))
            later = later[documents.posted[later] > documents.posted[credit]]
            if len(later):
                taken[later[0]] = True
                again[later[0]] = documents.original[credit]
                # Not dated back: a vehicle is ordered, and came in, before its first sale.
                documents.document_day[later[0]] = documents.day[later[0]]
    # In the order of posting a sale finds its vehicle's first one already there.
    for place in np.flatnonzero(taken).tolist():
        again[place] = again[again[place]]
    credits = documents.original >= 0
    again[credits] = again[documents.original[credits]]
    documents.source = again


def line_counts(seed: int, documents: Documents) -> Numbers:
    """The vehicle, up to three options of a new one, a fee, and now and then what was taken in payment."""
    new, _ = _schemes(seed, documents)
    return 2 + np.where(new, _options(seed, documents.source), 0) + _trades(seed, documents)


def document_frames(seed: int, documents: Documents, group: Group) -> Iterator[pl.DataFrame]:
    """Rows of ``dms.vehicle_sale``."""
    brands = pl.Series([WMI[place.plan.brand] for place in group.points])
    all_new, all_margin = _schemes(seed, documents)
    for part in documents.chunks():
        document, _, _, sign = line_grid(documents, part)
        _, net, tax = _amounts(seed, documents, part)
        total_net, total_vat = (totals(document, part, sign * amounts) for amounts in (net, tax))
        source, day, new = documents.source[part], documents.document_day[part], all_new[part]
        sold_on = documents.document_day[source]
        vehicle = _vehicles(documents, part, new)
        waiting = np.where(new, 20 + whole(seed, "vehicle order", source, 100), whole(seed, "used order", source, 15))
        ordered = sold_on - waiting
        delivered = day + whole(seed, "vehicle delivery", source, 8)
        delivered = np.where(documents.bears("delivered_before_order")[part], ordered - 5, delivered)
        taken_in = sold_on - 10 - whole(seed, "vehicle stock", source, 110)
        taken_in = np.where(documents.bears("sold_before_it_came")[part], day + 4, taken_in)
        agreed = uniform(seed, "vehicle agreed", source) < 0.9
        bad_day = documents.bears("delivered_before_order")[part]
        foreign = documents.bears("vin_of_another_maker")[part]
        maker = pl.DataFrame({"own": brands.gather(documents.point[part]), "foreign": foreign}).select(
            pl.when("foreign").then(pl.lit("VF9")).otherwise("own")
        )
        yield pl.DataFrame(
            {
                "vehicle_sale_id": np.arange(part.start, part.stop) + 1,
                "sale_kind": either(new, "VN", "VO"),
                **document_columns(documents, part, LETTERS),
                "order_date": dates(ordered),
                "delivery_date": where(agreed | bad_day, dates(delivered)),
                "vin": vins(maker.to_series(), vehicle),
                "registration": where(~new, registrations(vehicle)),
                "registration_date": where(~new, dates(sold_on - 400 - whole(seed, "vehicle age", source, 3_000))),
                "odometer_km": where(~new, pl.Series(5_000 + whole(seed, "vehicle odometer", source, 150_000))),
                "taken_in_on": where(~new, dates(taken_in)),
                "trade_in_vin": where(
                    _trades(seed, documents)[part],
                    vins(brands.gather(documents.point[part]), TRADED_VEHICLE + source % 1_000_000),
                ),
                "customer_id": documents.customer[part],
                "salesperson_id": numbered("V", whole(seed, "salesperson", source, 6) + 1, 3),
                "vat_scheme": either(all_margin[part], "MARGIN", "STANDARD"),
                "total_net": pence(total_net),
                "total_vat": pence(total_vat),
                "total_gross": pence(total_net + total_vat),
            }
        )


def line_frames(seed: int, documents: Documents) -> Iterator[pl.DataFrame]:
    """Rows of ``dms.vehicle_sale_line``, in the order of their documents."""
    first_id = 1
    for part in documents.chunks():
        document, line, _, sign = line_grid(documents, part)
        kind, net, tax = _amounts(seed, documents, part)
        yield pl.DataFrame(
            {
                "vehicle_sale_line_id": np.arange(len(document)) + first_id,
                "vehicle_sale_id": document + 1,
                "line_number": line,
                "line_type": pl.Series(TYPES).gather(kind),
                "description": pl.Series(TEXTS).gather(kind),
                "net_amount": pence(sign * net),
                "vat_amount": pence(sign * tax),
            }
        )
        first_id += len(document)


def _schemes(seed: int, documents: Documents) -> tuple[Flags, Flags]:
    """Which documents are of new vehicles, and which are under the margin scheme."""
    new = uniform(seed, "vehicle new", documents.source) < NEW_SHARE
    planted = documents.planted_vehicle >= 0
    on_used = np.logical_or.reduce([documents.bears(name) for name in ON_USED])
    # What is planted says itself what it is on; the sale before a second one is of a new vehicle too.
    new = np.where(planted, ~on_used, new)
    margin = ~new & (uniform(seed, "vehicle margin", documents.source) < MARGIN_SHARE)
    return new, margin | documents.bears("margin_with_vat")


def _options(seed: int, source: Numbers) -> Numbers:
    return whole(seed, "vehicle options", source, OPTIONS + 1)


def _trades(seed: int, documents: Documents) -> Flags:
    found: Flags = (uniform(seed, "trade-in", documents.source) < TRADE_IN_SHARE) & (documents.planted_vehicle < 0)
    return found


def _vehicles(documents: Documents, part: slice, new: Flags) -> Numbers:
    source, planted = documents.source[part], documents.planted_vehicle[part]
    found = np.where(new, NEW_VEHICLE, USED_VEHICLE) + source
    # Apart from the workshop's planted ones.
    return np.where(planted >= 0, PLANTED_VEHICLE + 500_000 + planted, found)


def _amounts(seed: int, documents: Documents, part: slice) -> tuple[Numbers, Numbers, Numbers]:
    """Of each line its type, net amount and VAT (cents); without a sign."""
    document, line, key, _ = line_grid(documents, part)
    new, margin = (which[document] for which in _schemes(seed, documents))
    source = documents.source[document]
    last = line == documents.lines[document]
    traded = _trades(seed, documents)[document]
    fee_line = documents.lines[document] - traded
    kind = np.select([line == 1, last & traded, line == fee_line], [VEHICLE, TRADE_IN, FEE], OPTION)
    least, spread = np.where(new, 1_450_000, 450_000), np.where(new, 2_500_000, 1_800_000)
    list_price = least + whole(seed, "vehicle price", source, spread)
    net = np.select(
        [kind == VEHICLE, kind == FEE, kind == TRADE_IN],
        [list_price, 15_000 + whole(seed, "fee", key, 20_000), -(list_price * (10 + source % 30) // 100)],
        5_000 + whole(seed, "option price", key, 150_000),
    )
    # Private sellers' vehicles come without VAT, and so does whatever is sold under the margin scheme.
    shows_vat = ~margin | documents.bears("margin_with_vat")[document]
    return kind, net, np.where(shows_vat & (kind != TRADE_IN), vat(net), 0)
