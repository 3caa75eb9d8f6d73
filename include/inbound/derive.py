"""Columns that no file has: what follows from a row for sure, by the rules that were agreed for all partners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import polars as pl

from include.contract import Table

AMOUNT = "amount_financed"
CASH = "cash_purchase"
# What a loan has and a cash purchase has not.
FINANCE = ("term", "monthly_payment", "last_payment_date")
FINANCE_OF_CASH = "cash_purchase-financeIgnored"
NOTES = {
    FINANCE_OF_CASH: "A cash purchase comes with a term, a payment or a last payment; they are not taken over.",
}
ZERO = r"^-?0+(?:\.0*)?$"
VIN = r"^[A-HJ-NPR-Z0-9]{17}$"
# Maker, serial number, month and year of building, model year; a country may stand before it.
HIN = r"^(?:[A-Z]{2}-?)?[A-Z][A-Z0-9]{2}[A-Z0-9]{5}[A-Z0-9][0-9]{3}$"


def derive(frame: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, Counter[str]]:
    """
    Return the rows with all columns of ``table``, in its order, and how often each of ``NOTES`` applies.

    :param frame: text in the forms of ``include.inbound.normalise``.
    :raises ValueError: if the contract has a column that neither a file nor anything here gives.
    """
    notes: Counter[str] = Counter()
    wanted = [name for name in table.columns if name not in frame.columns]
    if unknown := set(wanted) - set(DERIVED):
        raise ValueError(f"{table.id}: nothing gives {', '.join(sorted(unknown))}: neither a header nor a derivation")
    for name in wanted:
        frame = DERIVED[name](frame, notes)
    return frame.select(table.columns), notes


def _cash_purchase(frame: pl.DataFrame, notes: Counter[str]) -> pl.DataFrame:
    amount = frame[AMOUNT]
    zero = amount.str.contains(ZERO).fill_null(value=False)
    cash = amount.is_null() | zero
    finance = [name for name in FINANCE if name in frame.columns]
    carried = cash & pl.select(pl.any_horizontal(frame[name].is_not_null() for name in finance)).to_series()
    notes[FINANCE_OF_CASH] += int(carried.sum())
    return frame.with_columns(
        pl.select(pl.when(cash).then(pl.lit("t")).otherwise(pl.lit("f"))).to_series().alias(CASH),
        *(pl.select(pl.when(~cash).then(frame[name])).to_series().alias(name) for name in finance),
    )


def _identifier_type(frame: pl.DataFrame, _: Counter[str]) -> pl.DataFrame:
    """VIN, HIN of a boat, or the maker's own SERIAL: by form alone, since it is a possible match and no more."""
    text = pl.col("unit_identifier").str.to_uppercase()
    return frame.with_columns(
        identifier_type=pl.when(text.str.contains(VIN))
        .then(pl.lit("VIN"))
        .when(text.str.contains(HIN))
        .then(pl.lit("HIN"))
        .when(text.is_not_null())
        .then(pl.lit("SERIAL"))
    )


DERIVED: Mapping[str, Callable[[pl.DataFrame, Counter[str]], pl.DataFrame]] = {
    CASH: _cash_purchase,
    "identifier_type": _identifier_type,
}
