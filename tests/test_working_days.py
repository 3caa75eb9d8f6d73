"""Working days against a calendar of our own: the movable feasts from Easter's rule, the fixed ones from the law."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from include.working_days import WorkingDayError, nth_working_day

# Code du travail, article L3133-1: eleven public holidays, of which three move with Easter.
FIXED = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)]
AFTER_EASTER = [1, 39, 50]  # Easter Monday, Ascension, Whit Monday.
MONTHS = [(year, month) for year in range(2024, 2031) for month in range(1, 13)]
# Read off printed calendars: months whose second working day is not what weekdays alone would say.
BY_HAND = {
    (2024, 1): date(2024, 1, 3),  # Monday 1 January is a holiday.
    (2024, 5): date(2024, 5, 3),  # Wednesday 1 May is a holiday.
    (2024, 11): date(2024, 11, 5),  # Friday 1 November, then a weekend.
    (2025, 1): date(2025, 1, 3),
    (2025, 6): date(2025, 6, 3),  # Starts on a Sunday.
    (2025, 11): date(2025, 11, 4),  # 1 November is a Saturday: nothing moves to Monday in France.
    (2026, 1): date(2026, 1, 5),  # Thursday 1 January, Friday 2, then a weekend.
    (2026, 4): date(2026, 4, 2),  # Good Friday, the 3rd, is a working day in France.
    (2026, 5): date(2026, 5, 5),  # Friday 1 May, then a weekend.
    (2026, 11): date(2026, 11, 3),  # 1 November is a Sunday: Monday works.
    (2027, 1): date(2027, 1, 5),
    (2027, 5): date(2027, 5, 4),  # 1 May is a Saturday.
    (2028, 5): date(2028, 5, 3),
    (2029, 4): date(2029, 4, 4),  # Easter Monday on the 2nd.
    (2030, 11): date(2030, 11, 5),
}


def easter(year: int) -> date:
    """Easter Sunday by the table rules of the Gregorian reform: golden number, epact, Sunday after the full moon."""
    golden = year % 19 + 1
    century = year // 100 + 1
    solar = 3 * century // 4 - 12
    lunar = (8 * century + 5) // 25 - 5
    sunday = 5 * year // 4 - solar - 10
    epact = (11 * golden + 20 + lunar - solar) % 30
    if epact == 24 or (epact == 25 and golden > 11):
        epact += 1
    moon = 44 - epact
    if moon < 21:
        moon += 30
    march = moon + 7 - (sunday + moon) % 7
    return date(year, 3, 1) + timedelta(days=march - 1)


def french_holidays(year: int) -> set[date]:
    return {date(year, *day) for day in FIXED} | {easter(year) + timedelta(days=days) for days in AFTER_EASTER}


def working_days(year: int, month: int) -> list[date]:
    days = (date(year, month, 1) + timedelta(days=number) for number in range(31))
    return [day for day in days if day.month == month and day.isoweekday() < 6 and day not in french_holidays(year)]


def test_our_easter_is_the_one_on_the_calendar() -> None:
    assert [easter(year) for year in range(2024, 2031)] == [
        date(2024, 3, 31),
        date(2025, 4, 20),
        date(2026, 4, 5),
        date(2027, 3, 28),
        date(2028, 4, 16),
        date(2029, 4, 1),
        date(2030, 4, 21),
    ]
    assert all(len(french_holidays(year)) == 11 for year in range(2024, 2028))


@pytest.mark.parametrize(("year", "month"), MONTHS)
def test_every_working_day_of_seven_years_is_the_one_of_an_independent_calendar(year: int, month: int) -> None:
    expected = working_days(year, month)
    assert nth_working_day(year, month, 2, "FR") == expected[1]
    assert [nth_working_day(year, month, n + 1, "FR") for n in range(len(expected))] == expected


@pytest.mark.parametrize("month", BY_HAND)
def test_second_working_day_of_months_read_off_a_calendar(month: tuple[int, int]) -> None:
    assert nth_working_day(*month, 2, "FR") == BY_HAND[month]


def test_another_country_has_other_holidays() -> None:
    # Whit Monday 2027 is one in France; the United Kingdom's spring bank holiday is two weeks later.
    assert date(2027, 5, 17) not in working_days(2027, 5)
    british = [nth_working_day(2027, 5, n, "GB") for n in range(1, 20)]
    assert date(2027, 5, 17) in british
    assert date(2027, 5, 31) not in british


def test_what_is_no_working_day_is_refused_in_words() -> None:
    with pytest.raises(WorkingDayError, match="counted from 1"):
        nth_working_day(2026, 11, 0, "FR")
    with pytest.raises(WorkingDayError, match="2026-02 has 20 working days in FR"):
        nth_working_day(2026, 2, 21, "FR")
    with pytest.raises(WorkingDayError, match=r"country 'XX'.*two letters of ISO 3166"):
        nth_working_day(2026, 11, 2, "XX")
