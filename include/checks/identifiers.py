"""Identifiers that carry their own proof: French company numbers, vehicle identification numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

# ISO 3779: no I, O or Q; the last four are digits. The check digit in ninth place is North America's own and not asked.
VIN = "^[A-HJ-NPR-Z0-9]{13}[0-9]{4}$"
# Typed where none is known. Its last four are digits, so no letter can fill it.
ONE_CHARACTER = [digit * 17 for digit in "0123456789"]
MONACO_SIRET, MONACO_SIREN = re.compile(r"MONACO[0-9A-Z]{8}"), re.compile(r"MONACO[0-9A-Z]{3}")


def unlike_siren(column: str) -> pl.Expr:
    """True where the value is no SIREN."""
    return pl.col(column).map_batches(lambda values: _refused(values, is_siren), return_dtype=pl.Boolean)


def unlike_siret(column: str) -> pl.Expr:
    """True where the value is no SIRET."""
    return pl.col(column).map_batches(lambda values: _refused(values, is_siret), return_dtype=pl.Boolean)


def unlike_vin(column: str) -> pl.Expr:
    """True where the value is no VIN by ISO 3779, or one character seventeen times."""
    text = pl.col(column)
    return ~text.str.contains(VIN) | text.is_in(ONE_CHARACTER)


def is_siren(value: str) -> bool:
    """Nine digits with Luhn's check digit, or Monaco's form; without blanks, which the library would forgive."""
    from stdnum.fr import siren

    return bool(MONACO_SIREN.fullmatch(value)) or (value.isascii() and value.isdigit() and siren.is_valid(value))


def is_siret(value: str) -> bool:
    """Fourteen digits by Luhn, or La Poste's rule for its establishments, or Monaco's form; without blanks."""
    from stdnum.fr import siret

    return bool(MONACO_SIRET.fullmatch(value)) or (value.isascii() and value.isdigit() and siret.is_valid(value))


def _refused(values: pl.Series, good: Callable[[str], bool]) -> pl.Series:
    distinct = values.drop_nulls().unique()
    bad = [value for value in distinct if not good(value)]
    return values.is_in(bad) if bad else pl.repeat(False, len(values), eager=True)
