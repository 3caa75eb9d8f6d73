"""A run covers its business day, whole, however it came about."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pendulum
import pytest


def runs(first: pendulum.DateTime, count: int) -> list[tuple[pendulum.DateTime, pendulum.DateTime, pendulum.DateTime]]:
    from airflow.timetables.base import TimeRestriction

    from plugins.timetables import BusinessDayTimetable

    timetable = BusinessDayTimetable("Europe/London", "02:30")
    restriction = TimeRestriction(earliest=first, latest=None, catchup=True)
    found, last = [], None
    for _ in range(count):
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        assert info is not None
        assert info.data_interval is not None
        last = info.data_interval
        found.append((last.start, last.end, info.run_after))
    return found


@pytest.mark.parametrize(
    ("day", "hours"),
    [(pendulum.date(2026, 3, 29), 23), (pendulum.date(2026, 10, 25), 25), (pendulum.date(2026, 11, 10), 24)],
)
def test_interval_is_the_local_day_and_the_run_starts_on_the_morning_after(day: pendulum.Date, hours: int) -> None:
    midnight = pendulum.datetime(day.year, day.month, day.day, tz="Europe/London")
    ((start, end, run_after),) = runs(midnight, 1)
    assert start == midnight
    assert end - start == timedelta(hours=hours)
    assert run_after.in_timezone("Europe/London") == midnight.add(days=1).at(2, 30)


def test_days_of_eight_years_follow_each_other_without_gap() -> None:
    found = runs(pendulum.datetime(2024, 1, 1, tz="Europe/London"), 8 * 365)
    for (_, end, run_after), (start, _, _) in pairwise(found):
        assert end == start
        assert run_after > end
    assert found[59][0] == pendulum.datetime(2024, 2, 29, tz="Europe/London")


def test_run_by_hand_takes_the_last_whole_day() -> None:
    from plugins.timetables import BusinessDayTimetable

    timetable = BusinessDayTimetable("Europe/London", "02:30")
    interval = timetable.infer_manual_data_interval(run_after=pendulum.datetime(2026, 7, 10, 12, tz="UTC"))
    assert interval.start == pendulum.datetime(2026, 7, 9, tz="Europe/London")
    assert interval.end == pendulum.datetime(2026, 7, 10, tz="Europe/London")


def test_timetable_survives_being_stored() -> None:
    from plugins.timetables import BusinessDayTimetable

    timetable = BusinessDayTimetable("Europe/London", "02:30")
    again = BusinessDayTimetable.deserialize(timetable.serialize())
    assert again.serialize() == {"timezone": "Europe/London", "deliver_at": "02:30"}
    assert again.summary == "daily at 02:30 Europe/London"
