"""Working days of a country: Monday to Friday without its public holidays."""

from __future__ import annotations

from datetime import date, timedelta

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
