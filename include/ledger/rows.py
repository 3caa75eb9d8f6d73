"""
What the ledger hands out: one frozen dataclass per kind of row.

All instants are aware UTC datetimes, money is :class:`~decimal.Decimal`, sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from include.ledger.states import BEFORE_ANY_ATTEMPT
from include.window import Window, month_window

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 -- psycopg2 spells its classes in lower case

Row = TypeVar("Row", bound="DataclassInstance")


@dataclass(frozen=True)
class BatchRow:
    """One extraction over one window. ``rows_read`` and ``snapshot`` are None until it is closed."""

    id: int
    interface: str
    environment: str
    window_start: datetime
    window_end: datetime
    zone: str
    business_date: date
    run_id: str
    contract_version: str
    opened_by: str
    opened_at: datetime
    closed_at: datetime | None
    rows_read: int | None
    snapshot: str | None


@dataclass(frozen=True)
class FileRow:
    """
    One dealer's file for one window, in one revision.

    ``business_date`` is the first day of the window by the clock of ``zone``.
    ``content_hash`` covers the detail records only; on a released proposal that is not rendered yet it is the hash the
    person saw. ``difference`` is what a proposal changes, in numbers. ``supersedes`` is the id of the revision that
    this one replaces when it is published. ``records`` is the number of documents by record kind.
    ``dealer_key`` is who the dealer was in the source when the bytes were made; a code may change hands.
    """

    id: int
    interface: str
    partner: str
    dealer: str
    environment: str
    window_start: datetime
    window_end: datetime
    zone: str
    business_date: date
    revision: int
    sequence: int | None
    state: str
    reason: str | None
    contract_version: str
    batch_id: int | None
    file_name: str | None
    sha256: str | None
    content_hash: str | None
    bytes: int | None
    rows: int | None
    rejected: int | None
    withheld: int | None
    control_total: Decimal | None
    remote_path: str | None
    temp_name: str | None
    lease_token: int | None
    supersedes: int | None
    created_at: datetime
    published_at: datetime | None
    lease_holder: str | None = None
    lease_until: datetime | None = None
    difference: Mapping[str, Any] | None = None
    purged_at: datetime | None = None
    records: Mapping[str, int] | None = None
    dealer_key: str | None = None

    @property
    def awaits_bytes(self) -> bool:
        """True while nothing is rendered: then the newest rows are the ones to send, also for a file that was held."""
        return self.state in ("PLANNED", "CHECKED") or (self.state == "HELD" and self.sha256 is None)

    @property
    def untouched(self) -> bool:
        """True while no attempt to send it has begun: the partner has nothing of it, and nothing beside it."""
        return self.state in BEFORE_ANY_ATTEMPT and self.remote_path is None and self.published_at is None

    @property
    def window(self) -> Window:
        """The window as two instants and the zone whose midnights they are."""
        return Window(self.window_start, self.window_end, self.zone)

    @property
    def period(self) -> str:
        """What people call the window: ``2026-10-31``, a month ``2026-10``, days ``2026-11-20 to 2026-11-22``."""
        if self.is_month:
            return f"{self.business_date:%Y-%m}"
        last = self.window.last_date
        return f"{self.business_date} to {last}" if last != self.business_date else self.business_date.isoformat()

    @property
    def is_month(self) -> bool:
        """True if the window is a whole calendar month by the clock of its zone."""
        return self.window == month_window(self.business_date, self.zone)

    @property
    def label(self) -> str:
        """Name of the file for an error message: its period and its revision, not its content."""
        revision = f" revision {self.revision}" if self.revision else ""
        return f"file {self.id} ({self.interface}, dealer {self.dealer}, {self.period}{revision})"


@dataclass(frozen=True)
class EventRow:
    """One thing that happened. ``from_state`` and ``to_state`` are None where no state changed."""

    id: int
    at: datetime
    actor: str
    file_id: int | None
    kind: str
    from_state: str | None
    to_state: str | None
    reason: str | None
    detail: Mapping[str, Any]
    prev_hash: str
    hash: str


@dataclass(frozen=True)
class Release:
    """
    A person's release: what the file was held (or proposed) for, and the content it had then.

    Whoever finds the same cause in the same content need not ask again.
    """

    at: datetime
    actor: str
    reason: str
    held_for: str | None
    content_hash: str | None


@dataclass(frozen=True)
class RejectedRow:
    """A row kept back, by its surrogate key in the source, with the id of every rule that it breaks."""

    row_key: int | str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class QualityResult:
    """What one reading found for one rule; ``observed`` is a number or a fact about the set, never a row's value."""

    reader: Literal["row_check", "gate", "volume"]
    rule: str
    columns: tuple[str, ...]
    dimension: str
    severity: str
    status: Literal["pass", "fail", "error"]
    checked: int | None
    failed: int | None
    observed: str | None


@dataclass(frozen=True)
class FeedRow:
    """Whether a dealer's feed runs. ``reason`` and ``since`` are None while nobody has ever switched it."""

    interface: str
    dealer: str
    environment: str
    state: Literal["enabled", "paused"]
    reason: str | None
    since: datetime | None


def row_of(kind: type[Row], found: Mapping[str, Any]) -> Row:
    """Make a ``kind`` from a database row that has at least its columns; text arrays become tuples."""
    values = ((name, found[name]) for name in _names(kind))
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values})


def read_rows(cursor: Cursor, kind: type[Row], query: str, binds: Mapping[str, object]) -> list[Row]:
    """Return a ``kind`` of each row of ``query``, in the transaction of ``cursor``; quick where there are hundreds."""
    with cursor.connection.cursor() as plain:
        plain.execute(query, binds)
        places = {column.name: place for place, column in enumerate(plain.description or ())}
        chosen = itemgetter(*(places[name] for name in _names(kind)))
        return [
            kind(*[tuple(value) if isinstance(value, list) else value for value in chosen(found)])
            for found in plain.fetchall()
        ]


@cache
def _names(kind: type[DataclassInstance]) -> tuple[str, ...]:
    # Asked for each of thousands of rows of a page.
    return tuple(field.name for field in fields(kind))
