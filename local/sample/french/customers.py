"""The customers of the French points of sale: who they are, and when they were created, changed or erased.

Nobody's data: people are called Échantillon and a number, companies bear "(sample)", mail addresses end in
``.invalid``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from local.sample.draws import Numbers, uniform, whole
from local.sample.french.calendar import opening_hours
from local.sample.french.defects import NUMBER, Slots
from local.sample.french.group import Group
from local.sample.french.numbers import siren, siret
from local.sample.month_ends import EPOCH
from local.sample.parameters import Parameters

REGULARS = 60  # per point of sale, who do not move within the sample
REGULARS_OF_A_BENCHMARK = 500
REGULAR, CREATED, CHANGED, ERASED = range(4)
COMPANY_SHARE = 0.15
ABROAD_SHARE = 0.04
STREETS = ("rue des Tilleuls", "allée du Moulin", "impasse de l'Écluse", "chemin des Noyers", "place du Marché")
_SECONDS = 86_400
_LAST_SIREN = 9_999


@dataclass(frozen=True)
class Customers:
    """
    One element per customer; position + ``first`` is the id, and the regulars of each point come first.

    ``point`` is a position among the points of sale; times are seconds from 1970 (UTC), ``erased`` is -1 while alive.
    """

    first: int
    regulars: int
    point: Numbers
    movement: Numbers
    created: Numbers
    changed: Numbers
    erased: Numbers
    kind: Numbers

    def __len__(self) -> int:
        return len(self.point)

    def buyers(
        self, seed: int, record: str, point: Numbers, day: Numbers, source: Numbers, erased: NDArray[np.bool_]
    ) -> Numbers:
        """
        An id for each document: a regular of its point.

        Where ``erased``, it is the next customer of the point who is erased after that day, if there is one.
        """
        regular = point * self.regulars + whole(seed, f"{record} buyer", source, self.regulars)
        gone = np.flatnonzero((self.movement == ERASED) & (self.kind == 0))
        # A day later than the day of the erasure cannot be missed by the shift of the clock.
        key = self.point[gone] * 1_000_000 + self.erased[gone] // _SECONDS
        gone, key = gone[np.argsort(key, kind="stable")], np.sort(key)
        place = np.searchsorted(key, point * 1_000_000 + day + 1)
        found = place < len(gone)
        candidate = gone[np.minimum(place, max(len(gone) - 1, 0))] if len(gone) else np.zeros_like(point)
        found &= erased & (self.point[candidate] == point)
        return np.where(found, candidate, regular) + self.first


def build(parameters: Parameters, group: Group, days: Numbers, planted: Slots) -> Customers:
    """All customers; on each of ``days`` each point creates and changes a few, and now and then erases one."""
    seed = parameters.seed
    count = len(group.points)
    regulars = REGULARS_OF_A_BENCHMARK if parameters.workshop_only else REGULARS
    point = [np.repeat(np.arange(count, dtype=np.int64), regulars)]
    movement = [np.full(count * regulars, REGULAR, dtype=np.int64)]
    day = [np.full(count * regulars, (parameters.first_day - EPOCH).days, dtype=np.int64)]
    kind = [np.zeros(count * regulars, dtype=np.int64)]
    cells = np.arange(0 if parameters.workshop_only else count * len(days), dtype=np.int64)
    for which, certain, share in ((CREATED, 1, 0.5), (CHANGED, 1, 0.5), (ERASED, 0, 0.35)):
        cell = np.repeat(cells, certain + (uniform(seed, f"customers {which}", cells) < share))
        at, turn = np.divmod(cell, len(days) or 1)
        point.append(at)
        movement.append(np.full(len(cell), which, dtype=np.int64))
        day.append(days[turn])
        kind.append(np.zeros(len(cell), dtype=np.int64))
    point.append(planted.point)
    movement.append(np.where(planted.kind == NUMBER["erased_and_touched_again"], ERASED, CREATED))
    day.append(days[planted.day] if len(planted.day) else planted.day)
    kind.append(planted.kind)
    return _moved(seed, group, regulars, *(np.concatenate(parts) for parts in (point, movement, day, kind)))


def _moved(
    seed: int, group: Group, regulars: int, point: Numbers, movement: Numbers, day: Numbers, kind: Numbers
) -> Customers:
    keys = np.arange(len(point), dtype=np.int64)
    moment = opening_hours(seed, "customer", day, keys)
    known = moment - _SECONDS * (60 + whole(seed, "customer known", keys, 1_500))
    created = np.where(movement == CREATED, moment, known)
    # Regulars were last changed before the sample began, between their first visit and then.
    last_visit = known + ((moment - _SECONDS * 30 - known) * uniform(seed, "customer visit", keys)).astype(np.int64)
    changed = np.where(movement == REGULAR, last_visit, moment)
    touched = kind == NUMBER["erased_and_touched_again"]
    return Customers(
        first=group.first_customer,
        regulars=regulars,
        point=point,
        movement=movement,
        created=created,
        changed=changed + np.where(touched, _SECONDS, 0),
        erased=np.where(movement == ERASED, moment, -1),
        kind=kind,
    )


def customer_frame(seed: int, group: Group, customers: Customers) -> pl.DataFrame:
    """Rows of ``dms.customer``; of an erased one nothing but the number is left."""
    keys = np.arange(len(customers), dtype=np.int64)
    dealers = np.array([place.dealer_id for place in group.points], dtype=np.int64)
    points = np.array([place.point_of_sale_id for place in group.points], dtype=np.int64)
    without_zero = customers.kind == NUMBER["postal_code_without_zero"]
    bad_siret = customers.kind == NUMBER["siret_fails_luhn"]
    company = (uniform(seed, "customer company", keys) < COMPANY_SHARE) & ~without_zero | bad_siret
    abroad = (uniform(seed, "customer abroad", keys) < ABROAD_SHARE) & (customers.kind == 0)
    sirets: list[str | None] = [
        _siret_of(int(key), bad=bool(bad)) if is_company and (bad or key % 3) else None
        for key, is_company, bad in zip(keys, company, bad_siret, strict=True)
    ]
    frame = pl.DataFrame(
        {
            "customer_id": keys + customers.first,
            "dealer_id": dealers[customers.point],
            "point_of_sale_id": points[customers.point],
            "company": company,
            "abroad": abroad,
            "woman": uniform(seed, "customer civility", keys) < 0.5,
            "gone": customers.erased >= 0,
            "street": pl.Series(STREETS).gather(whole(seed, "customer street", keys, len(STREETS))),
            "house": 1 + whole(seed, "customer house", keys, 180),
            "area": pl.Series(whole(seed, "customer area", keys, 1_000)).cast(pl.String).str.zfill(3),
            "lost": without_zero,
            "flat": uniform(seed, "customer flat", keys) < 0.2,
            "fixed": uniform(seed, "customer fixed", keys) < 0.5,
            "mail": uniform(seed, "customer mail", keys) < 0.8,
            "siret": pl.Series(sirets, dtype=pl.String),
            "created_at": _instants(customers.created),
            "changed_at": _instants(customers.changed),
            "erased_at": _instants(customers.erased),
        }
    ).with_columns(erased_at=pl.when("gone").then("erased_at"), n=pl.col("customer_id").cast(pl.String).str.zfill(6))
    tail = pl.col("n").str.tail(4)
    private = ~pl.col("company")
    # Ranges for works of fiction: 01 99 00 and 06 39 98 in France; in Belgium none is kept, so those have no telephone.
    told = {
        "civility": pl.when(private).then(pl.when("woman").then(pl.lit("MRS")).otherwise(pl.lit("MR"))),
        "given_name": pl.when(private).then(pl.lit("Prénom")),
        "family_name": pl.when(private).then(pl.format("Échantillon {}", "n")),
        "company_name": pl.when("company").then(pl.format("Société {} (sample)", "n")),
        "siret": pl.col("siret"),
        "address_line_1": pl.format("{} {}", "house", "street"),
        "address_line_2": pl.when("flat").then(pl.lit("Bâtiment B")),
        "postal_code": pl.when("abroad").then(pl.format("0{}", "area")).when("lost").then(
            pl.format("0{}", "area")).otherwise(pl.format("00{}", "area")),
        "city": pl.lit("Valmontel"),
        "country_code": pl.when("abroad").then(pl.lit("BE")).otherwise(pl.lit("FR")),
        "email": pl.when("mail").then(pl.format("client{}@example.invalid", "n")),
        "telephone": pl.when(pl.col("fixed") & ~pl.col("abroad")).then(pl.format("+3319900{}", tail)),
        "mobile": pl.when(~pl.col("abroad")).then(pl.format("+3363998{}", tail)),
    }  # fmt: skip
    return frame.select(
        "customer_id",
        "dealer_id",
        "point_of_sale_id",
        pl.when("company").then(pl.lit("COMPANY")).otherwise(pl.lit("PRIVATE")).alias("customer_type"),
        "created_at",
        "changed_at",
        "erased_at",
        *(pl.when(~pl.col("gone")).then(value).alias(name) for name, value in told.items()),
    )


def _siret_of(key: int, *, bad: bool) -> str:
    number = siret(siren("0998", key % (_LAST_SIREN + 1)), 1 + key // (_LAST_SIREN + 1))
    return number[:-1] + str((int(number[-1]) + 1) % 10) if bad else number


def _instants(seconds: Numbers) -> pl.Series:
    return pl.from_epoch(pl.Series(seconds, dtype=pl.Int64), "s").dt.replace_time_zone("UTC")
