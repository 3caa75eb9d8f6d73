"""The books in a few loops: what has to stand in the end, from all loads and payments at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

TOLERATED, PERCENT = Decimal("1.00"), Decimal("2.00")


@dataclass(frozen=True)
class Load:
    """One submission of a claim, as a load tells it; later ones of a claim come after earlier ones."""

    key: str
    retail: str
    number: str
    seq: int
    submitted_on: date
    vin: str
    claimed: Decimal


@dataclass(frozen=True)
class Line:
    retail: str
    number: str
    vin: str
    paid: Decimal
    reject_code: str


@dataclass(frozen=True)
class Payment:
    document: str
    day: date
    lines: tuple[Line, ...]


@dataclass
class Books:
    """``outcomes`` by document and line number; ``claims`` by key: status, open, on account, written off."""

    outcomes: dict[tuple[str, int], tuple[str, str | None]] = field(default_factory=dict)
    claims: dict[str, tuple[int, Decimal, Decimal, Decimal]] = field(default_factory=dict)
    balances: dict[tuple[str, str], Decimal] = field(default_factory=dict)


def books(loads: list[Load], payments: list[Payment]) -> Books:
    """Return what the books say, whatever the order; retail dealers beginning with R are known."""
    result, balances = Books(), defaultdict[tuple[str, str], Decimal](Decimal)
    claims: dict[str, list[Load]] = defaultdict(list)
    for load in sorted(loads, key=lambda each: each.seq):
        claims[load.key].append(load)
    of: dict[str, list[tuple[date, str, int, Line]]] = defaultdict(list)
    for payment in payments:
        for number, line in enumerate(payment.lines, 1):
            known = line.retail.startswith("R")
            dealer = f"dealer_{line.retail[1:]}" if known else "UNKNOWN"
            balances[dealer, "MANUFACTURER"] += line.paid
            fitting = [key for key, told in claims.items() if known and _fits(line, payment.day, told)]
            if len(fitting) == 1:
                of[fitting[0]].append((payment.day, payment.document, number, line))
            else:
                result.outcomes[payment.document, number] = ("UNMATCHED", None)
                balances[dealer, "ON_ACCOUNT" if known else "SUSPENSE"] -= line.paid
    for key, told in claims.items():
        claimed, dealer = told[-1].claimed, f"dealer_{told[-1].retail[1:]}"
        allowed = min(TOLERATED, claimed * PERCENT / 100)
        paid = Decimal(0)
        since, rejected = Decimal(0), False
        for day, document, number, line in sorted(of[key], key=lambda each: each[:3]):
            outcome = _outcome(line, paid, claimed, allowed)
            paid += line.paid
            result.outcomes[document, number] = (outcome, key)
            if day >= told[-1].submitted_on:
                since += line.paid
                rejected |= outcome == "REJECTED" and (line.retail, line.number) == (told[-1].retail, told[-1].number)
        status = 50 if since > 0 else 40 if rejected else 20
        full = paid > 0 and abs(claimed - paid) <= allowed
        settled = claimed if full else min(paid, claimed)
        written_off = claimed - paid if full else Decimal(0)
        too_much = Decimal(0) if full else max(paid - claimed, Decimal(0))
        result.claims[key] = (status, claimed - settled, too_much, written_off)
        balances[dealer, "CLAIMS"] -= settled
        balances[dealer, "WRITTEN_OFF"] += written_off
        balances[dealer, "ON_ACCOUNT"] -= too_much
    result.balances = {place: amount for place, amount in balances.items() if amount}
    return result


def _fits(line: Line, day: date, told: list[Load]) -> bool:
    if line.vin and line.vin != told[-1].vin:
        return False
    return any(each.retail == line.retail and each.number == line.number and each.submitted_on <= day for each in told)


def _outcome(line: Line, before: Decimal, claimed: Decimal, allowed: Decimal) -> str:
    after = before + line.paid
    if line.reject_code and (line.paid == 0 or (line.paid < 0 and after <= 0)):
        return "REJECTED"
    if line.paid >= 0 and before > 0 and claimed - before <= allowed:
        return "DUPLICATE"
    if after > 0 and abs(claimed - after) <= allowed:
        return "FULL"
    return "OVER" if after > claimed else "UNDER"
