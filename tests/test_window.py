"""A business day is what the wall clock of its zone says, whatever its length."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.window import Window, WindowError, day_window, require_ended

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


def test_instants_without_a_zone_or_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(WindowError, match="with a zone"):
        Window(datetime(2026, 1, 1), datetime(2026, 1, 2), "UTC")  # noqa: DTZ001
    with pytest.raises(WindowError, match="backwards"):
        Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), "UTC")
