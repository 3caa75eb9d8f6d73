"""Whose a new activity is: its person held against the dealer's contacts, and new contacts made of what rows say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
from psycopg2.extensions import cursor

from include.crm import statements
from include.crm.activities import PERSON
from include.matching.candidates import Contacts
from include.matching.keys import OwnAddresses, normal_form
from include.matching.match import decide
from include.matching.names import COMPANY
from include.matching.reading import copy_frame
from include.matching.tiers import CREATED, REVIEW

GIVEN = {"EMAIL": ("email", "email"), "HOME": ("home", "home_phone"), "CELL": ("cell", "cell_phone")}
"""Kinds of points: the column of the normal form, and the one that says it as it came."""


@dataclass(frozen=True)
class People:
    """
    ``decided``: a row each with its decision, ``person`` where a contact is made for it. ``contacts``: who is made, by
    ``person``, with the columns of ``crm.contact``; ``points``: those of each ``person``.
    """

    decided: pl.DataFrame
    contacts: pl.DataFrame
    points: pl.DataFrame


def own_addresses(cur: cursor, dealer: str) -> OwnAddresses:
    """Return what belongs to the dealer itself and leads to nobody."""
    cur.execute(statements.OWN, (dealer,))
    found = cur.fetchall()
    emails, domains, phones = (
        frozenset(value for each, value in found if each == kind) for kind in ("EMAIL", "DOMAIN", "PHONE")
    )
    return OwnAddresses(emails, domains, phones)


def dealers_contacts(cur: cursor, dealer: str) -> Contacts:
    """Read the dealer's living contacts with all that leads to them or to those merged into them."""
    names = copy_frame(
        cur,
        cur.mogrify(statements.NAMES, {"dealer": dealer}),
        {"contact_id": pl.Int64, "first": pl.String, "last": pl.String},
    )
    points = copy_frame(
        cur,
        cur.mogrify(statements.KEYS, {"dealer": dealer}),
        {"contact_id": pl.Int64, "kind": pl.String, "value": pl.String},
    )
    return Contacts(names, points)


def people_of(rows: pl.DataFrame, contacts: Contacts, own: OwnAddresses) -> People:
    """
    Decide for each of ``rows`` (``row`` and ``PERSON``) whose it is.

    A new contact is made of what all rows of the person say: of each column the first value, of points every one.
    """
    keys = normal_form(rows, own)
    decisions = decide(keys, contacts)
    fresh = decisions.filter(pl.col("outcome") == CREATED).select("row", person="new_contact")
    told = fresh.join(rows.select("row", *PERSON), on="row").join(keys, on="row", suffix="_key")
    return People(_decided(decisions, rows), _contacts(told), _points(told))


def new_contact(row: pl.DataFrame, own: OwnAddresses) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the contact that one row (``row`` and ``PERSON``) makes, and its points."""
    told = row.select("row", *PERSON, person="row").join(normal_form(row, own), on="row", suffix="_key")
    [contact] = _contacts(told).to_dicts()
    return contact, _points(told).to_dicts()


def _decided(decisions: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    doubtful = decisions.filter(pl.col("outcome") == REVIEW).select("row")
    said = (
        rows.join(doubtful, on="row", how="semi")
        .select("row", pl.struct(PERSON).struct.json_encode().alias("said"))
        .with_columns(pl.col("said"))
    )
    return decisions.join(said, on="row", how="left").select(
        "row",
        "outcome",
        "rule",
        "contact_id",
        pl.col("new_contact").alias("person"),
        "inputs_hash",
        pl.concat_str(pl.lit("{"), pl.col("candidates").cast(pl.List(pl.String)).list.join(","), pl.lit("}")).alias(
            "candidates"
        ),
        "said",
    )


def _contacts(told: pl.DataFrame) -> pl.DataFrame:
    """One row for each person; ``*_key`` columns are the normal form."""
    columns = {
        "first_name": "first_name", "last_name": "last_name", "company_name": "company_name", "co_buyer": "co_buyer",
        "dms_customer_number": "dms_customer_number", "address": "address", "city": "city", "state": "state",
        "postal_code": "postal_code", "first": "first_key", "last": "last_key", "number": "number_key",
    }  # fmt: skip
    frame = told.sort("person", "row").select("person", *(pl.col(name).alias(new) for name, new in columns.items()))
    several = frame["person"].is_duplicated()
    if several.any():
        merged = frame.filter(several).group_by("person", maintain_order=True)
        # A name and its key come from the same row, so that what is shown is what is compared; from one that has them.
        nameless = pl.col("last_key").is_null()
        of_first = [pl.col(name).sort_by(nameless, maintain_order=True).first() for name in _NAMED]
        rest = [pl.col(name).drop_nulls().first() for name in frame.columns[1:] if name not in _NAMED]
        frame = pl.concat([frame.filter(~several), merged.agg(*of_first, *rest).select(frame.columns)]).sort("person")
    company = pl.col("first_key") == COMPANY
    kind = pl.when(company.fill_null(value=False)).then(pl.lit("COMPANY")).otherwise(pl.lit("PERSON"))
    return frame.with_columns(kind=kind)


_NAMED = ("first_name", "last_name", "company_name", "first_key", "last_key")


def _points(told: pl.DataFrame) -> pl.DataFrame:
    parts = [
        told.select(
            "person",
            pl.lit(kind).alias("kind"),
            pl.col(key if key in ("home", "cell") else "email_key").alias("normalised"),
            pl.col(given).alias("as_given"),
            "row",
        ).filter(pl.col("normalised").is_not_null())
        for kind, (key, given) in GIVEN.items()
    ]
    points = pl.concat(parts)
    key = ["person", "kind", "normalised"]
    several = points.select(pl.struct(key).is_duplicated()).to_series()
    if several.any():
        points = points.sort("row").unique(key, keep="first", maintain_order=True)
    return points.drop("row").sort("person")
