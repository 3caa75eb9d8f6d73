"""Identifiers that carry their own proof: French company numbers, vehicle and unit identification numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import polars as pl

# ISO 3779: no I, O or Q; the last four are digits. The check digit in ninth place is North America's own and not asked.
VIN = "^[A-HJ-NPR-Z0-9]{13}[0-9]{4}$"
# Typed where none is known. Its last four are digits, so no letter can fill it.
ONE_CHARACTER = [digit * 17 for digit in "0123456789"]
# Seventeen letters or digits claim to be a VIN; a boat's or a maker's own number has another length.
CLAIMS_VIN = "^[A-Za-z0-9]{17}$"
# 49 CFR 565.15: what each character counts, and how much at each of the seventeen places; modulo 11, ten is an X.
VIN_VALUES = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", "012345678912345678123457923456789", strict=True))
VIN_WEIGHTS = np.array([8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2], dtype=np.int16)
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


def unlike_unit(column: str) -> pl.Expr:
    """True where the value claims to be a North American VIN and its check digit, or a character, says otherwise."""
    return pl.col(column).map_batches(_claims_and_is_none, return_dtype=pl.Boolean)


def _claims_and_is_none(values: pl.Series) -> pl.Series:
    places = values.str.contains(CLAIMS_VIN).fill_null(value=False).arg_true()
    broken = pl.repeat(False, len(values), eager=True)
    if not len(places):
        return broken
    numbers = values.gather(places).str.to_uppercase()
    signs = np.frombuffer(numbers.str.join("")[0].encode("ascii"), np.uint8).reshape(-1, 17)
    counted = np.full(256, -1, dtype=np.int16)
    counted[[ord(sign) for sign in VIN_VALUES]] = [int(value) for value in VIN_VALUES.values()]
    counts = counted[signs]
    wanted = np.frombuffer(b"0123456789X", np.uint8)[counts.dot(VIN_WEIGHTS) % 11]
    # Seventeen ones pass the check digit, and nobody's unit has them.
    bad = (counts.min(axis=1) < 0) | (signs[:, 8] != wanted) | (signs == signs[:, :1]).all(axis=1)
    return broken.scatter(places, pl.Series(bad))


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
