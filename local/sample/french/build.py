"""The whole French part of a sample in memory: who there is, and what happened; the same for the same parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from local.sample.draws import Numbers, uniform
from local.sample.french import counter, vehicles, workshop
from local.sample.french import customers as customers_
from local.sample.french import documents as documents_
from local.sample.french.calendar import busyness, working_days
from local.sample.french.customers import Customers
from local.sample.french.defects import Record, slots
from local.sample.french.documents import Documents
from local.sample.french.group import Group
from local.sample.french.group import build as build_group
from local.sample.french.preferences import preference_frame
from local.sample.parameters import Parameters

#: French lines for so many British ones; a benchmark has as many as it asks for.
LINES_SHARE = 5
CREDIT_SHARE = {"workshop_invoice": 0.08, "counter_invoice": 0.08, "vehicle_sale": 0.5}
MEAN_LINES = {"workshop_invoice": 3.3, "counter_invoice": 1.8, "vehicle_sale": 3.0}
SECOND_VEHICLE_SHARE = 0.25
WORKSHOP_SHARE = 0.75  # of the lines that are not of vehicles


@dataclass(frozen=True)
class French:
    """All of it; ``documents`` by kind of record, ``days`` are those on which they work (from 1970)."""

    seed: int
    group: Group
    days: Numbers
    customers: Customers
    documents: dict[Record, Documents]

    @property
    def lines(self) -> int:
        """Of all documents."""
        return sum(int(each.lines.sum()) for each in self.documents.values())

    def frames(self) -> Iterator[tuple[str, Iterator[pl.DataFrame]]]:
        """Names of tables in ``dms`` and their rows; a table stands after those that it refers to."""
        group, seed = self.group, self.seed
        for name in ("legal_entity", "dealer", "point_of_sale", "agreement", "application", "application_scope",
                     "application_authorisation", "feed_eligibility"):  # fmt: skip
            yield name, iter([getattr(group, name)])
        yield "customer", iter([customers_.customer_frame(seed, group, self.customers)])
        yield "contact_preference", iter([preference_frame(seed, self.customers)])
        told = self.documents["workshop_invoice"]
        yield "workshop_invoice", workshop.document_frames(seed, told, group, self.customers)
        yield "workshop_invoice_line", workshop.line_frames(seed, told)
        yield "counter_invoice", counter.document_frames(seed, self.documents["counter_invoice"])
        yield "counter_invoice_line", counter.line_frames(seed, self.documents["counter_invoice"])
        yield "vehicle_sale", vehicles.document_frames(seed, self.documents["vehicle_sale"], group)
        yield "vehicle_sale_line", vehicles.line_frames(seed, self.documents["vehicle_sale"])


def build(parameters: Parameters) -> French:
    """Draw it all."""
    seed, group, days = parameters.seed, build_group(parameters), working_days(parameters)
    lines = parameters.lines // LINES_SHARE
    # What is planted is on files that go whatever the day: a late signer's do not.
    points = np.array(
        [
            turn
            for turn, place in enumerate(group.points)
            if place.goes and place.since is not None and place.since < parameters.first_day
        ],
        dtype=np.int64,
    )
    customers = customers_.build(parameters, group, days, slots(parameters, "customer", points, len(days), lines))
    documents = {}
    for record, cells in _cells(parameters, len(group.points), days, lines).items():
        planted = slots(parameters, record, points, len(days), lines)
        documents[record] = documents_.build(
            seed, record, cells, days, customers, planted, 0.0 if parameters.workshop_only else CREDIT_SHARE[record]
        )
    vehicles.sell_again(seed, documents["vehicle_sale"])
    for record, module in (("workshop_invoice", workshop), ("counter_invoice", counter), ("vehicle_sale", vehicles)):
        documents[record].lines = module.line_counts(seed, documents[record])
    if parameters.workshop_only:
        _exactly(documents["workshop_invoice"], parameters.lines)
    return French(seed, group, days, customers, documents)


def _cells(parameters: Parameters, points: int, days: Numbers, lines: int) -> dict[Record, Numbers]:
    """How many documents of each kind each point (row) has on each day (column): one at least of each."""
    keys = np.arange(points * len(days), dtype=np.int64).reshape(points, len(days))
    none = np.zeros_like(keys)
    if parameters.workshop_only:
        wanted = -(-parameters.lines // workshop.LINES_OF_A_BENCHMARK)
        even = wanted // keys.size + (keys < wanted % keys.size)
        return {"workshop_invoice": even, "counter_invoice": none, "vehicle_sale": none}
    share = busyness(days)[None, :] / max(float(busyness(days).sum()), 1.0)
    size = 0.7 + 0.6 * uniform(parameters.seed, "point size", np.arange(points, dtype=np.int64))
    weight = size[:, None] / max(float(size.sum()), 1.0) * share

    def drawn(record: Record, wanted: float) -> Numbers:
        mean = weight * wanted / MEAN_LINES[record]
        return np.maximum(1, (mean + uniform(parameters.seed, f"{record} cell", keys)).astype(np.int64))

    sales = 1 + (uniform(parameters.seed, "second vehicle", keys) < SECOND_VEHICLE_SHARE).astype(np.int64)
    rest = max(lines - float(sales.sum()) * MEAN_LINES["vehicle_sale"], 0.0)
    return {
        "workshop_invoice": drawn("workshop_invoice", rest * WORKSHOP_SHARE),
        "counter_invoice": drawn("counter_invoice", rest * (1 - WORKSHOP_SHARE)),
        "vehicle_sale": sales,
    }


def _exactly(documents: Documents, lines: int) -> None:
    """Four lines each, the last document the rest."""
    documents.lines = np.full(len(documents), workshop.LINES_OF_A_BENCHMARK, dtype=np.int64)
    documents.lines[-1] -= int(documents.lines.sum()) - lines
