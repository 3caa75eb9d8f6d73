"""Which days and months a `make run` sees to, by the calendar on which it is started."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from include.contract import Contract, load_contract
from include.working_days import due_day
from local.due import Due, due, last_due_month

DAILY, MONTHLY = "merkle_sar_daily", "renault_sar_monthly"


@pytest.fixture(scope="module")
def monthly() -> Contract:
    return load_contract(MONTHLY)


def of(found: list[Due], interface: str) -> Due:
    (one,) = [each for each in found if each.contract.id == interface]
    return one


@pytest.mark.parametrize(
    ("month", "day"),
    [
        (date(2026, 11, 1), date(2026, 11, 3)),  # All Saints' Day is the Sunday
        (date(2027, 1, 1), date(2027, 1, 5)),  # New Year's Day is a Friday
        (date(2026, 5, 1), date(2026, 5, 5)),  # Labour Day is a Friday
        (date(2024, 4, 1), date(2024, 4, 3)),  # Easter Monday is the first
        (date(2026, 8, 1), date(2026, 8, 4)),  # a Saturday
        (date(2026, 9, 1), date(2026, 9, 2)),
    ],
)
def test_a_month_is_due_on_the_second_working_day_in_france(monthly: Contract, month: date, day: date) -> None:
    assert due_day(monthly, month) == day
    before = (month - timedelta(days=1)).replace(day=1)
    assert last_due_month(monthly, day) == before
    assert last_due_month(monthly, day - timedelta(days=1)) == (before - timedelta(days=1)).replace(day=1)


def test_the_last_days_are_airflows_and_the_days_back_to_the_month_are_not() -> None:
    found = due(first_day=date(2026, 7, 15), until=date(2026, 11, 21))
    names = [each.contract.id for each in found]
    assert names == ["fcs_ddc_daily", DAILY, MONTHLY], "a month is reconciled with days that went before"
    ddc = of(found, "fcs_ddc_daily")
    assert [window.business_date.day for window in ddc.past] == [15, 16, 17, 18, 19], "nothing is reconciled with it"
    assert [window.business_date.day for window in ddc.recent] == [20, 21]
    daily, month = of(found, DAILY), of(found, MONTHLY)
    assert [window.business_date for window in daily.recent] == [date(2026, 11, day) for day in range(19, 22)]
    past = [window.business_date for window in daily.past]
    assert (past[0], past[-1], len(past)) == (date(2026, 10, 1), date(2026, 11, 18), 49)
    assert past == sorted(set(past))
    assert [(window.business_date, window.last_date) for window in month.recent] == [
        (date(2026, 10, 1), date(2026, 10, 31))
    ]
    assert month.past == ()


def test_the_last_days_may_begin_in_the_month_itself() -> None:
    found = due(first_day=date(2026, 6, 1), until=date(2026, 9, 1))  # on 2 September August is due
    daily = of(found, DAILY)
    assert of(found, MONTHLY).recent[0].business_date == date(2026, 8, 1)
    assert [window.business_date.day for window in daily.past] == list(range(1, 30))
    assert daily.recent[0].business_date == date(2026, 8, 30)


@pytest.mark.parametrize("days", [1, 3, 10, 51])
def test_a_sample_that_does_not_reach_back_to_the_month_has_none(days: int) -> None:
    until = date(2026, 11, 21)
    found = due(first_day=until - timedelta(days=days - 1), until=until)
    assert of(found, MONTHLY).windows == ()
    assert len(of(found, DAILY).recent) == min(days, 3)
    assert len(of(found, DAILY).windows) == min(days, 7)
    assert of(due(first_day=date(2026, 10, 1), until=until), MONTHLY).windows
