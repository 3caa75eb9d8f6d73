"""Accepted rows of a file as activities: what each is known by, which rows are one, and how its unit is described."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import polars as pl

from include.crm.statements import CONTENT
from include.crm.work_order_lines import line_text, of_lines, of_one_line
from include.matching.keys import ROW_COLUMNS, OwnAddresses, normal_form

SOLD_UNIT: Final = "SOLD_UNIT"
WORK_ORDER: Final = "WORK_ORDER"
TYPE_OF: Final = {"sold_unit": SOLD_UNIT, "work_order": WORK_ORDER}
"""By the name of a contract's table."""
ADDRESS: Final = ("address", "city", "state", "postal_code")
PERSON: Final = (*ROW_COLUMNS, *ADDRESS)
_UNIT: Final = {
    name: name
    for name in (
        "unit_manufacturer", "unit_make", "unit_model", "unit_year", "unit_type", "stock_number", "unit_identifier",
        "identifier_type",
    )
}  # fmt: skip
COLUMNS_OF: Final = {
    SOLD_UNIT: {
        "sold_date": "occurred_on",
        "deal_number": "deal_number",
        "amount_financed": "amount_financed",
        "cash_purchase": "cash_purchase",
        "term": "term_months",
        "monthly_payment": "monthly_payment",
        "last_payment_date": "last_payment_on",
        **_UNIT,
    },
    WORK_ORDER: {
        "work_order_number": "work_order_number",
        "branch": "branch",
        "work_order_amount": "work_order_amount",
        "open_date": "opened_on",
        "close_date": "closed_on",
        "status": "work_order_status",
        **_UNIT,
    },
}
"""Columns of the contract and what they are called in ``crm.activity``."""
DERIVED: Final = "derived"
SOURCE: Final = "source"
AMOUNTS: Final = ("amount_financed", "monthly_payment", "work_order_amount")
_MONEY: Final = pl.Decimal(38, 2)
"""More than a sum of the largest amounts that the row check lets through."""
WHOLE: Final = ("term_months", "unit_year", "line_count")
_END: Final = "\x1f"
_NULL: Final = "\x1e"


def activities(rows: pl.DataFrame, kind: str, own: OwnAddresses) -> pl.DataFrame:
    """
    Return one row for each activity of ``rows``: ``row`` (its first line), ``lines`` (``{3,4}``), ``source_key``,
    ``key_source``, ``description``, the columns of ``crm.activity`` and those of ``PERSON``.

    A sale is known by its deal number and its unit: a boat, its motor and its trailer are often one deal. The unit is
    told by the stock number, which the dealer gave itself, else by the identifier. A work order is known by branch and
    number. Without a number the key is derived: a hash of day, customer, unit, and of the amount if no unit is told.

    Of a sale that stands there twice the later line counts. The lines of a work order add up; one with the same line
    number as an earlier one replaces it. Of what else they say the last value counts, of customers the last line's.

    :param rows: ``line`` and the columns of the contract, texts in their forms.
    """
    keyed = _in_order(_keyed(rows, kind, own), "line")
    several = keyed["source_key"].is_duplicated()
    single = (keyed.filter(~several) if several.any() else keyed).with_columns(
        pl.col("line").alias("row"),
        _braced(pl.col("line").cast(pl.String)).alias("lines"),
        pl.lit(1).alias("line_count"),
    )
    if kind == WORK_ORDER:
        single = single.with_columns(work_order_lines=of_one_line("line_number", _money("work_order_amount")))
    parts = [single]
    if several.any():
        together = _last_sale if kind == SOLD_UNIT else _work_order
        parts.append(together(keyed.filter(several)).select(single.columns))
    whole = pl.concat(parts, how="vertical_relaxed").rename(COLUMNS_OF[kind])
    if kind == WORK_ORDER:
        whole = whole.with_columns(occurred_on=pl.coalesce("closed_on", "opened_on"))
    else:
        whole = whole.drop("line_count")
    told = whole.drop("line", "line_number", strict=False).with_columns(*_canonical(whole), description=_description())
    return _in_order(told.with_columns(content_hashes(told)), "row")


def content_hashes(rows: pl.DataFrame) -> pl.Series:
    """
    Return ``content_hash``: of each row 16 bytes, as PostgreSQL writes them, of what the activity says.

    Whose it is takes no part, nor when it was loaded. The texts are those that PostgreSQL itself gives for the values,
    so that a row that was read back has the hash with which it was written.
    """
    texts = rows.select(
        pl.concat_str(
            *(
                pl.col(name).cast(pl.String).fill_null(_NULL) if name in rows.columns else pl.lit(_NULL)
                for name in CONTENT
            ),
            separator=_END,
        )
    ).to_series()
    # A call for each row, a microsecond each; the server's own hash of a row takes several.
    digests = [blake2b(text, digest_size=16).digest() for text in texts.cast(pl.Binary)]
    return ("\\x" + pl.Series(digests, dtype=pl.Binary).bin.encode("hex")).alias("content_hash")


