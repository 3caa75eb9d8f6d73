"""Who is to send in a window, under which label each stands in the ledger, and what is in a dealer's way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from psycopg2 import extensions

from include.window import Window, period_window

if TYPE_CHECKING:
    from include.contract import Contract

# What the SQL of every interface's dealers gives; more is for the header of the file.
COLUMNS = frozenset({"dealer_id", "dealer_code", "dealer_name", "time_zone", "obstacle", "ended_on"})
SQL_DIR = Path(__file__).parent.parent / "sql"


class ExtractError(RuntimeError):
    """The rows cannot be read as asked; trying again will not help."""


@dataclass(frozen=True)
class Dealer:
    """
    One dealer of an interface, as the DMS has it.

    ``obstacle`` is a reason why a person must look at this dealer's file before it goes, or None. ``ended_on`` is
    the first day on which it no longer sends, of one that is read for what it may still owe. ``told`` is what the SQL
    says beyond the columns that every interface has, for the header of the file.
    """

    dealer_id: int
    code: str | None
    name: str
    zone: str
    obstacle: str | None
    told: Mapping[str, str | None] = field(default_factory=dict)
    ended_on: date | None = None

    @property
    def label(self) -> str:
        """The dealer's number; one without still needs a row in the ledger that says why nothing went."""
        return self.code or f"dms:{self.dealer_id}"

    @property
    def key(self) -> str:
        """Who the dealer is in the DMS, whatever its code: its id there, and what the header says of it."""
        return " ".join([f"dms:{self.dealer_id}", *(str(self.told[name]) for name in sorted(self.told))])

    @property
    def has_a_clock(self) -> bool:
        """Whether the zone that the DMS names exists."""
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError):
            return False
        return True

    def window(self, contract: Contract, run: Window) -> Window:
        """
        Return the window of this dealer's file: the run's period by the clock that the contract goes by.

        A dealer whose zone does not exist gets the contract's, so that the ledger has a row to say so.
        """
        zone = self.zone if contract.own_zone and self.has_a_clock else contract.zone
        return period_window(contract.period_unit, run.business_date, zone)


def window_binds(window: Window) -> dict[str, object]:
    """Return what an interface's SQL may bind of the window: its instants and its first and last day."""
    return {
        "window_start": window.start,
        "window_end": window.end,
        "business_date": window.business_date,
        "last_date": window.last_date,
    }


def read_dealers(connection: extensions.connection, contract: Contract, window: Window) -> list[Dealer]:
    """
    Read the dealers of ``window`` by the contract's own SQL file.

    :raises ExtractError: if there is none.
    """
    with connection.cursor() as cursor:
        cursor.execute((SQL_DIR / f"{contract.dealers}.sql").read_text(encoding="utf-8"), window_binds(window))
        names = [column.name for column in cursor.description or ()]
        records = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if not records:
        raise ExtractError(
            f"{contract.dealers}.sql finds no dealer active in {window.business_date} to {window.last_date}; "
            "nothing can be due: check the dealers' active dates in the DMS"
        )
    return [
        Dealer(
            record["dealer_id"],
            record["dealer_code"] or None,
            record["dealer_name"],
            record["time_zone"],
            record["obstacle"],
            {name: value for name, value in record.items() if name not in COLUMNS},
            record.get("ended_on"),
        )
        for record in records
    ]


def choose(
    known: Sequence[Dealer], asked: Sequence[str], contract: Contract, window: Window
) -> dict[str, list[Dealer]]:
    """
    Return the dealers to serve by the label of their file; more than one under a label is for a person to mend.

    Who has a number may be asked for by its id in the DMS as well (``dms:17``), as the ledger has one that shares it.

    :raises ExtractError: if ``asked`` names somebody who is none of them.
    """
    labels: dict[str, list[Dealer]] = {}
    for dealer in sorted(known, key=lambda dealer: dealer.ended_on is not None):
        # A code may be given to another dealer once its first one has ended.
        if dealer.ended_on is None or dealer.label not in labels:
            labels.setdefault(dealer.label, []).append(dealer)
    by_id = {replace(dealer, code=None).label: dealer.label for dealer in known if dealer.label in labels}
    wanted = {label if label in labels else by_id.get(label, label) for label in asked}
    if unknown := sorted(wanted - set(labels)):
        raise ExtractError(
            f"dealers names {', '.join(unknown)}, who is none of {contract.dealers} in {window.business_date} to "
            f"{window.last_date}; there are {', '.join(sorted(labels))}"
        )
    return {label: labels[label] for label in (sorted(wanted) or labels)}


def unservable(contract: Contract, label: str, dealers: Sequence[Dealer]) -> str | None:
    """Say why no file can be made under ``label``, or None if one can."""
    named = ", ".join(f"{dealer.dealer_id} ({dealer.name})" for dealer in dealers)
    if dealers[0].code is None:
        return f"dealer {named} has no dealer number in the DMS; enter it there and run the window again"
    if len(dealers) > 1:
        return f"dealers {named} have the one number {label} in the DMS; correct it there and run the window again"
    if contract.own_zone and not dealers[0].has_a_clock:
        return f"dealer {named} has the time zone {dealers[0].zone!r} in the DMS, which is none; correct it there"
    return None


def served(chosen: Mapping[str, Sequence[Dealer]]) -> list[Dealer]:
    """Return all dealers of ``choose``'s answer, one after the other."""
    return [dealer for dealers in chosen.values() for dealer in dealers]
