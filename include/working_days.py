"""Working days of a country: Monday to Friday without its public holidays."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.contract import Contract

SATURDAY = 5


class WorkingDayError(ValueError):
    """There is no such working day; the message says what there is."""


def nth_working_day(year: int, month: int, n: int, country: str) -> date:
    """
    Return the ``n``-th working day (from 1) of a month.

    Public holidays are the national ones of ``country`` (ISO 3166, two letters) as the pinned ``holidays`` package
    knows them; those of a single region, such as Good Friday in Alsace, are working days.

    :raises WorkingDayError: if the country is unknown, or the month has no ``n``-th working day.
    """
    # Imported here: a DAG file's parse must not pay for the calendars.
    import holidays

    if n < 1:
        raise WorkingDayError(f"working days are counted from 1, so there is no working day {n}")
    try:
        public = holidays.country_holidays(country, years=year)
    except NotImplementedError as error:
        raise WorkingDayError(
            f"no public holidays are known for the country {country!r}; write its two letters of ISO 3166, "
            "for example FR or GB"
        ) from error
    day, found = date(year, month, 1), 0
    while day.month == month:
        if day.weekday() < SATURDAY and day not in public:
            found += 1
            if found == n:
                return day
        day += timedelta(days=1)
    raise WorkingDayError(f"{year}-{month:02d} has {found} working days in {country}, so there is no {n}th")


def due_day(contract: Contract, after: date) -> date:
    """
    Return the day on which a file is due whose window ended before ``after``, its first day behind the window.

    That is ``after`` itself, or the working day of its month that the contract names.
    """
    if contract.due_working_day is None or contract.working_calendar is None:
        return after
    return nth_working_day(after.year, after.month, contract.due_working_day, contract.working_calendar)
