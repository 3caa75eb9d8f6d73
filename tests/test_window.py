"""A business day is what the wall clock of its zone says, whatever its length."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.window import Window, WindowError, day_window, month_window, period_window, require_ended

ZONES = ["Europe/London", "Europe/Paris", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu"]


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 10), 24), (date(2028, 2, 29), 24)],
)
def test_day_is_as_long_as_the_zone_makes_it(day: date, hours: int) -> None:
    window = day_window(day, "Europe/London")
    assert window.end - window.start == timedelta(hours=hours)
    assert window.business_date == window.last_date == day


@given(st.dates(date(2017, 1, 1), date(2035, 1, 1)), st.sampled_from(ZONES))
def test_days_follow_each_other_without_gap_or_overlap(day: date, zone: str) -> None:
    today, tomorrow = day_window(day, zone), day_window(day + timedelta(days=1), zone)
    assert today.end == tomorrow.start
    assert (today.business_date, today.last_date) == (day, day)


def test_a_day_that_is_not_over_is_refused_with_the_time_it_ends() -> None:
    window = day_window(date(2026, 11, 10), "Europe/London")
    with pytest.raises(WindowError, match=r"2026-11-10 .* not over before 2026-11-11T00:00"):
        require_ended(window, datetime(2026, 11, 10, 23, 59, tzinfo=UTC))
    assert require_ended(window, datetime(2026, 11, 11, tzinfo=UTC)) is window


@pytest.mark.parametrize(
    ("zone", "spring"), [("Europe/London", 3), ("Europe/Paris", 3), ("Europe/Gibraltar", 3), ("UTC", None)]
)
@pytest.mark.parametrize("year", range(2024, 2031))
def test_a_month_is_as_long_as_its_days_by_the_clock(zone: str, spring: int | None, year: int) -> None:
    for month in range(1, 13):
        days = (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days
        assert days == 29 or (month, year % 4) != (2, 0)
        summer = 0 if spring is None else {spring: -1, 10: 1}.get(month, 0)
        window = month_window(date(year, month, 17), zone)
        assert window.end - window.start == timedelta(hours=24 * days + summer)
        assert (window.business_date, window.last_date) == (date(year, month, 1), date(year, month, days))


@given(st.dates(date(2017, 1, 1), date(2035, 1, 1)), st.sampled_from(ZONES))
def test_months_follow_each_other_and_are_made_of_their_days(day: date, zone: str) -> None:
    month = month_window(day, zone)
    assert month.start == day_window(month.business_date, zone).start
    assert month.end == day_window(month.last_date, zone).end
    assert month_window(month.last_date + timedelta(days=1), zone).start == month.end
    assert month.business_date <= day <= month.last_date


def test_a_period_is_a_day_or_a_month() -> None:
    day = date(2028, 2, 29)
    assert period_window("day", day, "Europe/Paris") == day_window(day, "Europe/Paris")
    assert period_window("month", day, "Europe/Paris") == month_window(date(2028, 2, 1), "Europe/Paris")
    with pytest.raises(WindowError, match="a period is a day or a month, not a week"):
        period_window("week", day, "Europe/Paris")


def test_a_month_that_is_not_over_is_refused_as_a_month() -> None:
    window = month_window(date(2026, 11, 1), "Europe/Gibraltar")
    with pytest.raises(WindowError, match=r"^month 2026-11 \(Europe/Gibraltar\) is not over before 2026-11-30T23:00"):
        require_ended(window, datetime(2026, 11, 30, 22, 59, tzinfo=UTC))
    assert require_ended(window, datetime(2026, 11, 30, 23, tzinfo=UTC)) is window


def test_instants_without_a_zone_or_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(WindowError, match="with a zone"):
        Window(datetime(2026, 1, 1), datetime(2026, 1, 2), "UTC")  # noqa: DTZ001
    with pytest.raises(WindowError, match="backwards"):
        Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), "UTC")
