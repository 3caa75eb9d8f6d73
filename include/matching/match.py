"""Each row of a batch held against the dealer's contacts: linked, created or put to review, and by which rule."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import polars as pl

from include.matching.batch import joined_rows
from include.matching.candidates import Contacts, candidates
from include.matching.keys import NOTHING_OWN, OwnAddresses, inputs_hash, normal_form
from include.matching.tiers import CREATED, LINKED, NEW, NOBODY, REVIEW, SAME_BATCH, TIERS

DECISION: Final = pl.Schema(
    {
        "row": pl.Int64(),
        "outcome": pl.String(),
        "rule": pl.String(),
        "contact_id": pl.Int64(),
        "new_contact": pl.Int64(),
        "candidates": pl.List(pl.Int64),
        "inputs_hash": pl.String(),
    }
)
_EXACT: Final = [tier.rule for tier in TIERS if tier.outcome == LINKED]


def match(rows: pl.DataFrame, contacts: Contacts, own: OwnAddresses = NOTHING_OWN) -> pl.DataFrame:
    """
    Decide for each row of one dealer's batch who it is about; a frame of ``DECISION``, sorted by ``row``.

    The first tier that answers decides: one contact at an exact tier is linked, all else goes to review with everyone
    whom that tier found. What no tier answers becomes a new contact, one for all rows of the batch that are the same
    person among themselves (``new_contact``, the smallest ``row`` of them), or shares the fate of a decided row that is
    the same person. The order of rows and contacts makes no difference.

    :param rows: ``row`` (int, unique) and ``ROW_COLUMNS`` of ``include.matching.keys``, as the partner wrote them.
    :param own: the dealer's own addresses, which lead to nobody.
    :raises ValueError: if a ``row`` comes twice.
    """
    return decide(normal_form(rows, own), contacts)


def decide(keys: pl.DataFrame, contacts: Contacts) -> pl.DataFrame:
    """Do what ``match`` does with rows that are in normal form already."""
    if keys["row"].is_duplicated().any():
        raise ValueError("rows to be matched must have numbers of their own: some `row` comes twice")
    somebody = pl.col("number").is_not_null() | pl.col("last").is_not_null()
    with ThreadPoolExecutor(1) as beside:
        # A call for each row, beside joins that leave Python's thread alone.
        hashes = beside.submit(inputs_hash, keys)
        parts = _decisions(keys.filter(somebody), keys.filter(~somebody), contacts)
        told = pl.DataFrame([keys["row"], hashes.result()])
    return pl.concat(parts).join(told, on="row").select(*DECISION).cast(DECISION).sort("row")


def _decisions(named: pl.DataFrame, nobody: pl.DataFrame, contacts: Contacts) -> list[pl.DataFrame]:
    """Return frames of decisions, without hashes, of rows that name somebody and of those that do not."""
    answered = _by_tiers(candidates(named, contacts))
    open_rows = named.join(answered, on="row", how="anti")
    decided = named.join(answered, on="row", how="semi")
    return [
        answered,
        _by_the_batch(open_rows, decided, answered),
        _decision(nobody, REVIEW, NOBODY, candidates=pl.lit([], pl.List(pl.Int64))),
    ]


def _by_tiers(found: pl.DataFrame) -> pl.DataFrame:
    linked = pl.col("rule").is_in(_EXACT) & (pl.col("candidates").list.len() == 1)
    return found.select(
        "row",
        pl.when(linked).then(pl.lit(LINKED)).otherwise(pl.lit(REVIEW)).alias("outcome"),
        "rule",
        pl.when(linked).then(pl.col("candidates").list.first()).alias("contact_id"),
        pl.lit(None, pl.Int64).alias("new_contact"),
        pl.when(linked).then(pl.lit([], pl.List(pl.Int64))).otherwise("candidates").alias("candidates"),
    )


def _by_the_batch(open_rows: pl.DataFrame, decided: pl.DataFrame, answered: pl.DataFrame) -> pl.DataFrame:
    """Decide what no tier answered: by the rows that are the same person, else a new contact."""
    persons, beside = joined_rows(open_rows, decided)
    fates = beside.join(answered, on="row")
    everyone = pl.concat(
        [
            fates.select("person", "contact_id"),
            fates.select("person", pl.col("candidates").alias("contact_id")).explode("contact_id", empty_as_null=True),
        ]
    )
    people = everyone.drop_nulls().unique().group_by("person").agg(candidates=pl.col("contact_id").sort())
    doubts = fates.group_by("person").agg(doubt=(pl.col("outcome") == REVIEW).any())
    told = persons.join(people, on="person", how="left").join(doubts, on="person", how="left")
    linked = (pl.col("candidates").list.len() == 1) & ~pl.col("doubt")
    new = told.filter(pl.col("candidates").is_null())
    same = told.filter(pl.col("candidates").is_not_null())
    return pl.concat(
        [
            _decision(new, CREATED, NEW, new_contact=pl.col("person"), candidates=pl.lit([], pl.List(pl.Int64))),
            _decision(
                same.filter(linked), LINKED, SAME_BATCH, contact_id=pl.col("candidates").list.first(),
                candidates=pl.lit([], pl.List(pl.Int64)),
            ),
            _decision(same.filter(~linked), REVIEW, SAME_BATCH, candidates=pl.col("candidates")),
        ]
    )  # fmt: skip


def _decision(
    rows: pl.DataFrame,
    outcome: str,
    rule: str,
    *,
    candidates: pl.Expr,
    contact_id: pl.Expr | None = None,
    new_contact: pl.Expr | None = None,
) -> pl.DataFrame:
    nobody = pl.lit(None, pl.Int64)
    return rows.select(
        "row",
        pl.lit(outcome).alias("outcome"),
        pl.lit(rule).alias("rule"),
        (nobody if contact_id is None else contact_id).alias("contact_id"),
        (nobody if new_contact is None else new_contact).alias("new_contact"),
        candidates.alias("candidates"),
    )
