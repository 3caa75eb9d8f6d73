"""Customers who stood in the CRM before, and rows that each rule of matching must find, doubt, or leave alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from local.sample.proresponse.book import Sheet, Whose
from local.sample.proresponse.dealing import Dealing
from local.sample.proresponse.people import Person


@dataclass(frozen=True)
class Standing:
    """A contact that the dealer's staff entered before any file came."""

    dealer: str
    person: Person
    second_email: str = ""


@dataclass(frozen=True)
class OwnAddress:
    """An address of the dealer itself, which its staff types in when it has none."""

    dealer: str
    kind: str
    value: str


def own_addresses(deals: Dealing) -> list[OwnAddress]:
    name = deals.plan.name
    return [
        OwnAddress(name, "EMAIL", f"sales@{name.replace('_', '-')}.example"),
        OwnAddress(name, "PHONE", f"{200 + deals.plan.number}9990100"),
    ]


def matching_cases(deals: Dealing, sheet: Sheet, day: date) -> list[Standing]:
    """
    Write a row for each rule of matching; return the contacts that must have stood there before.

    Names are of this dealer alone, so that no two cases meet.
    """
    town, standing = deals.town, []

    def stands(second_email: str = "", **told: str) -> Person:
        person = town.person().but(**told)
        standing.append(Standing(deals.plan.name, person, second_email))
        return person

    def bought(person: Person, rule: str, who: str | None) -> None:
        sheet.sale(person, deals.yard.unit(), deals.deal(), day, whose=Whose(rule, who))

    def new(**told: str) -> Person:
        return town.person().but(**told)

    known = stands()
    bought(new(number=known.number), "T1", known.who)
    known = stands(number="")
    bought(new(number="", email=known.email.upper(), first=known.first[:1], last=known.last), "T2", known.who)
    known = stands(f"second@{deals.plan.name}.example", number="")
    bought(new(email=f"second@{deals.plan.name}.example", first=known.first, last=known.last), "T3", known.who)
    known = stands(number="", email="")
    bought(new(home=known.cell, cell="", first=known.first, last=known.last), "T4", known.who)
    known = stands(number="", email="", first="Christopher")
    bought(new(cell=known.cell, first="Christina", last=known.last), "T5", None)
    known = stands(number="", email="", first="Jan")
    bought(new(cell=known.cell, first="Jon", last=known.last), "T6", None)
    known = stands(number="")
    bought(new(email=known.email, first="Wolfgang", last=known.last), "T7", None)
    # Two of one name at one telephone: nobody but a person can say which.
    known = stands(number="", email="")
    stands(number="", email="", first=known.first, last=known.last, cell=known.cell)
    bought(new(cell=known.cell, first=known.first, last=known.last), "T4", None)
    # A telephone or a mailbox alone says nothing.
    known = stands(number="")
    person = new(cell=known.cell, last="Telephoneshare")
    bought(person, "NEW", person.who)
    person = new(email=known.email, last="Mailboxshare")
    bought(person, "NEW", person.who)
    # The dealer's own mailbox and telephone, typed in for want of others.
    own, telephone = own_addresses(deals)
    for _ in range(2):
        person = new(email=own.value, cell=telephone.value)
        bought(person, "NEW", person.who)
    bought(new(number="CASH", first="", last="CASH CUSTOMER", email="", cell=""), "T0", None)
    return standing


Rows = Callable[[Dealing, Sheet, date], object]
