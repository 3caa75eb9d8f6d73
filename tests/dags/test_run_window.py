"""Which business day or month a run serves, however it was started."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pendulum
import pytest

from include.contract import load_contract
from include.window import Window, month_window

DAILY, MONTHLY = "merkle_sar_daily", "renault_sar_monthly"
OCTOBER = date(2026, 10, 1)


def window_of(contract: str, **context: Any) -> Window:
    from plugins import run_window

    return run_window.window_of(cast(Any, context), load_contract(contract))


def day_of(**context: Any) -> date:
    window = window_of(DAILY, **context)
    assert window.zone == "Europe/London"
    assert window.business_date == window.last_date
    return window.business_date


def refused(contract: str, words: str, **context: Any) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=words):
        window_of(contract, **context)


def interval(start: pendulum.DateTime, end: pendulum.DateTime) -> dict[str, pendulum.DateTime]:
    # Airflow hands both over in UTC.
    return {"data_interval_start": start.in_timezone("UTC"), "data_interval_end": end.in_timezone("UTC")}


def month_interval(year: int, month: int) -> dict[str, pendulum.DateTime]:
    first = pendulum.datetime(year, month, 1, tz="Europe/Paris")
    return interval(first, first.add(months=1))


# Midnight in London on 10 July is 23:00 UTC the day before.
TENTH_OF_JULY = interval(pendulum.datetime(2026, 7, 9, 23, tz="UTC"), pendulum.datetime(2026, 7, 10, 23, tz="UTC"))


def test_schedule_and_backfill_serve_the_day_of_their_interval() -> None:
    assert day_of(**TENTH_OF_JULY) == date(2026, 7, 10)


@pytest.mark.parametrize(("year", "month"), [(2026, 3), (2026, 10), (2028, 2), (2026, 12)])
def test_schedule_and_backfill_serve_the_month_of_their_interval(year: int, month: int) -> None:
    assert window_of(MONTHLY, **month_interval(year, month)) == month_window(date(year, month, 1), "Europe/Paris")


def test_what_a_person_asks_for_comes_first() -> None:
    assert day_of(params={"business_date": "2026-07-01"}, **TENTH_OF_JULY) == date(2026, 7, 1)
    asked = window_of(MONTHLY, params={"month": "2026-10"}, **month_interval(2026, 2))
    assert asked == month_window(date(2026, 10, 1), "Europe/Paris")
    assert (asked.business_date, asked.last_date) == (date(2026, 10, 1), date(2026, 10, 31))


def test_person_may_ask_for_a_month_when_the_interval_cuts_one() -> None:
    cut = interval(pendulum.datetime(2026, 9, 15, tz="UTC"), pendulum.datetime(2026, 10, 15, tz="UTC"))
    assert window_of(MONTHLY, params={"month": "2026-09"}, **cut).business_date == date(2026, 9, 1)


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        (DAILY, r'no data interval and no business_date.*"business_date": "2026-11-20".*or use a backfill'),
        (MONTHLY, r'no data interval and no month.*"month": "2026-10".*or use a backfill'),
    ],
)
def test_trigger_without_interval_and_period_says_what_is_missing(contract: str, words: str) -> None:
    refused(contract, words, params={"business_date": None, "month": None}, data_interval_start=None)


@pytest.mark.parametrize(
    ("contract", "params"), [(DAILY, {"business_date": "2026-07-01"}), (MONTHLY, {"month": "2026-07"})]
)
def test_backfill_that_asks_for_one_period_on_all_of_them_is_refused(contract: str, params: dict[str, str]) -> None:
    from airflow.utils.types import DagRunType

    backfill = SimpleNamespace(run_type=DagRunType.BACKFILL_JOB)
    own = TENTH_OF_JULY if contract == DAILY else month_interval(2026, 9)
    assert window_of(contract, dag_run=backfill, **own).business_date in (date(2026, 7, 10), date(2026, 9, 1))
    refused(contract, f"leave {next(iter(params))} empty", dag_run=backfill, params=params, **own)


@pytest.mark.parametrize("written", ["10/07/2026", "2026-02-30", "yesterday"])
def test_day_that_is_none_is_refused_with_the_form_to_use(written: str) -> None:
    refused(DAILY, "write it as YYYY-MM-DD, for example 2026-11-20", params={"business_date": written})


@pytest.mark.parametrize(
    "written", ["2026-13", "2026-00", "2026-10-31", "10/2026", "October", "202610", "2026-1", "9999-12"]
)
def test_month_that_is_none_is_refused_with_the_form_to_use(written: str) -> None:
    refused(MONTHLY, f"month '{written}': .*write it as YYYY-MM, for example 2026-10", params={"month": written})


@pytest.mark.parametrize("contract", [DAILY, MONTHLY])
def test_day_and_month_together_are_refused(contract: str) -> None:
    both = {"business_date": "2026-10-31", "month": "2026-10"}
    refused(contract, "give (business_date|month) and nothing else", params=both)


def test_the_other_interfaces_word_for_the_period_is_refused() -> None:
    refused(MONTHLY, "goes by the month .* gives business_date 2026-10-31", params={"business_date": "2026-10-31"})
    refused(DAILY, "goes by the day .* gives month 2026-10", params={"month": "2026-10"})


CUT: dict[str, tuple[str, pendulum.DateTime, pendulum.DateTime, str]] = {
    "from the middle of a month": (
        MONTHLY,
        pendulum.datetime(2026, 9, 15, tz="Europe/Paris"),
        pendulum.datetime(2026, 10, 1, tz="Europe/Paris"),
        "with month 2026-09 and no",
    ),
    "over two months": (
        MONTHLY,
        pendulum.datetime(2026, 9, 1, tz="Europe/Paris"),
        pendulum.datetime(2026, 11, 1, tz="Europe/Paris"),
        "with month 2026-09 or 2026-10 and no",
    ),
    "a month by another clock": (
        MONTHLY,
        pendulum.datetime(2026, 10, 1, tz="UTC"),
        pendulum.datetime(2026, 11, 1, tz="UTC"),
        "with month 2026-10 or 2026-11 and no",
    ),
    "an instant": (
        MONTHLY,
        pendulum.datetime(2026, 10, 1, tz="Europe/Paris"),
        pendulum.datetime(2026, 10, 1, tz="Europe/Paris"),
        "is not one whole month in Europe/Paris",
    ),
    "24 hours on the day that has 25": (
        DAILY,
        pendulum.datetime(2026, 10, 24, 23, tz="UTC"),
        pendulum.datetime(2026, 10, 25, 23, tz="UTC"),
        "with business_date 2026-10-25 and no",
    ),
}


@pytest.mark.parametrize("case", CUT)
def test_interval_that_cuts_a_period_is_refused_and_names_what_to_ask_for(case: str) -> None:
    contract, start, end, words = CUT[case]
    refused(contract, words, **interval(start, end))


LOGICAL = {
    "the schedule's and a backfill's": (pendulum.datetime(2026, 10, 1, tz="Europe/Paris"), True),
    "the first instant after": (pendulum.datetime(2026, 11, 1, tz="Europe/Paris"), True),
    "the month after": (pendulum.datetime(2026, 11, 30, 22, 59, tz="UTC"), True),
    "a later month": (pendulum.datetime(2026, 11, 30, 23, tz="UTC"), False),
    "an earlier month": (pendulum.datetime(2026, 5, 20, tz="UTC"), False),
    "within the month": (pendulum.datetime(2026, 10, 20, tz="UTC"), False),
}


@pytest.mark.parametrize("case", LOGICAL)
def test_logical_date_that_speaks_of_another_month_is_refused(case: str) -> None:
    logical_date, fits = LOGICAL[case]
    run = SimpleNamespace(run_type="manual", logical_date=logical_date)
    if fits:
        assert window_of(MONTHLY, dag_run=run, **month_interval(2026, 10)).business_date == OCTOBER
    else:
        refused(
            MONTHLY, "speak of different months; .* with the parameter month", dag_run=run, **month_interval(2026, 10)
        )
    assert window_of(MONTHLY, dag_run=run, params={"month": "2026-10"}).business_date == OCTOBER


def test_run_delivers_unless_it_is_a_preview_and_no_third_word_is_guessed_at() -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from plugins.run_window import mode_of

    def mode(**params: Any) -> str:
        return mode_of(cast(Any, {"params": params}))

    assert (mode(), mode(mode=None), mode(mode="deliver"), mode(mode="preview")) == ("deliver",) * 3 + ("preview",)
    with pytest.raises(AirflowFailException, match="one of: deliver, preview"):
        mode(mode="Preview")
