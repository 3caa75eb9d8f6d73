"""Which period of an outbound interface is due last, and when the next is: from its contract and calendar alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from include.window import Window, period_window
from include.working_days import due_day

if TYPE_CHECKING:
    from include.contract import Contract


@dataclass(frozen=True)
class DuePeriod:
    """A period that has ended, or will, and the instant by which its files are promised."""

    window: Window
    due_at: datetime

    def label(self, contract: Contract) -> str:
        """The period as people say it: 2026-11-22, or 2026-11 of an interface whose files cover a month."""
        first = self.window.business_date
        return f"{first:%Y-%m}" if contract.period_unit == "month" else first.isoformat()


def last_due(contract: Contract, now: datetime) -> DuePeriod:
    """Return the newest period that has ended by ``now``; it is due already, or later today or this month."""
    today = now.astimezone(ZoneInfo(contract.zone)).date()
    first = today.replace(day=1) if contract.period_unit == "month" else today
    return _due(contract, first - timedelta(days=1))


def next_due(contract: Contract, now: datetime) -> DuePeriod:
    """Return the next period whose promise still lies ahead of ``now``."""
    newest = last_due(contract, now)
    if newest.due_at > now:
        return newest
    return _due(contract, newest.window.last_date + timedelta(days=1))


def period_of(contract: Contract, day: date) -> DuePeriod:
    """Return the period that ``day`` is in."""
    return _due(contract, day)


def due_since(contract: Contract, since: datetime, now: datetime, *, most: int) -> list[DuePeriod]:
    """Return the periods that became due after ``since``, at most ``most``, the newest first; the last due always."""
    found = [last_due(contract, now)]
    while len(found) < most:
        before = _due(contract, found[-1].window.business_date - timedelta(days=1))
        if before.due_at <= since:
            break
        found.append(before)
    return found


def _due(contract: Contract, day: date) -> DuePeriod:
    window = period_window(contract.period_unit, day, contract.zone)
    morning = due_day(contract, window.last_date + timedelta(days=1))
    return DuePeriod(window, datetime.combine(morning, contract.due, ZoneInfo(contract.zone)))
