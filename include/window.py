"""Business periods: which instants belong to which day or month, in the zone the business lives in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


class WindowError(ValueError):
    """The period asked for cannot be delivered; the message says what to ask for instead."""


@dataclass(frozen=True)
class Window:
    """
    A half-open period ``[start, end)`` of aware UTC instants, and the zone whose midnights bound it.

    A day in a zone with summer time is 23, 24 or 25 hours long; nothing here assumes 24.
    """

    start: datetime
    end: datetime
    zone: str

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise WindowError(f"a window needs instants with a zone, got {self.start} and {self.end}")
        if self.start >= self.end:
            raise WindowError(f"the window {self.start} to {self.end} is empty or runs backwards")

    @property
    def business_date(self) -> date:
        """The local calendar day on which the window starts: the date in file names and headers."""
        return self.start.astimezone(ZoneInfo(self.zone)).date()

    @property
    def last_date(self) -> date:
        """The last local calendar day the window touches; equals ``business_date`` for one day."""
        return (self.end - timedelta(microseconds=1)).astimezone(ZoneInfo(self.zone)).date()

    def ended(self, now: datetime) -> bool:
        """True once nothing more can be posted into the window."""
        return now >= self.end


def day_window(day: date, zone: str) -> Window:
    """Return the window from local midnight to local midnight of ``day`` in IANA ``zone``."""
    return Window(_midnight(day, zone), _midnight(day + timedelta(days=1), zone), zone)


def month_window(day: date, zone: str) -> Window:
    """Return the window of the calendar month that ``day`` lies in, local midnight to local midnight in ``zone``."""
    first = day.replace(day=1)
    return Window(_midnight(first, zone), _midnight((first + timedelta(days=31)).replace(day=1), zone), zone)


def period_window(unit: str, day: date, zone: str) -> Window:
    """
    Return the ``day`` or the ``month`` (``unit``) that ``day`` lies in.

    :raises WindowError: for any other unit.
    """
    makers = {"day": day_window, "month": month_window}
    if unit not in makers:
        raise WindowError(f"a period is a {' or a '.join(makers)}, not a {unit}")
    return makers[unit](day, zone)


def require_ended(window: Window, now: datetime) -> Window:
    """
    Return ``window`` if it is over.

    :raises WindowError: if it ends after ``now``; a file sent early would miss what is still to be posted.
    """
    if not window.ended(now):
        if window.business_date == window.last_date:
            what, latest = (
                f"business date {window.business_date}",
                "choose a day that has ended, yesterday at the latest",
            )
        else:
            what, latest = f"month {window.business_date:%Y-%m}", "choose a month that has ended"
        raise WindowError(f"{what} ({window.zone}) is not over before {window.end.isoformat()}; {latest}")
    return window


def _midnight(day: date, zone: str) -> datetime:
    # Where summer time starts at midnight that instant does not exist; fold=0 then gives the first
    # instant after the gap once it has gone through UTC, which is when the day begins.
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)
