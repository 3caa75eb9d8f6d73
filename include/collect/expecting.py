"""Which feeds should have brought a file by now, and have not: decided from the ledger, whoever runs or does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal, Self
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from include.contract import Contract
    from include.feeds import Feed
    from include.ledger import Ledger

Punctuality = Literal["LATE", "MISSING", "LATE_ARRIVED"]
NO_FILE = frozenset({"VANISHED", "REJECTED"})
"""States in which an arrival is no delivery: gone before it was read, or nothing that could be."""
LOOK_BACK = timedelta(days=7)
"""How far back days are made up for on which nobody looked."""


@dataclass(frozen=True)
class Expectation:
    """
    When a partner's files are due: at ``due`` by the clock of ``zone`` on each of ``weekdays`` (Monday is 0).

    A day begins ``ahead`` before its due time, so that a file of the evening before is on time and a late one is not
    taken for tomorrow's. What was first seen since the last day on which a file was due had ended counts: of a weekly
    file that is a week. After ``cut_off`` a late file is missing.
    """

    due: time
    zone: str
    ahead: timedelta = timedelta(hours=12)
    cut_off: timedelta = timedelta(hours=6)
    weekdays: frozenset[int] = frozenset(range(7))
    holidays: frozenset[date] = frozenset()
    """Days on which this partner sends nothing."""

    def __post_init__(self) -> None:
        if not timedelta(0) < self.ahead < timedelta(days=1) or not timedelta(0) < self.cut_off:
            raise ValueError("an expectation's 'ahead' lies between 0 and 24 hours, and its 'cut_off' after 0")

    @classmethod
    def of(cls, contract: Contract) -> Self:
        """What the contract promises: a file by its time of availability, in its own zone, on its days of the week."""
        return cls(due=contract.due, zone=contract.zone, weekdays=contract.expected_on)

    def day_at(self, now: datetime) -> date:
        """The day that ``now`` belongs to."""
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        return max(
            day for day in (today - timedelta(days=1), today, today + timedelta(days=1)) if self.opens(day) <= now
        )

    def opens(self, day: date) -> datetime:
        """When ``day`` begins."""
        return self.due_at(day) - self.ahead

    def counts_since(self, day: date) -> datetime:
        """From when on a file counts for ``day``, on which one is due: since the last such day of the week ended."""
        apart = next(back for back in range(1, 8) if (day.weekday() - back) % 7 in self.weekdays)
        return self.opens(day - timedelta(days=apart - 1))

    def due_at(self, day: date) -> datetime:
        """The instant at which ``day``'s file is due; a time that the clocks skip is the one an hour later."""
        return datetime.combine(day, self.due, ZoneInfo(self.zone)).astimezone(ZoneInfo("UTC"))

    def expects(self, day: date) -> bool:
        """Whether a file is due on ``day`` at all."""
        return day.weekday() in self.weekdays and day not in self.holidays


@dataclass(frozen=True)
class Lateness:
    """A feed whose file of ``day`` was due at ``due_at``: still to come, given up for today, or come late."""

    feed_id: int
    interface: str
    dealer: str
    day: date
    due_at: datetime
    status: Punctuality
    arrived_at: datetime | None

    def __str__(self) -> str:
        """A sentence for the person on call."""
        if self.status == "LATE":
            said = "has not come yet"
        elif self.status == "MISSING":
            said = "has not come; ask the dealer or the partner, or pause the feed with a reason if none is to come"
        else:
            said = f"came late, at {self.arrived_at:%Y-%m-%d %H:%M %Z}"
        due = f"{self.due_at:%Y-%m-%d %H:%M %Z}"
        return f"{self.interface}, dealer {self.dealer}: the file of {self.day}, due {due}, {said}"


def late(feeds: Iterable[Feed], ledger: Ledger, expectation: Expectation, *, now: datetime) -> list[Lateness]:
    """Return what is late, missing or came late today, by dealer; on time and not yet due are not among it."""
    feeds = list(feeds)
    day = expectation.day_at(now)
    arrived: dict[int, list[datetime]] = {}
    for interface in {feed.interface for feed in feeds}:
        for row in ledger.arrivals(interface=interface, since=expectation.counts_since(day)):
            if row.state not in NO_FILE:
                arrived.setdefault(row.feed_id, []).append(row.first_seen_at)
    return lateness(feeds, arrived, expectation, now=now)


def lateness(
    feeds: Iterable[Feed], arrived: Mapping[int, Sequence[datetime]], expectation: Expectation, *, now: datetime
) -> list[Lateness]:
    """:func:`late` on given first sightings by feed id: no clock, no database."""
    day = expectation.day_at(now)
    due = expectation.due_at(day)
    found: list[Lateness] = []
    for feed in feeds:
        # A feed that began, or was resumed, after the time could not have been served by it.
        if feed.state != "LIVE" or not expectation.expects(day) or feed.changed_at > due or now < due:
            continue
        since = expectation.counts_since(day)
        first = min((at for at in arrived.get(feed.id, ()) if since <= at <= now), default=None)
        if first is not None and first <= due:
            continue
        missing = now >= due + expectation.cut_off
        status: Punctuality = "LATE_ARRIVED" if first is not None else "MISSING" if missing else "LATE"
        found.append(Lateness(feed.id, feed.interface, feed.dealer, day, due, status, first))
    return sorted(found, key=lambda each: (each.interface, each.dealer))


def lateness_of_days(contract: Contract, feeds: Iterable[Feed], ledger: Ledger, *, now: datetime) -> list[Lateness]:
    """
    Return what of the last days is late, missing or came late, the oldest day first.

    Goes back as far as ``LOOK_BACK``; of days before today's only what is certain by now is told, that a file is
    missing or came late.
    """
    expectation = Expectation.of(contract)
    feeds = list(feeds)
    today = expectation.day_at(now)
    arrived: dict[int, list[datetime]] = {}
    for row in ledger.arrivals(interface=contract.id, since=expectation.opens(today - 2 * LOOK_BACK)):
        if row.state not in NO_FILE:
            arrived.setdefault(row.feed_id, []).append(row.first_seen_at)
    found: list[Lateness] = []
    for back in range(LOOK_BACK.days, -1, -1):
        day = today - timedelta(days=back)
        # The last instant that belongs to the day.
        at = min(now, expectation.opens(day + timedelta(days=1)) - timedelta(seconds=1))
        found += lateness(feeds, arrived, expectation, now=at)
    return found


def notice(contract: Contract, feeds: Iterable[Feed], ledger: Ledger, *, now: datetime) -> list[Lateness]:
    """
    Write down what of the last days is late, missing or came late, and return what nobody had written down before.

    May be called at any time by anybody: each thing is told once, and days on which nothing ran are made up for.
    """
    found = lateness_of_days(contract, feeds, ledger, now=now)
    return [each for each in found if ledger.note_punctuality(each.feed_id, each.status, each.day)]
