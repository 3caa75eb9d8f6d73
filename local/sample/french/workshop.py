"""Workshop invoices of the French points of sale: labour, parts and the rest, with the vehicle and its reading."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from local.sample.draws import Numbers, uniform, whole
from local.sample.french.customers import Customers
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
    CUSTOMERS_VEHICLE,
    PLANTED_VEHICLE,
    STOCK_VEHICLE,
    WMI,
    numbered,
    registrations,
    vins,
)
from local.sample.masters import pence

LETTERS = ("AF", "AA")
LINES_OF_A_BENCHMARK = 4
PAYERS = ("CUSTOMER_PAY", "WARRANTY", "INTERNAL", "SUBLET")
PAYER_SHARES = np.array([0.76, 0.88, 0.97])
FIRST_WITHOUT_CUSTOMER = PAYERS.index("INTERNAL")
LABOR, PART, MISCELLANEOUS = range(3)
TYPES = ("LABOR", "PART", "MISCELLANEOUS")
OPERATIONS = ("010D23", "210A04", "450K11", "VID-10", "FRE-AV", "DIS.60")
MILES_PER_1000_KM = 621


def line_counts(seed: int, documents: Documents) -> Numbers:
    """One line to nine; what is planted has three."""
    drawn = 1 + np.minimum(-np.log1p(-uniform(seed, "workshop lines", documents.source)) * 2.6, 8).astype(np.int64)
    return np.where(documents.planted_vehicle >= 0, 3, drawn)


def document_frames(seed: int, documents: Documents, group: Group, customers: Customers) -> Iterator[pl.DataFrame]:
    """Rows of ``dms.workshop_invoice``."""
    brands = pl.Series([WMI[place.plan.brand] for place in group.points])
    for part in documents.chunks():
        document, _, _, sign = line_grid(documents, part)
        _, net = _amounts(seed, documents, part)
        total_net, total_vat = (totals(document, part, sign * amounts) for amounts in (net, vat(net)))
        more = np.where(documents.bears("total_not_its_lines")[part], 1_000, 0)
        source, point = documents.source[part], documents.point[part]
        payer = _payers(seed, documents, part)
        house = payer >= FIRST_WITHOUT_CUSTOMER
        vehicle = _vehicles(documents, part, customers, house)
        vin = _damaged(vins(brands.gather(point), vehicle), documents, part)
        reading, unit = _readings(seed, documents, part, vehicle)
        opened = documents.document_day[part] - whole(seed, "workshop opened", source, 4)
        yield pl.DataFrame(
            {
                "workshop_invoice_id": np.arange(part.start, part.stop) + 1,
                **document_columns(documents, part, LETTERS),
                "repair_order_number": numbered("OR", source + 1, 8),
                "opened_on": dates(opened),
                "payer_type": pl.Series(PAYERS).gather(payer),
                "customer_id": where(~house, pl.Series(documents.customer[part])),
                "vin": vin,
                "registration": where(~house, registrations(vehicle)),
                "odometer": reading,
                "odometer_unit": unit,
                "total_net": pence(total_net + more),
                "total_vat": pence(total_vat),
                "total_gross": pence(total_net + more + total_vat),
            }
        )


def line_frames(seed: int, documents: Documents) -> Iterator[pl.DataFrame]:
    """Rows of ``dms.workshop_invoice_line``, in the order of their documents."""
    first_id = 1
    for part in documents.chunks():
        document, line, key, sign = line_grid(documents, part)
        parts, net = _amounts(seed, documents, part)
        kind, quantity, price, discount = parts
        first = line == 1
        no_code = first & documents.bears("labor_without_code")[document]
        bell = first & documents.bears("control_character")[document]
        operation = pl.Series(OPERATIONS).gather(whole(seed, "workshop operation", key, len(OPERATIONS)))
        texts = pl.Series(["Main-d'œuvre", "Pièce d'origine", "Petites fournitures"])
        yield pl.DataFrame(
            {
                "workshop_invoice_line_id": np.arange(len(document)) + first_id,
                "workshop_invoice_id": document + 1,
                "line_number": line,
                "line_type": pl.Series(TYPES).gather(kind),
                "labor_operation_code": where((kind == LABOR) & ~no_code, operation),
                "part_number": where(kind == PART, part_numbers(seed, "workshop", key)),
                "description": texts.gather(kind) + either(bell, "\x07 2 h", ""),
                "quantity": pence(sign * quantity),
                "unit_price": pence(price),
                "discount_amount": pence(sign * discount),
                "net_amount": pence(sign * net),
                "vat_amount": pence(sign * vat(net)),
            }
        )
        first_id += len(document)


def part_numbers(seed: int, record: str, key: Numbers) -> pl.Series:
    """Ten digits such as 1600012345."""
    return numbered("16", (uniform(seed, f"{record} part", key) ** 2 * 30_000).astype(np.int64), 8)


def _amounts(seed: int, documents: Documents, part: slice) -> tuple[tuple[Numbers, Numbers, Numbers, Numbers], Numbers]:
    """Of each line type, quantity (hundredths), price and discount (cents), and the net amount; without a sign."""
    _, line, key, _ = line_grid(documents, part)
    drawn = np.searchsorted([0.3, 0.88], uniform(seed, "workshop type", key))
    kind = np.where(line == 1, LABOR, drawn)
    hours = 25 * (1 + whole(seed, "workshop hours", key, 16))
    pieces = 100 * np.array([1, 2, 4, 5])[np.searchsorted([0.7, 0.85, 0.97], uniform(seed, "workshop pieces", key))]
    quantity = np.select([kind == LABOR, kind == PART], [hours, pieces], 100)
    # Whole euros for an hour, so that a quarter of it is exact in cents.
    price = np.select(
        [kind == LABOR, kind == PART],
        [
            100 * (58 + whole(seed, "workshop rate", key, 60)),
            (150 + 40_000 * uniform(seed, "workshop price", key) ** 4).astype(np.int64),
        ],
        200 + whole(seed, "workshop sundries", key, 900),
    )
    gross = quantity * price // 100
    percent = np.where((kind == PART) & (uniform(seed, "workshop discount", key) < 0.15), 10, 0)
    discount = (gross * percent + 50) // 100
    return (kind, quantity, price, discount), gross - discount


def _payers(seed: int, documents: Documents, part: slice) -> Numbers:
    drawn = np.searchsorted(PAYER_SHARES, uniform(seed, "workshop payer", documents.source[part]))
    return np.where(documents.planted_vehicle[part] >= 0, 0, drawn).astype(np.int64)


def _vehicles(documents: Documents, part: slice, customers: Customers, house: Flags) -> Numbers:
    """A customer comes with one vehicle; the house's own are those of its stock."""
    own = CUSTOMERS_VEHICLE + documents.customer[part] - customers.first
    found = np.where(house, STOCK_VEHICLE + documents.source[part] % 1_000_000, own)
    planted = documents.planted_vehicle[part]
    return np.where(planted >= 0, PLANTED_VEHICLE + planted, found)


