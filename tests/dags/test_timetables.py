"""A run covers its business day or month, whole, however it came about."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pendulum
import pytest

from include.window import day_window, month_window, period_window

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

ZONES = ["Europe/London", "Europe/Paris", "Europe/Gibraltar"]
SEVEN_YEARS = range(2024, 2031)


def daily() -> Timetable:
    from plugins.timetables import BusinessDayTimetable

    return BusinessDayTimetable("Europe/London", "02:30")


def monthly() -> Timetable:
    from plugins.timetables import WorkingDayOfMonthTimetable

    return WorkingDayOfMonthTimetable("Europe/Paris", "FR", 2, "05:00")


def interval_of(info: DagRunInfo) -> DataInterval:
    assert info.data_interval is not None
    return info.data_interval


def runs(timetable: Timetable, first: pendulum.DateTime, last: pendulum.DateTime) -> list[DagRunInfo]:
    """The runs that a backfill between the two instants makes."""
    from airflow.timetables.base import TimeRestriction

    restriction = TimeRestriction(earliest=first, latest=last, catchup=True)
    found: list[DagRunInfo] = []
    info = None
    while info := timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction):
        found.append(info)
    return found


def months(found: list[DagRunInfo]) -> list[str]:
    return [interval_of(info).start.in_timezone("Europe/Paris").format("YYYY-MM") for info in found]


@pytest.mark.parametrize(
    ("day", "hours"),
    [(pendulum.date(2026, 3, 29), 23), (pendulum.date(2026, 10, 25), 25), (pendulum.date(2026, 11, 10), 24)],
)
def test_interval_is_the_local_day_and_the_run_starts_on_the_morning_after(day: pendulum.Date, hours: int) -> None:
    midnight = pendulum.datetime(day.year, day.month, day.day, tz="Europe/London")
    (info,) = runs(daily(), midnight, midnight)
    start, end = interval_of(info)
    assert start == midnight
    assert end - start == timedelta(hours=hours)
    assert info.run_after.in_timezone("Europe/London") == midnight.add(days=1).at(2, 30)


def test_days_of_seven_years_follow_each_other_and_are_the_windows() -> None:
    found = runs(daily(), pendulum.datetime(2024, 1, 1), pendulum.datetime(2030, 12, 31))
    assert len(found) == 7 * 365 + 2
    for number, info in enumerate(found):
        window = day_window(date(2024, 1, 1) + timedelta(days=number), "Europe/London")
        assert tuple(interval_of(info)) == (window.start, window.end)
        morning = info.run_after.in_timezone("Europe/London")
        assert (morning.date(), morning.hour, morning.minute) == (window.last_date + timedelta(days=1), 2, 30)
    assert found[59].run_after == pendulum.datetime(2024, 3, 1, 2, 30)


def test_months_of_seven_years_follow_each_other_and_are_the_windows() -> None:
    found = runs(monthly(), pendulum.datetime(2024, 1, 1), pendulum.datetime(2030, 12, 31))
    assert len(found) == 84
    assert months(found) == [f"{year}-{month:02d}" for year in SEVEN_YEARS for month in range(1, 13)]
    for info in found:
        start, end = interval_of(info)
        window = month_window(start.in_timezone("Europe/Paris").date(), "Europe/Paris")
        assert (start, end) == (window.start, window.end)
    for before, after in pairwise(found):
        assert interval_of(before).end == interval_of(after).start


@pytest.mark.parametrize(
    ("month", "at"),
    [
        # Sunday 1 November is All Saints': Monday is the first working day.
        (date(2026, 10, 1), pendulum.datetime(2026, 11, 3, 5, tz="Europe/Paris")),
        (date(2026, 12, 1), pendulum.datetime(2027, 1, 5, 5, tz="Europe/Paris")),
        (date(2026, 4, 1), pendulum.datetime(2026, 5, 5, 5, tz="Europe/Paris")),
        # Paris is two hours ahead of UTC on that morning, and was one on the first of the month it sends.
        (date(2026, 3, 1), pendulum.datetime(2026, 4, 2, 3, tz="UTC")),
        (date(2024, 2, 1), pendulum.datetime(2024, 3, 4, 4, tz="UTC")),
    ],
)
def test_month_starts_on_the_second_working_day_after_it(month: date, at: pendulum.DateTime) -> None:
    window = month_window(month, "Europe/Paris")
    (info,) = runs(monthly(), *[pendulum.instance(window.start)] * 2)
    assert info.run_after == at


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", SEVEN_YEARS)
def test_lengths_of_days_and_months_follow_the_clock_changes(year: int, zone: str) -> None:
    def last_sunday(month: int) -> date:
        last = date(year, month, 31)
        return last - timedelta(days=last.isoweekday() % 7)

    hours = {last_sunday(3): 23, last_sunday(10): 25}
    for number in range((date(year + 1, 1, 1) - date(year, 1, 1)).days):
        day = date(year, 1, 1) + timedelta(days=number)
        window = day_window(day, zone)
        assert window.end - window.start == timedelta(hours=hours.get(day, 24))
    february = 29 if year % 4 == 0 else 28
    for month, days in enumerate((31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), start=1):
        window = month_window(date(year, month, days), zone)
        assert (window.business_date, window.last_date) == (date(year, month, 1), date(year, month, days))
        assert window.end - window.start == timedelta(days=days, hours={3: -1, 10: 1}.get(month, 0))
        assert window == period_window("month", date(year, month, 15), zone)
        assert window.start == day_window(date(year, month, 1), zone).start
        assert window.end == day_window(date(year, month, days), zone).end


@pytest.mark.parametrize(
    ("first", "last"),
    [
        # What the command line and the API make of plain dates, in Airflow's default zone.
        (pendulum.datetime(2026, 8, 1), pendulum.datetime(2026, 10, 31)),
        (pendulum.datetime(2026, 8, 1), pendulum.datetime(2026, 10, 1)),
        # What the UI sends for somebody whose clock is set to Paris, and what an explicit offset means.
        (pendulum.datetime(2026, 8, 1, tz="Europe/Paris"), pendulum.datetime(2026, 10, 31, tz="Europe/Paris")),
        (pendulum.datetime(2026, 7, 15), pendulum.datetime(2026, 10, 1)),
    ],
)
def test_backfill_over_past_months_makes_exactly_those(first: pendulum.DateTime, last: pendulum.DateTime) -> None:
    assert months(runs(monthly(), first, last)) == ["2026-08", "2026-09", "2026-10"]


def test_backfill_over_past_days_in_summer_makes_the_first_day_too() -> None:
    found = runs(daily(), pendulum.datetime(2026, 7, 1), pendulum.datetime(2026, 7, 3))
    days = [interval_of(info).start.in_timezone("Europe/London").date() for info in found]
    assert days == [date(2026, 7, 1), date(2026, 7, 2), date(2026, 7, 3)]


def test_plain_dates_west_of_greenwich_mean_the_local_day_too() -> None:
    from plugins.timetables import BusinessDayTimetable

    timetable = BusinessDayTimetable("America/New_York", "02:30")
    found = runs(timetable, pendulum.datetime(2026, 7, 1), pendulum.datetime(2026, 7, 2))
    assert [interval_of(info).start.in_timezone("America/New_York").day for info in found] == [1, 2]


def test_timetables_survive_being_stored_and_say_what_they_do() -> None:
    from plugins.timetables import BusinessDayTimetable, WorkingDayOfMonthTimetable

    day = BusinessDayTimetable.deserialize(daily().serialize())
    assert day.serialize() == {"timezone": "Europe/London", "deliver_at": "02:30"}
    assert day.summary == "daily at 02:30 Europe/London"
    month = WorkingDayOfMonthTimetable.deserialize(monthly().serialize())
    assert month.serialize() == {
        "timezone": "Europe/Paris",
        "country": "FR",
        "working_day": 2,
        "deliver_at": "05:00",
    }
    assert month.summary == "monthly on working day 2 (FR) at 05:00 Europe/Paris"
    assert month.description.startswith("Each calendar month (Europe/Paris), at 05:00 on working day 2 of the month")
