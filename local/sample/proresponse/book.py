"""
One dealer's files as they are written, and what must become of each line: said by whoever writes it, never computed
by what is tried with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from local.sample.proresponse.people import Person
from local.sample.proresponse.rows import HEADERS, Unit, dollars, line, written

SALES: Final = "proresponse_sales"
SERVICE: Final = "proresponse_service"
Wave = Literal["past", "today", "later"]
# An activity as the CRM must know it: type, number of the deal or order, branch, stock number.
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class FeedPlan:
    """How one dealer's files of one kind lie and are written."""

    dealer: str
    interface: str
    directory: str
    pattern: str
    encoding: str = "utf-8"
    date_format: str = "%m/%d/%Y"
    removes: bool = True


@dataclass(frozen=True)
class Told:
    """What an activity must say in the end: its day, its money, and whether it was paid in cash (of a sale)."""

    day: date
    amount: str | None
    cash: bool | None = None
    lines: int | None = None


@dataclass(frozen=True)
class Whose:
    """How a new activity's contact must be found: by which rule, and who it is (None: a person decides)."""

    rule: str
    who: str | None


@dataclass
class Fate:
    """
    What must become of one file: its state in the end and its code; its rows; what its import did to activities.

    ``rejected`` names every reason of each rejected line.
    """

    state: str
    code: str | None = None
    rows: int | None = None
    rejected: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    linked: int = 0
    new: int = 0
    review: int = 0
    stays: bool = False
    """Whether it still lies at the partner in the end."""


@dataclass
class SampleFile:
    """A file that the partner puts down: ``name`` as bytes, since not every name is text."""

    feed: FeedPlan
    case: str
    wave: Wave
    name: bytes
    content: bytes
    mtime: int
    fate: Fate | None
    """None: it is none of ours, and the ledger must not know it."""
    link_to: str | None = None
    """It is a symbolic link to this, not a file."""

    @property
    def label(self) -> str:
        """The name as the ledger must show it, if it is a sound one."""
        return self.name.decode(errors="backslashreplace")


class Book:
    """Everything that one dealer's files have told so far, in the order in which they must be imported."""

    def __init__(self, dealer: str) -> None:
        self.dealer = dealer
        self.activities: dict[Key, Told] = {}
        self.whose: dict[Key, Whose] = {}


class Sheet:
    """One file while it is written, line by line."""

    def __init__(self, book: Book, feed: FeedPlan) -> None:
        self.feed = feed
        self._book = book
        self._columns = HEADERS[feed.interface]
        self._lines = [line(self._columns, dict(zip(self._columns, self._columns, strict=True)))]
        self._next = 2
        self._rows = 0
        self._rejected: dict[int, tuple[str, ...]] = {}
        self._here: dict[Key, Told] = {}
        self._whose: dict[Key, Whose] = {}

    def sale(
        self,
        person: Person,
        unit: Unit,
        deal: str,
        sold_on: date,
        *,
        financed: str = "",
        whose: Whose | None = None,
        reasons: tuple[str, ...] = (),
        texts: Mapping[str, str] | None = None,
    ) -> None:
        """
        A unit sold, for cash unless ``financed`` (such as ``45250.00``) is given; then with 180 months that fit.

        :param texts: other texts for columns, by header.
        :param reasons: why the row must be rejected; without, it must be accepted and be ``whose``.
        """
        values = {
            **person.columns(),
            **unit.columns(),
            "DealNumber": deal,
            "SoldDate": written(sold_on, self.feed.date_format),
        }
        if financed:
            monthly = f"{Decimal(financed) * 3 / 360:.2f}"
            last = date(sold_on.year + 15, sold_on.month, min(sold_on.day, 28))
            values |= {
                "Amount.Financed": dollars(financed),
                "Term": "180",
                "Monthly Payment": monthly,
                "LastPayment": written(last, self.feed.date_format),
            }
        key = ("SOLD_UNIT", deal, "", unit.stock)
        said = Told(sold_on, financed or None, cash=not financed)
        self._row(values | dict(texts or {}), reasons, key, said, whose)

    def order(
        self,
        person: Person,
        unit: Unit,
        number: str,
        opened: date,
        amount: str,
        *,
        closed: date | None = None,
        branch: str = "",
        job: str = "",
        status: str = "",
        whose: Whose | None = None,
        reasons: tuple[str, ...] = (),
        texts: Mapping[str, str] | None = None,
    ) -> None:
        """A work order or, with ``job``, one of its lines; parameters as of :meth:`sale`."""
        values = {
            **person.columns(),
            **unit.columns(),
            "WONumber": number,
            "Branch": branch,
            "Line": job,
            "RO.Amount": dollars(amount),
            "OpenDate": written(opened, self.feed.date_format),
            "CloseDate": written(closed, self.feed.date_format),
            "Status": status or ("CLOSED" if closed else "OPEN"),
        }
        key = ("WORK_ORDER", number, branch, unit.stock)
        before = self._here.get(key)
        total = amount if before is None else str(Decimal(before.amount or 0) + Decimal(amount))
        lines = 1 if before is None else (before.lines or 0) + 1
        self._row(values | dict(texts or {}), reasons, key, Told(closed or opened, total, lines=lines), whose)

    def raw(self, text: str, reasons: tuple[str, ...]) -> None:
        """A record that has not the shape of one."""
        self._put(text, reasons)

    def _row(
        self, values: Mapping[str, str], reasons: tuple[str, ...], key: Key, said: Told, whose: Whose | None
    ) -> None:
        self._put(line(self._columns, values), reasons)
        if reasons:
            return
        self._here[key] = said
        if key not in self._book.activities and key not in self._whose:
            assert whose is not None, f"{key} is new; say whose it is"
            self._whose[key] = whose

    def _put(self, text: str, reasons: tuple[str, ...]) -> None:
        if reasons:
            self._rejected[self._next] = tuple(sorted(reasons))
        self._lines.append(text)
        self._next += 1 + text.count("\n")
        self._rows += 1

    @property
    def content(self) -> bytes:
        return "\n".join([*self._lines, ""]).encode(self.feed.encoding)

    def applied(self) -> Fate:
        """The file is imported now: what that must do, and from here on its rows are known."""
        known = self._book.activities
        created = [key for key in self._here if key not in known]
        rules = [self._whose[key] for key in created]
        fate = Fate(
            state="REMOVED" if self.feed.removes else "KEPT",
            rows=self._rows,
            rejected=dict(self._rejected),
            created=len(created),
            updated=sum(key in known and known[key] != said for key, said in self._here.items()),
            unchanged=sum(key in known and known[key] == said for key, said in self._here.items()),
            linked=sum(rule.rule != "NEW" and rule.who is not None for rule in rules),
            new=sum(rule.rule == "NEW" for rule in rules),
            review=sum(rule.who is None for rule in rules),
            stays=not self.feed.removes,
        )
        known.update(self._here)
        self._book.whose.update(self._whose)
        return fate
