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


def _due(contract: Contract, day: date) -> DuePeriod:
    window = period_window(contract.period_unit, day, contract.zone)
    morning = due_day(contract, window.last_date + timedelta(days=1))
    return DuePeriod(window, datetime.combine(morning, contract.due, ZoneInfo(contract.zone)))
