"""Which period comes next, which one a run by hand takes, and which ones a past range has: by what was due, in days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pendulum
import pytest

if TYPE_CHECKING:
    from plugins.timetables import BusinessDayTimetable, WorkingDayOfMonthTimetable


def monthly() -> WorkingDayOfMonthTimetable:
    from plugins.timetables import WorkingDayOfMonthTimetable

    return WorkingDayOfMonthTimetable("Europe/Paris", "FR", 2, "05:00")


def daily() -> BusinessDayTimetable:
    from plugins.timetables import BusinessDayTimetable

    return BusinessDayTimetable("Europe/London", "02:30")


def paris(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> pendulum.DateTime:
    return pendulum.datetime(year, month, day, hour, minute, tz="Europe/Paris")


@pytest.mark.parametrize(
    ("now", "month"),
    [
        (paris(2026, 11, 1, 12), 9),  # October has ended and is due on the 3rd; September was missed on 2 October.
        (paris(2026, 11, 3, 4, 59), 9),
        (paris(2026, 11, 3, 5), 10),
        (paris(2026, 11, 20), 10),
    ],
)
def test_after_an_outage_the_last_month_that_was_due_goes(
    monkeypatch: pytest.MonkeyPatch, now: pendulum.DateTime, month: int
) -> None:
    from airflow.timetables.base import DataInterval, TimeRestriction

    monkeypatch.setattr(pendulum, "now", now.in_timezone)
    info = monthly().next_dagrun_info(
        last_automated_data_interval=DataInterval(paris(2026, 8, 1), paris(2026, 9, 1)),
        restriction=TimeRestriction(paris(2026, 1, 1), None, catchup=False),
    )
    assert info is not None
    assert info.data_interval is not None
    assert info.data_interval.start == paris(2026, month, 1)


@pytest.mark.parametrize(
    ("at", "month"), [(paris(2026, 11, 1, 9), 9), (paris(2026, 11, 3, 5), 10), (paris(2026, 11, 20), 10)]
)
def test_run_by_hand_takes_no_month_before_its_day(at: pendulum.DateTime, month: int) -> None:
    interval = monthly().infer_manual_data_interval(run_after=at)
    assert (interval.start, interval.end) == (paris(2026, month, 1), paris(2026, month, 1).add(months=1))


RANGES = [
    ("2026-08-01", "2026-10-31", [8, 9, 10]),
    ("2026-08-01", "2026-10-01", [8, 9, 10]),
    ("2026-08-01", "2026-09-30", [8, 9]),
    ("2026-08-01", "2026-09-30T23:59:59", [8, 9]),  # 01:59 on 1 October in Paris
    ("2026-05-01T00:00+01:00", "2026-05-31T23:59+01:00", [5]),  # as a browser in London gives it
    ("2026-08-01T00:00+02:00", "2026-10-01T00:00+02:00", [8, 9, 10]),
    ("2026-08-02", "2026-08-31", []),
]


@pytest.mark.parametrize(("first", "last", "months"), RANGES)
def test_range_has_the_months_that_begin_in_it_by_anybodys_clock(first: str, last: str, months: list[int]) -> None:
    assert [start.month for start in begun(monthly(), first, last)] == months


@pytest.mark.parametrize("last", ["2026-07-11", "2026-07-11T23:59", "2026-07-11T23:59+01:00"])
@pytest.mark.parametrize("first", ["2026-07-10", "2026-07-10T00:00+01:00", "2026-07-10T02:00+02:00"])
def test_range_of_summer_days_has_its_first_day_and_not_one_more(first: str, last: str) -> None:
    assert [start.day for start in begun(daily(), first, last)] == [10, 11]


def begun(
    timetable: BusinessDayTimetable | WorkingDayOfMonthTimetable, first: str, last: str
) -> list[pendulum.DateTime]:
    """Local starts of the runs of a backfill, as Airflow asks for them."""
    from airflow.timetables.base import TimeRestriction

    bounds = [pendulum.parse(bound) for bound in (first, last)]
    assert all(isinstance(bound, pendulum.DateTime) for bound in bounds)
    found, interval = [], None
    while info := timetable.next_dagrun_info(
        last_automated_data_interval=interval,
        restriction=TimeRestriction(bounds[0], bounds[1], catchup=True),  # type: ignore[arg-type]
    ):
        assert info.data_interval is not None
        interval = info.data_interval
        found.append(interval.start.in_timezone(timetable.serialize()["timezone"]))
    return found
