"""Rows of IDS's files as a dealer's system writes them: units, sales, lines of work orders."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Final

PERSON: Final = (
    "CustomerNumber", "FirstName", "LastName", "Company", "Email", "HomePhone", "CellPhone", "Address", "City", "State",
    "Zip",
)  # fmt: skip
UNIT: Final = ("Mfg", "Make", "Model", "Year", "Type", "StockNumber", "VIN")
SALES: Final = (
    *PERSON, *UNIT, "DealNumber", "SoldDate", "Amount.Financed", "Term", "Monthly Payment", "LastPayment",
)  # fmt: skip
SERVICE: Final = (*PERSON, *UNIT, "WONumber", "Branch", "Line", "RO.Amount", "OpenDate", "CloseDate", "Status")
HEADERS: Final = {"proresponse_sales": SALES, "proresponse_service": SERVICE}
# What a dealer sells, by kind: maker, makes, type, price in dollars, and how the unit is marked.
RANGES: Final = {
    "rv": (("Samplecraft", ("Roamer", "Wanderer", "Drifter"), "Travel Trailer", 38_000, "VIN"),),
    "marine": (
        ("Mockmarine", ("Tern", "Gannet"), "Boat", 52_000, "HIN"),
        ("Testline", ("Haul",), "Trailer", 3_900, ""),
    ),
    "power": (("Examplar", ("Quad 500", "Quad 700"), "ATV", 9_800, "SERIAL"),),
}
_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
# 49 CFR 565.15: letters have the value of their place in three rows of the alphabet without I, O and Q.
_VALUES: Final = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    "P": 7,
    "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}


def vin(number: int) -> str:
    """A North American VIN of a maker that does not exist, its check digit right."""
    text = f"1SC{'ABCDEFGH'[number % 8]}RM220XP{number % 1_000_000:06}"
    check = sum(_VALUES[letter] * weight for letter, weight in zip(text, _WEIGHTS, strict=True)) % 11
    return text[:8] + ("X" if check == 10 else str(check)) + text[9:]


@dataclass(frozen=True)
class Unit:
    """What was sold or worked on; an empty text is what the file leaves out."""

    maker: str
    make: str
    model: str
    year: str
    kind: str
    stock: str
    identifier: str
    price: int

    def columns(self) -> dict[str, str]:
        values = (self.maker, self.make, self.model, self.year, self.kind, self.stock, self.identifier)
        return dict(zip(UNIT, values, strict=True))


class Yard:
    """The units of one dealer; each call brings another, with a stock number of its own."""

    def __init__(self, number: int, kind: str, random: Random, newest: int) -> None:
        self._number, self._kind, self._random, self._newest = number, kind, random, newest
        self._count = 0

    def unit(self) -> Unit:
        self._count += 1
        number = self._number * 10_000 + self._count
        maker, makes, kind, price, marked = self._random.choice(RANGES[self._kind])
        year = self._newest - self._random.randrange(12)
        identifier = {
            "VIN": vin(number),
            "HIN": f"MCK{number:05}A{year % 10}{year % 100:02}",
            "SERIAL": f"EX-{number:07}",
            "": "",
        }[marked]
        return Unit(
            maker=maker,
            make=self._random.choice(makes),
            model=f"{self._random.choice('RSTX')}{self._random.randrange(20, 34)}",
            year=str(year),
            kind=kind,
            stock=f"S{number}",
            identifier=identifier,
            price=price + 10 * self._random.randrange(800),
        )


def written(day: date | None, date_format: str) -> str:
    """A day as this dealer's system writes it."""
    return "" if day is None else day.strftime(date_format)


def dollars(amount: str) -> str:
    """``45250.00`` as people write it: ``$45,250.00``; a negative one in parentheses."""
    whole, cents = amount.removeprefix("-").split(".")
    text = f"${int(whole):,}.{cents}"
    return f"({text})" if amount.startswith("-") else text


def line(columns: tuple[str, ...], values: Mapping[str, str]) -> str:
    """One record, quoted where it must be, without its line end."""
    unknown = values.keys() - set(columns)
    if unknown:
        raise ValueError(f"no such column: {sorted(unknown)}")
    told = io.StringIO()
    # With another line end the writer would not quote one within a value.
    csv.writer(told, lineterminator="\n").writerow([values.get(name, "") for name in columns])
    return told.getvalue().removesuffix("\n")
