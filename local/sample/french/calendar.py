"""When the French points of sale work: Monday to Saturday of the sample's last thirty days, by the clock of Paris."""

from __future__ import annotations

from datetime import time, timedelta

import numpy as np

from local.sample.draws import Numbers, uniform
from local.sample.french.group import ZONE
from local.sample.month_ends import EPOCH, offset
from local.sample.parameters import Parameters

DAYS = 30
SATURDAY = 0.4  # against another day
AT_MIDNIGHT_SHARE = 0.004  # on either side of it


def working_days(parameters: Parameters) -> Numbers:
    """Days from 1970, without Sundays; a benchmark has all of its own days."""
    first, last = (parameters.first_day - EPOCH).days, (parameters.until - EPOCH).days
    if parameters.workshop_only:
        return np.arange(first, last + 1, dtype=np.int64)
    days = np.arange(max(first, last - DAYS + 1), last + 1, dtype=np.int64)
    # 1970 began on a Thursday.
    open_on: Numbers = days[(days + 3) % 7 != 6]
    return open_on


def busyness(days: Numbers) -> Numbers:
    """How much is done on each day, in hundredths of an ordinary one."""
    return np.where((days + 3) % 7 == 5, int(100 * SATURDAY), 100).astype(np.int64)


def opening_hours(seed: int, name: str, day: Numbers, keys: Numbers) -> Numbers:
    """Instants (seconds from 1970, UTC) between 8:00 and 18:30 on each day, a few around midnight instead."""
    morning = uniform(seed, f"{name} morning", keys) < 0.55
    spread = uniform(seed, f"{name} spread a", keys) + uniform(seed, f"{name} spread b", keys) - 1
    second = (np.where(morning, 10.25, 16.0) * 3600 + spread * 2.25 * 3600).astype(np.int64)
    where = uniform(seed, f"{name} midnight", keys)
    # The cube makes the very first and the very last second of the day likely.
    minutes = (uniform(seed, f"{name} minutes", keys) ** 3 * 600).astype(np.int64)
    second = np.where(where < AT_MIDNIGHT_SHARE, minutes, second)
    second = np.where(where > 1 - AT_MIDNIGHT_SHARE, 86_399 - minutes, second)
    return instants(day, second)


def instants(day: Numbers, second: Numbers) -> Numbers:
    """Seconds from 1970 in UTC of a second of the day by the clock of Paris; none of them between 1:00 and 4:00."""
    if not len(day):
        return day
    first = int(day.min())
    turns = [EPOCH + timedelta(days=turn) for turn in range(first, int(day.max()) + 1)]
    at_midnight, at_noon = (np.array([offset(ZONE, turn, at) for turn in turns]) for at in (time(0), time(12)))
    found: Numbers = day * 86_400 + second - np.where(second < 3600, at_midnight[day - first], at_noon[day - first])
    return found
