"""What an import is told of a landed file, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime


class CrmError(Exception):
    """Something was not done in the CRM; says what, and what to do next. No value of a row stands in it."""


class CrmUnavailableError(CrmError):
    """The database did not answer, or somebody else has it; nothing is wrong with what was asked: ask again later."""


@dataclass(frozen=True)
class Arrival:
    """
    A checked arrival of the ledger, as far as its import needs it.

    ``seen_at`` is when it was first listed, ``file_time`` the partner's own time of the file: files go by
    (``seen_at``, ``file_time``, ``id``), whatever the order in which they are applied. ``day`` is the day on which it
    landed by the contract's clock; with ``date_format`` (the feed's) and ``header`` (the file's first line) one of its
    rejected rows can be judged again later.
    """

    id: int
    interface: str
    dealer: str
    sha256: str
    seen_at: datetime
    file_time: datetime | None
    day: date
    date_format: str
    header: str


@dataclass(frozen=True)
class Applied:
    """
    What an import did. ``already``: nothing now, it had been applied before, and these are the counts of then.

    ``rows_accepted`` and ``rows_rejected`` are rows of the file. All else are activities: ``created``, ``updated``,
    ``unchanged`` (not touched), ``older`` (a later file had said something newer, not touched). ``rules`` counts the
    created ones by the rule that found their contact; ``linked`` + ``new`` + ``review`` = ``created``.
    ``contacts_created`` are fewer than ``new`` where one person has several activities.
    """

    import_id: int
    applied_at: datetime
    already: bool
    rows_accepted: int
    rows_rejected: int
    created: int
    updated: int
    unchanged: int
    older: int
    linked: int
    new: int
    review: int
    contacts_created: int
    rules: Mapping[str, int]
