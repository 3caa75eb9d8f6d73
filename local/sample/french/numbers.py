"""Numbers of companies, sites, vehicles and telephones that are valid and nobody's.

SIREN begin with 0999 and 2999, where no company is known to us; they were invented, not looked up in the register.
Telephone numbers are from the ranges that the French regulator keeps for works of fiction, postal codes begin with 00,
which is no department; registrations have the letters SS, which are not issued.
"""

from __future__ import annotations

import polars as pl

from local.sample.draws import Numbers

#: Maker's prefix of what a point of sale of each brand sells and repairs.
WMI = {"AP": "VF3", "AC": "VF7", "DS": "VR1", "OP": "W0L"}
# Registrations have no I, O or U.
PLATE_LETTERS = "ABCDEFGHJKLMNPQRSTVWXYZ"
#: Vehicles count in spaces of their own, so that no two of them share a number.
CUSTOMERS_VEHICLE, STOCK_VEHICLE, NEW_VEHICLE, USED_VEHICLE, TRADED_VEHICLE, PLANTED_VEHICLE = range(
    0, 9_000_000, 1_500_000
)


def with_check_digit(digits: str) -> str:
    """The digits and the one that makes them pass Luhn's test."""
    doubled = (int(digit) * 2 if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(digits)))
    return f"{digits}{-sum(value - 9 if value > 9 else value for value in doubled) % 10}"


def siren(prefix: str, number: int) -> str:
    """Nine digits of a company: four of ``prefix``, four of ``number`` and the check digit."""
    return with_check_digit(f"{prefix}{number:04}")


def siret(company: str, site: int) -> str:
    """14 digits of a company's site, which counts from 1."""
    return with_check_digit(f"{company}{site:04}")


def vins(prefixes: pl.Series, numbers: Numbers) -> pl.Series:
    """17 characters each: the maker's prefix, seven times Z, seven digits."""
    return _text(prefixes, "{}ZZZZZZZ{}", pl.Series(numbers).cast(pl.String).str.zfill(7))


def registrations(numbers: Numbers) -> pl.Series:
    """Plates such as SS-123-AB; they repeat after 476,100."""
    letters = pl.Series([first + second for first in PLATE_LETTERS for second in PLATE_LETTERS])
    index = numbers // 900 % len(letters)
    return _text(pl.Series(numbers % 900 + 100).cast(pl.String), "SS-{}-{}", letters.gather(index))


def numbered(prefix: str, numbers: Numbers, digits: int) -> pl.Series:
    """The prefix and a number of so many digits, leading zeros kept."""
    count = pl.Series(numbers).cast(pl.String).str.zfill(digits)
    return count.to_frame("n").select(pl.format(prefix + "{}", "n")).to_series()


def _text(first: pl.Series, form: str, second: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"first": first, "second": second})
    return frame.select(pl.format(form, "first", "second")).to_series()