def _in_order(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """A file comes in its order, and to move a million wide rows takes a second."""
    return rows if rows[column].is_sorted() else rows.sort(column)


def _canonical(rows: pl.DataFrame) -> list[pl.Expr]:
    """Numbers in the one form that PostgreSQL gives back: ``12`` is ``12.00`` as an amount, ``012`` is 12 as a term."""
    amounts = [_money(name) for name in AMOUNTS if name in rows.columns]
    return [*amounts, *(pl.col(name).cast(pl.Int64).cast(pl.String) for name in WHOLE if name in rows.columns)]


def _keyed(rows: pl.DataFrame, kind: str, own: OwnAddresses) -> pl.DataFrame:
    given = given_key(kind)
    keyed = rows.with_columns(
        source_key=given, key_source=pl.when(given.is_not_null()).then(pl.lit(SOURCE)).otherwise(pl.lit(DERIVED))
    )
    unnumbered = keyed["source_key"].is_null()
    if unnumbered.any():
        places = unnumbered.arg_true()
        keys = keyed["source_key"].scatter(places, _derived(rows.filter(unnumbered), kind, own))
        keyed = keyed.with_columns(keys)
    return keyed


def given_key(kind: str) -> pl.Expr:
    """Return the key that the number of a deal or a work order gives; null without one."""
    if kind == SOLD_UNIT:
        parts = pl.col("deal_number"), _unit().fill_null("")
    else:
        parts = pl.col("branch").fill_null(""), pl.col("work_order_number")
    return pl.concat_str(*map(_escaped, parts), separator="/")


def _money(name: str) -> pl.Expr:
    return pl.col(name).cast(_MONEY).cast(pl.String)


def _unit() -> pl.Expr:
    """Tell the unit by its stock number, else its identifier, in capitals, whatever was typed on which day."""
    return pl.coalesce("stock_number", "unit_identifier").str.to_uppercase()


def _escaped(text: pl.Expr) -> pl.Expr:
    """No part of a key holds the mark that stands between them: branch ``A/1`` is not branch ``A``."""
    return text.str.replace_all("%", "%25", literal=True).str.replace_all("/", "%2F", literal=True)


def _derived(rows: pl.DataFrame, kind: str, own: OwnAddresses) -> pl.Series:
    """
    Return ``derived:`` and 32 hexadecimal digits for each row.

    A work order's day is the one on which it was opened, which stays as it is when it is closed. The amount takes part
    only where no unit is told: it changes while a work order is open, and its lines must add up.
    """
    people = normal_form(rows.with_columns(row="line"), own)
    customer = people.select(
        pl.coalesce(
            "number", "email", "cell", "home", pl.concat_str("last", pl.col("first").fill_null(""), separator=" ")
        )
    ).to_series()
    unit = _unit()
    day, amount, beside = (
        (pl.col("sold_date"), "amount_financed", pl.lit(""))
        if kind == SOLD_UNIT
        else (pl.coalesce("open_date", "close_date"), "work_order_amount", pl.col("branch").fill_null(""))
    )
    money = _money(amount).fill_null("")
    texts = rows.select(
        pl.concat_str(
            pl.lit(kind),
            beside,
            day.fill_null(""),
            customer.fill_null(""),
            unit.fill_null(""),
            pl.when(unit.is_null()).then(money).otherwise(pl.lit("")),
            separator=_END,
        )
    ).to_series()
    digests = [blake2b(text, digest_size=16).hexdigest() for text in texts.cast(pl.Binary)]
    return "derived:" + pl.Series(digests, dtype=pl.String)


def _last_sale(rows: pl.DataFrame) -> pl.DataFrame:
    lines = rows.group_by("source_key").agg(_lines(), row=pl.col("line").min())
    return (
        rows.unique("source_key", keep="last", maintain_order=True)
        .join(lines, on="source_key")
        .with_columns(line_count=pl.lit(1))
    )


def _work_order(rows: pl.DataFrame) -> pl.DataFrame:
    every = rows.group_by("source_key").agg(_lines(), row=pl.col("line").min())
    # A line without a number is one of its own.
    apart = pl.coalesce("line_number", pl.format("{}\x1f", "line"))
    counted = (
        rows.with_columns(apart=apart)
        .unique(["source_key", "apart"], keep="last", maintain_order=True)
        .with_columns(told_line=line_text("line_number", _money("work_order_amount")))
    )
    keys = {"source_key", "apart", "work_order_amount", "told_line"}
    told = [pl.col(name) for name in counted.columns if name not in keys]
    totals = counted.group_by("source_key", maintain_order=True).agg(
        pl.col("work_order_amount").cast(_MONEY).sum().cast(pl.String),
        pl.len().cast(pl.Int32).alias("line_count"),
        of_lines(pl.col("told_line")).alias("work_order_lines"),
        *(each.last() if each.meta.output_name() in PERSON else each.drop_nulls().last() for each in told),
    )
    return totals.join(every, on="source_key")


def _lines() -> pl.Expr:
    return _braced(pl.col("line").cast(pl.String).str.join(",")).alias("lines")


def _braced(text: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit("{"), text, pl.lit("}"))


def _description() -> pl.Expr:
    """Return e.g. ``2024 Samplecraft Roamer R24 (Travel Trailer), stock S-100``; null if nothing is told."""
    make = pl.col("unit_make")
    other_make = pl.when(make.str.to_lowercase() != pl.col("unit_manufacturer").str.to_lowercase().fill_null("")).then(
        make
    )
    parts = pl.concat_str(
        "unit_year",
        "unit_manufacturer",
        other_make,
        "unit_model",
        pl.format("({})", "unit_type"),
        separator=" ",
        ignore_nulls=True,
    )
    named = pl.when(parts != "").then(parts)
    whole = pl.concat_str(named, pl.format("stock {}", "stock_number"), separator=", ", ignore_nulls=True)
    return pl.when(whole != "").then(whole)