def _damaged(found: pl.Series, documents: Documents, part: slice) -> pl.Series:
    short, letter = documents.bears("vin_16_characters")[part], documents.bears("vin_with_o")[part]
    frame = pl.DataFrame({"vin": found, "short": short, "letter": letter})
    vin = pl.col("vin")
    return frame.select(
        pl.when("short")
        .then(vin.str.head(16))
        .when("letter")
        .then(pl.concat_str(vin.str.head(5), pl.lit("O"), vin.str.tail(11)))
        .otherwise(vin)
        .alias("vin")
    ).to_series()


def _readings(seed: int, documents: Documents, part: slice, vehicle: Numbers) -> tuple[pl.Series, pl.Series]:
    """Kilometres that only grow with the days; none on a credit and on what was dated back, whose day nobody noted."""
    driven = 4_000 + whole(seed, "odometer", vehicle, 120_000)
    # From 2000 on, so that it stays in bounds to 2099.
    reading = driven + (documents.day[part] - 10_957) * 20
    reading = np.where(documents.bears("odometer_below_last")[part], reading - 3_000, reading)
    miles = documents.bears("odometer_in_miles")[part]
    reading = np.where(miles, reading * MILES_PER_1000_KM // 1_000, reading)
    known = ~documents.credit[part] & (documents.document_day[part] == documents.day[part])
    return where(known, pl.Series(reading)), either(miles, "MI", "KM")
