"""What becomes of the French points of sale, known before a file is made: whose files go, what in them is wrong."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from local.sample.french import counter, vehicles, workshop
from local.sample.french.build import French, build
from local.sample.french.defects import BY_NAME, KINDS, Record
from local.sample.french.documents import Documents
from local.sample.french.group import ZONE, Authorisation
from local.sample.month_ends import EPOCH
from local.sample.parameters import Parameters

LETTERS = {"workshop_invoice": workshop.LETTERS, "counter_invoice": counter.LETTERS, "vehicle_sale": vehicles.LETTERS}
#: A row of a customer for each preference; row ids leave room for sixteen.
PREFERENCES, ROW_IDS = 10, 16
ARRAY = "lines"


@dataclass(frozen=True)
class PointTruth:
    """
    What becomes of one point of sale's files.

    It has files from ``active_from`` on. ``fate`` holds for windows from ``since`` on (the local day of the later
    signature); those before it are withheld. ``reason`` is a word for why they are withheld or held, None if they go.
    ``authorisations`` are all ever given.
    """

    point_of_sale_id: int
    rrdi: str
    brand: str
    fate: Literal["GOES", "WITHHELD", "HELD"]
    reason: str | None
    since: date | None
    active_from: date
    authorisations: tuple[Authorisation, ...]

    @property
    def label(self) -> str:
        """Name of its files in the ledger: its code, or its number in the DMS if another site has the code."""
        return f"dms:{self.point_of_sale_id}" if self.reason == "rrdi_on_two_sites" else self.rrdi

    def fate_on(self, day: date) -> Literal["GOES", "WITHHELD", "HELD"] | None:
        """What becomes of the file of that business date; None if there is none yet."""
        if day < self.active_from:
            return None
        return "WITHHELD" if self.fate == "GOES" and not self.goes_on(day) else self.fate

    def goes_on(self, day: date) -> bool:
        """Whether the file of that business date may leave."""
        return self.fate == "GOES" and self.since is not None and day >= self.since

    def applications(self, at: datetime) -> dict[str, str]:
        """Status of each application that was ever authorised, at an aware instant; one that holds comes first."""
        day = at.astimezone(ZoneInfo(ZONE)).date()
        told: dict[str, str] = {}
        for one in sorted(self.authorisations, key=lambda one: one.authorised_at):
            if one.revoked_at is not None and one.revoked_at <= at:
                status = "REVOKED"
            elif one.valid_to is not None and one.valid_to <= day:
                status = "EXPIRED"
            else:
                status = "AUTHORISED" if one.valid_from <= day and one.authorised_at <= at else "NOT_YET"
            if status == "AUTHORISED" or told.get(one.application) in (None, "NOT_YET"):
                told[one.application] = status
        return told


@dataclass(frozen=True)
class Planted:
    """
    One record that was made wrong on purpose.

    ``key`` is its document number or its customer's number. ``rows`` are the keys of its rows as the contract has them
    (``row_id``), with the ids of the rules that the row is rejected by or warned of; none where nothing may come.
    """

    kind: str
    record: Record
    outcome: str
    rrdi: str
    business_date: date
    key: str
    rows: tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True)
class FrenchTruth:
    """Points of sale by id, and what was planted."""

    points: tuple[PointTruth, ...]
    planted: tuple[Planted, ...]
    working_days: tuple[date, ...]

    def of(self, rrdi: str) -> tuple[PointTruth, ...]:
        """The points of sale with that code: two where it stands at two sites."""
        return tuple(point for point in self.points if point.rrdi == rrdi)

    def rejected(self, rrdi: str, day: date) -> dict[tuple[str, str], frozenset[str]]:
        """Rows that the file of that day leaves out: by kind of record and row key, the rules that each breaks."""
        return {
            (one.record, key): rules
            for one in self.planted
            if (one.rrdi, one.business_date, one.outcome) == (rrdi, day, "REJECTED")
            for key, rules in one.rows
        }


def french_truth(parameters: Parameters) -> FrenchTruth:
    """What a sample with these parameters must come to; empty if it has no French part."""
    if not parameters.has_french:
        return FrenchTruth((), (), ())
    french = build(parameters)
    allowed: defaultdict[int, list[Authorisation]] = defaultdict(list)
    for one in french.group.authorisations:
        allowed[one.point].append(one)
    points = []
    for place in french.group.points:
        fate: Literal["GOES", "WITHHELD", "HELD"] = (
            "WITHHELD" if place.withheld else "HELD" if place.plan.held else "GOES"
        )
        points.append(
            PointTruth(
                point_of_sale_id=place.point_of_sale_id,
                rrdi=place.plan.rrdi,
                brand=place.plan.brand,
                fate=fate,
                reason=place.withheld or place.plan.held,
                since=place.since,
                active_from=place.active_from,
                authorisations=tuple(allowed[place.point_of_sale_id]),
            )
        )
    days = tuple(_date(day) for day in french.days.tolist())
    return FrenchTruth(tuple(points), tuple(planted_of(french)), days)


def planted_of(french: French) -> list[Planted]:
    """Everything that was made wrong, by kind of record in the order of posting."""
    found = _planted_customers(french)
    for record, documents in french.documents.items():
        found += _planted_documents(french, record, documents)
    return found


def _planted_customers(french: French) -> list[Planted]:
    customers = french.customers
    found = []
    for place in np.flatnonzero(customers.kind).tolist():
        kind = KINDS[customers.kind[place] - 1]
        number = customers.first + place
        moment = int(customers.erased[place] if kind.outcome == "NOTHING" else customers.changed[place])
        rows = [] if kind.outcome == "NOTHING" else range(1, PREFERENCES + 1)
        found.append(
            Planted(
                kind.name,
                kind.record,
                kind.outcome,
                french.group.points[customers.point[place]].plan.rrdi,
                datetime.fromtimestamp(moment, ZoneInfo(ZONE)).date(),
                str(number),
                tuple((str(number * ROW_IDS + row), frozenset(kind.rules)) for row in rows),
            )
        )
    return found


def _planted_documents(french: French, record: Record, documents: Documents) -> list[Planted]:
    first_row = np.cumsum(documents.lines) - documents.lines + 1
    found = []
    for place in np.flatnonzero(documents.kind).tolist():
        kind = BY_NAME[KINDS[documents.kind[place] - 1].name]
        letters = LETTERS[record][int(documents.credit[place])]
        others = frozenset({f"{record}.{ARRAY}-wholeDocument"} if kind.outcome == "REJECTED" else ())
        found.append(
            Planted(
                kind.name,
                record,
                kind.outcome,
                french.group.points[documents.point[place]].plan.rrdi,
                _date(int(documents.day[place])),
                f"{letters}{documents.number[place]:07}",
                tuple(
                    (str(first_row[place] + line), others if kind.on_first_line and line else frozenset(kind.rules))
                    for line in range(documents.lines[place])
                ),
            )
        )
    return found


def _date(day: int) -> date:
    return EPOCH + timedelta(days=day)
