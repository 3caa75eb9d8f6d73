"""What is wrong in the French part on purpose: each kind, who bears it, and which rules it breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from local.sample.draws import Numbers
from local.sample.parameters import Parameters

Record = Literal["customer", "workshop_invoice", "counter_invoice", "vehicle_sale"]


@dataclass(frozen=True)
class Kind:
    """
    One kind of planted record.

    ``rules`` are the ids of the rules that it breaks: on its first line alone if ``on_first_line``, else on every row.
    ``outcome``: REJECTED with the whole document, WARNED of and sent, or NOTHING, which no file may tell of a second
    time. ``after`` is a good document on the same vehicle, posted before on the same day.
    """

    name: str
    record: Record
    outcome: Literal["REJECTED", "WARNED", "NOTHING"]
    rules: tuple[str, ...]
    description: str
    on_first_line: bool = False
    after: bool = False


KINDS = (
    Kind("vin_16_characters", "workshop_invoice", "REJECTED",
         ("workshop_invoice.vin-pattern", "workshop_invoice.vin-vin"), "A VIN that lacks its last character"),
    Kind("vin_with_o", "workshop_invoice", "REJECTED", ("workshop_invoice.vin-vin",),
         "A VIN with the letter O for a zero"),
    Kind("odometer_in_miles", "workshop_invoice", "REJECTED", ("workshop_invoice.odometer_unit-enum",),
         "A reading taken in miles"),
    Kind("odometer_below_last", "workshop_invoice", "WARNED", ("workshop_invoice.odometer_km-notBelow",),
         "A reading below the vehicle's last one", after=True),
    Kind("total_not_its_lines", "workshop_invoice", "REJECTED", ("workshop_invoice.total_net-sumOfLines",),
         "A total that is 10.00 more than its lines"),
    Kind("labor_without_code", "workshop_invoice", "REJECTED",
         ("workshop_invoice.labor_operation_code-requiredWhen",), "A labour line without an operation",
         on_first_line=True),
    Kind("control_character", "workshop_invoice", "REJECTED", ("workshop_invoice.description-pattern",),
         "A control character in a line's text", on_first_line=True),
    Kind("credit_without_original", "workshop_invoice", "REJECTED",
         ("workshop_invoice.original_document_number-requiredWhen",), "A credit that names no invoice"),
    Kind("cash_sale_with_a_name", "counter_invoice", "REJECTED", ("counter_invoice.buyer_name-emptyWhen",),
         "A cash sale on which a name was typed"),
    Kind("delivered_before_order", "vehicle_sale", "REJECTED", ("vehicle_sale.document_date-notAfter",),
         "A vehicle handed over before it was ordered"),
    Kind("margin_with_vat", "vehicle_sale", "REJECTED", ("vehicle_sale.total_vat-equalsWhen",),
         "An invoice under the margin scheme that shows VAT"),
    Kind("sold_twice", "vehicle_sale", "REJECTED", ("vehicle_sale.open_sales_of_vehicle-maximum",),
         "A new vehicle sold again without a credit for the first sale", after=True),
    Kind("sold_before_it_came", "vehicle_sale", "REJECTED", ("vehicle_sale.taken_in_on-notAfter",),
         "A used vehicle invoiced before it came into stock"),
    Kind("vin_of_another_maker", "vehicle_sale", "WARNED", ("vehicle_sale.vin-startsWithFor",),
         "A vehicle of another maker than the point of sale's brand"),
    Kind("postal_code_without_zero", "customer", "REJECTED", ("customer.postal_code-matchesWhen",),
         "A postal code that lost its leading zero"),
    Kind("siret_fails_luhn", "customer", "REJECTED", ("customer.siret-siret",),
         "A company customer whose SIRET fails its check digit"),
    Kind("erased_and_touched_again", "customer", "NOTHING", (),
         "An erased customer whose record was touched again on the next day"),
)  # fmt: skip
BY_NAME = {kind.name: kind for kind in KINDS}
#: Number of a kind in the arrays of the generator; 0 is an ordinary record.
NUMBER = {kind.name: number for number, kind in enumerate(KINDS, start=1)}
#: One of each kind for so many French lines, and at least one.
LINES_PER_ROUND = 2_500


@dataclass(frozen=True)
class Slots:
    """Where what is planted on one kind of record goes: kind, point (position) and day (position) of each."""

    kind: Numbers
    point: Numbers
    day: Numbers


def slots(parameters: Parameters, record: Record, points: Numbers, days: int, lines: int) -> Slots:
    """
    Spread the kinds over ``points`` and ``days`` so that no file has so many that it would be held.

    Whoever comes next takes the next point, and a day seven days earlier than the last one's.
    """
    rounds = max(1, lines // LINES_PER_ROUND) if parameters.plants and days and len(points) else 0
    turn = np.arange(rounds * len(KINDS), dtype=np.int64) + parameters.seed % 1_000
    kind = np.tile(np.arange(1, len(KINDS) + 1, dtype=np.int64), rounds)
    mine = np.isin(kind, [NUMBER[one.name] for one in KINDS if one.record == record])
    turn = turn[mine]
    day = days - 1 - turn * 7 % days if days else turn
    return Slots(kind[mine], points[turn % len(points)] if len(points) else turn, day)
