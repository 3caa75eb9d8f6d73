"""New activities, their people and decisions as the rows of the CRM's tables, numbers included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
from psycopg2.extensions import cursor

from include.crm import statements
from include.crm.people import People
from include.matching.reading import copy_frame
from include.matching.tiers import REVIEW


def records(
    cur: cursor, new: pl.DataFrame, people: People, told: Mapping[str, Any]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """
    Yield the tables of the schema ``crm``, each after those that it refers to, with the rows to be added.

    :param new: activities of ``include.crm.activities``; :param told: ``import_id``, ``dealer``, ``type`` and ``now``.
    """
    import_id, dealer, now = (pl.lit(told[name]) for name in ("import_id", "dealer", "now"))
    persons = people.contacts.select("person", made=_allotted(cur, "contact_contact_id", people.contacts.height))
    yield (
        "contact",
        people.contacts.select(
            persons["made"].alias("contact_id"),
            pl.exclude("person"),
            dealer=dealer,
            created_by_import=import_id,
            # Told, not left to the table's default: COPY takes whole pages of rows in then.
            created_at=now,
        ),
    )
    points = people.points.join(persons, on="person", maintain_order="left")
    yield "contact_point", points.select(pl.col("made").alias("contact_id"), pl.exclude("person", "made"))
    decided = (
        new.select("row", "lines")
        .join(people.decided, on="row", maintain_order="left")
        .join(persons, on="person", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("contact_id", "made").alias("contact_id"),
            _allotted(cur, "activity_activity_id", new.height).alias("activity_id"),
        )
    )
    yield (
        "activity",
        new.select(
            decided["activity_id"],
            decided["contact_id"],
            *(
                pl.col(name)
                for name in ("source_key", "key_source", "content_hash", *statements.CONTENT)
                if name in new.columns
            ),
            dealer=dealer,
            type=pl.lit(told["type"]),
            first_import_id=import_id,
            last_import_id=import_id,
            created_at=now,
            changed_at=now,
        ),
    )
    numbered = decided.with_columns(match_decision_id=_allotted(cur, "match_decision_match_decision_id", new.height))
    yield (
        "match_decision",
        numbered.select(
            "match_decision_id",
            "activity_id",
            "lines",
            "outcome",
            "rule",
            "contact_id",
            "inputs_hash",
            import_id=import_id,
        ),
    )
    yield (
        "review_item",
        numbered.filter(pl.col("outcome") == REVIEW).select(
            "match_decision_id", "activity_id", "candidates", "said", dealer=dealer
        ),
    )


def _allotted(cur: cursor, sequence: str, count: int) -> pl.Series:
    query = cur.mogrify(statements.ALLOTTED, (f"crm.{sequence}_seq", count))
    return copy_frame(cur, query, {"number": pl.Int64})["number"]
