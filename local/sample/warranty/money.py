"""Amounts of a claim, a job or a line, to the penny."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Final

AMOUNTS: Final = ("labour", "parts", "subcontract", "handling", "vat")
PENNY: Final = Decimal("0.01")
NONE: Final = Decimal("0.00")
VAT: Final = Decimal("0.20")


@dataclass(frozen=True)
class Money:
    """Net by kind, and VAT; below zero is a correction."""

    labour: Decimal = NONE
    parts: Decimal = NONE
    subcontract: Decimal = NONE
    handling: Decimal = NONE
    vat: Decimal = NONE

    @property
    def gross(self) -> Decimal:
        return sum(self.amounts(), NONE)

    def amounts(self) -> tuple[Decimal, ...]:
        found: tuple[Decimal, ...] = astuple(self)
        return found

    def texts(self) -> dict[str, str]:
        """By name, as they are written."""
        return {name: f"{value:.2f}" for name, value in zip(AMOUNTS, self.amounts(), strict=True)}

    def __add__(self, other: Money) -> Money:
        return Money(*(a + b for a, b in zip(self.amounts(), other.amounts(), strict=True)))

    def __sub__(self, other: Money) -> Money:
        return self + -other

    def __neg__(self) -> Money:
        return Money(*(-each for each in self.amounts()))

    def but(self, labour: str = "0", vat: str = "0") -> Money:
        """The same with that much more labour or VAT."""
        return self + Money(labour=Decimal(labour), vat=Decimal(vat))

    def share(self, percent: int) -> Money:
        """That part of each amount, rounded to the penny."""
        return Money(*(_penny(each * percent / 100) for each in self.amounts()))


def labour(net: str) -> Money:
    """So much labour and its VAT: a claim whose gross a case needs to the penny."""
    return Money(labour=Decimal(net), vat=_penny(Decimal(net) * VAT))


def drawn(random: Random) -> Money:
    """A job as they come: labour nearly always, parts mostly, the rest seldom."""
    labour_ = Decimal(random.randrange(2_000, 40_000)) * PENNY
    parts = Decimal(random.randrange(500, 90_000)) * PENNY if random.random() < 0.8 else NONE
    subcontract = Decimal(random.randrange(2_000, 20_000)) * PENNY if random.random() < 0.1 else NONE
    handling = _penny(parts * Decimal("0.05"))
    net = labour_ + parts + subcontract + handling
    return Money(labour_, parts, subcontract, handling, _penny(net * VAT))


def total(parts: list[Money]) -> Money:
    return sum(parts, Money())


def _penny(amount: Decimal) -> Decimal:
    return amount.quantize(PENNY, ROUND_HALF_UP)
