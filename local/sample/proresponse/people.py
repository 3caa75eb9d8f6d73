"""Invented customers of invented dealers, no two of whom share anything by chance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Final

FIRST: Final = (
    "Abigail", "Benjamin", "Carlotta", "Desmond", "Eleanor", "Fabian", "Georgina", "Hector", "Imogen", "Jasper",
    "Katarina", "Leopold", "Marguerite", "Nathaniel", "Ophelia", "Percival", "Quentin", "Rosalind", "Sebastian",
    "Theodora", "Ulrich", "Valentina", "Winifred", "Xavier", "Yolanda", "Zachary",
)  # fmt: skip
LAST: Final = (
    "Ashgrove", "Birchfield", "Cedarholm", "Dunmarsh", "Elderwood", "Fernhollow", "Goldcrest", "Hazelmere", "Ironwood",
    "Juniperdale", "Kestrelmoor", "Larkspur", "Mossbridge", "Nettlecombe", "Oakhaven", "Pinehurst", "Quillfeather",
    "Rowanberry", "Stonewick", "Thistledown", "Underhill", "Violetbank", "Willowmead", "Yarrowfield",
)  # fmt: skip
# Of a dealer whose files are not in UTF-8: names that show when somebody guesses.
ACCENTED: Final = ("Béatrice", "Gérard", "Señora", "Jürgen", "Françoise", "Zoë")
CITIES: Final = (("Sampleton", "OH", "00501"), ("Exampleville", "MI", "00544"), ("Mockbury", "FL", "01001"))


@dataclass(frozen=True)
class Person:
    """One customer as a file tells them; an empty text is what the file leaves out."""

    who: str
    """Our name for them in the truth; stands in no file."""
    number: str = ""
    first: str = ""
    last: str = ""
    company: str = ""
    email: str = ""
    home: str = ""
    cell: str = ""
    address: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""

    def but(self, **told: str) -> Person:
        """The same one, told otherwise."""
        return replace(self, **told)

    def columns(self) -> dict[str, str]:
        """What stands in a row, by header."""
        return {
            "CustomerNumber": self.number, "FirstName": self.first, "LastName": self.last, "Company": self.company,
            "Email": self.email, "HomePhone": self.home, "CellPhone": self.cell, "Address": self.address,
            "City": self.city, "State": self.state, "Zip": self.postal_code,
        }  # fmt: skip


class Town:
    """The customers of one dealer; each call invents another, with a number, a mailbox and a telephone of their own."""

    def __init__(self, dealer: str, number: int, random: Random, *, accented: bool = False) -> None:
        self._dealer, self._number, self._random = dealer, number, random
        self._first = FIRST + ACCENTED if accented else FIRST
        self._count = 0

    def person(self, who: str = "") -> Person:
        """A private customer. Telephones are of the range that is kept free for fiction (555-01xx)."""
        self._count += 1
        first, last = self._random.choice(self._first), self._random.choice(LAST)
        city, state, postal_code = self._random.choice(CITIES)
        return Person(
            who=who or f"{self._dealer}/{self._count}",
            number=f"C{self._number}{self._count:05}",
            first=first,
            last=last,
            email=f"customer{self._count}@{self._dealer.replace('_', '-')}.example",
            cell=self.phone(self._count),
            address=f"{self._count} Sample Street",
            city=city,
            state=state,
            postal_code=postal_code,
        )

    def company(self) -> Person:
        """A business with neither first nor last name."""
        someone = self.person()
        return someone.but(first="", last="", company=f"{someone.last} Touring {self._count} LLC")

    def phone(self, count: int) -> str:
        """An invented number: area code by dealer, exchange by customer."""
        return f"({200 + self._number}) {200 + count // 100:03}-01{count % 100:02}"
