"""Which contacts each row may be, tier by tier: joins of whole frames, each over what the tiers before left open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from include.matching.first_names import going_together
from include.matching.tiers import KINDS, TIERS, Kind, Tier

ROW_VALUES: Final = {"NUMBER": "number", "EMAIL": "email", "HOME": "home", "CELL": "cell"}
PAIRS: Final = {"row": pl.Int64, "contact_id": pl.Int64}


@dataclass(frozen=True)
class Contacts:
    """
    One dealer's contacts as they may be met: living ones only, with what merged ones brought along.

    ``names`` has ``contact_id`` (int), ``first`` and ``last``, a row for each name that somebody is known by: a contact
    into whom another was merged is known by both. ``points`` has ``contact_id``, ``kind`` (one of ``KINDS``) and
    ``value``. All texts are in normal form (``include.matching.keys``), null or absent where there is none.
    """

    names: pl.DataFrame
    points: pl.DataFrame

    def __post_init__(self) -> None:
        if unknown := set(self.points["kind"].unique()) - set(KINDS):
            raise ValueError(
                f"contacts have points of kind {', '.join(map(str, sorted(unknown, key=str)))}; matching knows "
                f"{', '.join(KINDS)}: look at the query that reads them"
            )

    @property
    def keys(self) -> pl.LazyFrame:
        """Points with the names of their contacts: ``contact_id``, ``kind``, ``value``, ``first``, ``last``."""
        points = self.points.lazy().select(pl.col("contact_id").cast(pl.Int64), "kind", pl.col("value"))
        names = self.names.lazy().select(pl.col("contact_id").cast(pl.Int64), "first", "last")
        return points.filter(pl.col("value").is_not_null()).join(names, on="contact_id")


def candidates(rows: pl.DataFrame, contacts: Contacts) -> pl.DataFrame:
    """
    Return ``row``, ``rule`` and ``candidates`` (sorted contact ids) of each row that some tier answers, by the first.

    :param rows: the normal form of the rows.
    """
    keys = contacts.keys.collect()
    points = {kind: part for kind in KINDS if (part := keys.filter(pl.col("kind") == kind).drop("kind")).height}
    found = []
    rest = rows
    for tier in TIERS:
        pairs = _pairs(rest, points, tier)
        several = pairs["row"].is_duplicated()
        answered = pl.concat(
            [
                # Nearly all: a list of one is made without grouping.
                pairs.filter(~several).select("row", candidates=pl.concat_list("contact_id")),
                pairs.filter(several).group_by("row").agg(candidates=pl.col("contact_id").sort()),
            ]
        )
        found.append(answered.select("row", pl.lit(tier.rule).alias("rule"), "candidates"))
        rest = rest.join(answered, on="row", how="anti")
    return pl.concat(found)


def _pairs(rows: pl.DataFrame, points: dict[Kind, pl.DataFrame], tier: Tier) -> pl.DataFrame:
    """Return the distinct pairs of ``row`` and ``contact_id`` that the tier takes for the same person."""
    parts = [
        going_together(
            _joined(rows, ROW_VALUES[ours], points[theirs], tier), tier.first_names, "first", "first_theirs"
        ).select(*PAIRS)
        for ours, theirs in tier.points
        if theirs in points
    ]
    if not parts:
        return pl.DataFrame(schema=PAIRS)
    # A contact may have one value twice, and two values of a row may lead to one contact.
    return pl.concat(pl.collect_all(parts)).unique()


def _joined(rows: pl.DataFrame, value: str, points: pl.DataFrame, tier: Tier) -> pl.LazyFrame:
    """Join on the value, and the last name where the tier asks for it; nulls meet nothing."""
    names = ["last"] if tier.last_name else []
    ours = rows.lazy().select("row", pl.col(value).alias("value"), "first", "last").drop_nulls(["value", *names])
    if tier.first_names == "same":
        # Part of the join itself: a switchboard and a common last name have many first names.
        theirs = points.lazy().with_columns(first_theirs="first")
        return ours.join(theirs, on=["value", "last", "first"])
    return ours.join(points.lazy(), on=["value", *names], suffix="_theirs")
