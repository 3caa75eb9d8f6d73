"""
Claims, documents and their lines while they are planned, and what must become of each: said by whoever plants it,
never asked of what is tried with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from local.sample.warranty.money import NONE, Money, total

INTERFACE: Final = "renault_warranty_payments"
UNKNOWN: Final = "UNKNOWN"  # whose money waits in suspense
POUNDS, EUROS = "GBP", "EUR"
Wave = Literal["past", "today", "later"]
Outcome = Literal["FULL", "UNDER", "OVER", "REJECTED", "DUPLICATE", "UNMATCHED"]
# A claim as the books must know it: the dealer here, and the key of the dealer's system.
Key = tuple[str, str]


@dataclass(frozen=True)
class Dealer:
    """A retail dealer: its code at the manufacturer, its main dealer's, and what it tolerates (amount, percent)."""

    name: str
    code: str
    main: str
    tolerance: tuple[Decimal, Decimal] | None = None


@dataclass(frozen=True)
class Submission:
    number: str
    submission: str
    on: date | None


@dataclass(frozen=True)
class Standing:
    """Where a claim must stand in the end; ``on_account`` is what was paid too much for it."""

    status: int
    paid: Decimal = NONE
    written_off: Decimal = NONE
    on_account: Decimal = NONE

    @property
    def settled(self) -> Decimal:
        return self.paid + self.written_off - self.on_account


@dataclass
class Claim:
    """
    One claim: what is told of it at first (``before``), by the re-submissions, and how it must stand in the end.

    ``load`` is the load of claims in which it comes first, ``again`` the one that tells ``submissions[1:]``.
    """

    dealer: Dealer
    key: str
    jobs: list[Money]
    submissions: list[Submission]
    work_order: str
    vin: str
    repair_date: date
    odometer: int
    currency: str = POUNDS
    status: int = 20
    completed_on: date | None = None
    held: bool = False
    load: int = 0
    again: int = 1
    stands: Standing = field(default_factory=lambda: Standing(20))

    @property
    def known_as(self) -> Key:
        return self.dealer.name, self.key

    @property
    def claimed(self) -> Money:
        return total(self.jobs)

    @property
    def number(self) -> str:
        """The number under which it was submitted first."""
        return self.submissions[0].number

    def ends(
        self, status: int, paid: Money | None = None, *, written_off: str = "0.00", on_account: Decimal = NONE
    ) -> None:
        """Say where it must stand once every file and every load is there."""
        self.stands = Standing(status, paid.gross if paid else NONE, Decimal(written_off), on_account)

    def rows(self, submission: Submission, status: int) -> Iterator[dict[str, str]]:
        """As the dealer's system tells it under that submission: a row for each job."""
        for number, job in enumerate(self.jobs, 1):
            yield {
                "retail_code": self.dealer.code,
                "source_key": self.key,
                "claim_number": submission.number,
                "submission_number": submission.submission,
                "submitted_on": submission.on.isoformat() if submission.on else "",
                "work_order": self.work_order,
                "vin": self.vin,
                "repair_date": self.repair_date.isoformat(),
                "odometer": str(self.odometer),
                "odometer_unit": "MI",
                "status": str(status),
                "completed_on": self.completed_on.isoformat() if self.completed_on else "",
                "held": "true" if self.held else "false",
                "currency": self.currency,
                "job": str(number),
                **job.texts(),
            }


@dataclass(frozen=True)
class Told:
    """
    What a line must become: whose it is and by which rule, or why nobody's; ``case`` is what was planted.

    ``dealer`` is in whose books its money is.
    """

    case: str
    outcome: Outcome
    why: str
    claim: Key | None
    dealer: str
    gross: Decimal
    vat_differs: bool = False

    @property
    def label(self) -> str:
        return f"{self.outcome} {self.why}" + (", another VAT" if self.vat_differs else "")


@dataclass(frozen=True)
class Line:
    """One line as it is written."""

    main: str
    code: str
    number: str
    work_order: str
    vin: str
    repair_date: date | None
    money: Money
    reject: str
    told: Told


@dataclass
class Document:
    """A self-billed invoice while it is written, line by line."""

    number: str
    day: date
    currency: str = POUNDS
    lines: list[Line] = field(default_factory=list)

    @property
    def sums(self) -> Money:
        return total([line.money for line in self.lines])

    def pay(
        self,
        claim: Claim,
        money: Money,
        outcome: Outcome,
        case: str,
        *,
        rule: str = "NUMBER",
        number: str | None = None,
        by_number_alone: bool = False,
        reject: str = "",
        vat_differs: bool = False,
    ) -> None:
        """Add a line that must be found to be ``claim``'s by ``rule``, with that outcome in the end."""
        dealer = claim.dealer
        told = Told(case, outcome, rule, claim.known_as, dealer.name, money.gross, vat_differs)
        named = claim.number if number is None else number
        if by_number_alone:
            line = Line(dealer.main, dealer.code, named, "", "", None, money, reject, told)
        else:
            line = Line(
                dealer.main, dealer.code, named, claim.work_order, claim.vin, claim.repair_date, money, reject, told
            )
        self.lines.append(line)

    def pay_nobody(
        self,
        dealer: Dealer,
        money: Money,
        reason: str,
        case: str,
        *,
        number: str = "",
        like: Claim | None = None,
        main: str | None = None,
        code: str | None = None,
        suspense: bool = False,
        but: Mapping[str, str | date | None] | None = None,
    ) -> None:
        """
        Add a line that must be nobody's for ``reason``.

        :param like: the claim whose work order, VIN and repair date it names, but for what ``but`` says.
        :param suspense: its money is not even the dealer's.
        """
        named: dict[str, str | date | None] = {"work_order": "", "vin": "", "repair_date": None}
        if like is not None:
            named = {"work_order": like.work_order, "vin": like.vin, "repair_date": like.repair_date}
        named |= but or {}
        day = named["repair_date"]
        assert day is None or isinstance(day, date)
        self.lines.append(
            Line(
                main=dealer.main if main is None else main,
                code=dealer.code if code is None else code,
                number=number,
                work_order=str(named["work_order"]),
                vin=str(named["vin"]),
                repair_date=day,
                money=money,
                reject="",
                told=Told(case, "UNMATCHED", reason, None, UNKNOWN if suspense else dealer.name, money.gross),
            )
        )


@dataclass(frozen=True)
class Fate:
    """What must become of one file: its state in the end and its code, and whether it is a copy of another."""

    state: str
    code: str | None = None
    copy: bool = False
    stays: bool = False
    """Whether it still lies at the partner in the end."""


@dataclass(frozen=True)
class SampleFile:
    """A file that the manufacturer puts down; ``posts`` is the document that must be posted of it, if any."""

    case: str
    wave: Wave
    name: str
    content: bytes
    mtime: int
    fate: Fate
    posts: Document | None = None
