"""Which business day a run serves, however it was started."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pendulum
import pytest

ZONE = "Europe/London"


def day_of(**context: Any) -> date:
    from plugins import run_window

    return run_window.day_of(cast(Any, context), ZONE).business_date


def test_schedule_and_backfill_serve_the_day_of_their_interval() -> None:
    # Midnight in London on 10 July is 23:00 UTC the day before.
    assert day_of(data_interval_start=pendulum.datetime(2026, 7, 9, 23, tz="UTC")) == date(2026, 7, 10)


def test_what_a_person_asks_for_comes_first() -> None:
    interval = pendulum.datetime(2026, 7, 9, 23, tz="UTC")
    assert day_of(params={"business_date": "2026-07-01"}, data_interval_start=interval) == date(2026, 7, 1)


def test_trigger_without_interval_and_day_says_what_is_missing() -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=r"no data interval and no business_date.*or use a backfill"):
        day_of(params={"business_date": None}, data_interval_start=None)


def test_backfill_that_asks_for_one_day_on_all_its_days_is_refused() -> None:
    from airflow.sdk.exceptions import AirflowFailException
    from airflow.utils.types import DagRunType

    backfill = SimpleNamespace(run_type=DagRunType.BACKFILL_JOB)
    interval = pendulum.datetime(2026, 7, 9, 23, tz="UTC")
    assert day_of(dag_run=backfill, data_interval_start=interval) == date(2026, 7, 10)
    with pytest.raises(AirflowFailException, match="leave business_date empty"):
        day_of(dag_run=backfill, params={"business_date": "2026-07-01"}, data_interval_start=interval)


@pytest.mark.parametrize("written", ["10/07/2026", "2026-02-30", "yesterday"])
def test_day_that_is_none_is_refused_with_the_form_to_use(written: str) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match="write it as YYYY-MM-DD"):
        day_of(params={"business_date": written})
