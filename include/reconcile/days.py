"""The days of the other side: which daily file the partner has, which is still on its way, which was given up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from include.ledger.states import DELIVERED, NOT_LIVE

if TYPE_CHECKING:
    from include.ledger import FileRow


@dataclass(frozen=True)
class Day:
    """
    One business date of a dealer at the other interface.

    ``sent`` is the ledger's id of the file that the partner has, with its ``rows`` and ``total``; ``rejected`` the row
    keys that its check kept back, ``withheld`` how many rows it left out. ``unread`` says why its bytes cannot be read
    back, and ``purged`` that retention is the reason. ``pending`` is a file that is neither with the partner nor given
    up, ``given_up`` one that a person gave up: each in words.
    """

    business_date: date
    sent: int | None = None
    rows: int = 0
    total: Decimal = Decimal(0)
    withheld: int = 0
    rejected: frozenset[str] = field(default_factory=frozenset)
    unread: str | None = None
    purged: bool = False
    pending: str | None = None
    pending_file: int | None = None
    given_up: str | None = None


def delivered(file: FileRow) -> bool:
    """Whether the partner has the file: also one whose bytes are just being sent again."""
    return file.state in DELIVERED or (file.published_at is not None and file.state not in NOT_LIVE)


def days_of(files: Iterable[FileRow]) -> dict[date, Day]:
    """Return the days of one dealer from the ledger's rows of the other interface, every revision among them."""
    windows: dict[date, list[FileRow]] = {}
    for file in files:
        windows.setdefault(file.business_date, []).append(file)
    return {day: _day(day, sorted(rows, key=lambda row: row.revision)) for day, rows in sorted(windows.items())}


def sent_files(files: Iterable[FileRow], days: Mapping[date, Day]) -> list[FileRow]:
    """Return the files that the partner has, in the order of their days."""
    by_id = {file.id: file for file in files}
    return [by_id[day.sent] for day in days.values() if day.sent is not None]


def _day(day: date, revisions: list[FileRow]) -> Day:
    sent = next((row for row in reversed(revisions) if delivered(row)), None)
    # A revision that speaks for the window and is not there yet; a proposal speaks for nothing until it is released.
    open_rows = [row for row in revisions if row.state not in NOT_LIVE and not delivered(row)]
    pending = open_rows[-1] if open_rows else None
    given_up = next((row for row in reversed(revisions) if row.state == "CANCELLED"), None)
    return Day(
        business_date=day,
        sent=None if sent is None else sent.id,
        rows=0 if sent is None else sent.rows or 0,
        total=Decimal(0) if sent is None else sent.control_total or Decimal(0),
        withheld=0 if sent is None else sent.withheld or 0,
        pending=None if pending is None else _words(pending),
        pending_file=None if pending is None else pending.id,
        given_up=None if given_up is None or sent is not None or pending is not None else _words(given_up),
    )


def _words(file: FileRow) -> str:
    revision = f", revision {file.revision}," if file.revision else ""
    state = "was given up" if file.state == "CANCELLED" else f"is {file.state}"
    return f"daily file {file.id}{revision} {state}" + (f": {file.reason}" if file.reason else "")
