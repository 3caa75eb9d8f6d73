"""What Airflow's own backfill and trigger make of the monthly DAG, in its own database."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, cast

import pendulum
import pytest

from include.contract import load_contract
from include.window import month_window

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

MONTHLY = "renault_sar_monthly"


@pytest.fixture(scope="module")
def stored(airflow_with_pools: str, bag: DagBag) -> str:
    """The DAGs as the DAG processor stores them; returns the monthly one's id."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]
    sync_bag_to_db(bag, "dags-folder", None)
    return MONTHLY


def test_backfill_of_plain_dates_makes_one_run_for_each_month(stored: str) -> None:
    from airflow.models import DagRun
    from airflow.models.backfill import ReprocessBehavior, _create_backfill
    from airflow.utils.session import create_session
    from sqlalchemy import select

    _create_backfill(
        dag_id=stored,
        from_date=pendulum.datetime(2026, 8, 1),
        to_date=pendulum.datetime(2026, 10, 31),
        max_active_runs=1,
        reverse=False,
        dag_run_conf={"mode": "preview"},
        triggering_user_name="test",
        reprocess_behavior=ReprocessBehavior.NONE,
    )
    with create_session() as session:
        made = session.scalars(select(DagRun).where(DagRun.dag_id == stored).order_by(DagRun.logical_date)).all()
    windows = [month_window(date(2026, month, 1), "Europe/Paris") for month in (8, 9, 10)]
    assert [(run.data_interval_start, run.data_interval_end) for run in made] == [(w.start, w.end) for w in windows]
    assert [run.run_after.date() for run in made] == [date(2026, 9, 2), date(2026, 10, 2), date(2026, 11, 3)]
    assert all(run.conf == {"mode": "preview"} for run in made)


def test_trigger_from_the_command_line_takes_todays_interval_and_the_run_refuses_to_guess(stored: str) -> None:
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.sdk.exceptions import AirflowFailException
    from airflow.utils.types import DagRunTriggeredByType

    from plugins.run_window import window_of

    bare = trigger_dag(stored, triggered_by=DagRunTriggeredByType.CLI, run_id="bare", conf={"month": "2026-04"})
    assert bare is not None
    assert (bare.logical_date, bare.data_interval_start) == (None, None)
    dated = trigger_dag(
        stored, triggered_by=DagRunTriggeredByType.CLI, logical_date=pendulum.datetime(2026, 5, 20), run_id="dated"
    )
    assert dated is not None
    context = {
        "dag_run": dated,
        "params": {},
        "data_interval_start": dated.data_interval_start,
        "data_interval_end": dated.data_interval_end,
    }
    with pytest.raises(AirflowFailException, match="speak of different months"):
        window_of(cast(Any, context), load_contract(stored))


def test_trigger_through_the_api_has_the_month_before_its_logical_date(stored: str, bag: DagBag) -> None:
    from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.from_dict(DagSerialization.to_dict(bag.dags[stored]))
    asked = TriggerDAGRunPostBody(logical_date=pendulum.datetime(2026, 5, 20)).validate_context(dag)
    window = month_window(date(2026, 4, 1), "Europe/Paris")
    assert tuple(asked["data_interval"]) == (window.start, window.end)


def test_list_of_dags_says_when_the_month_goes(stored: str) -> None:
    from airflow.models import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        model = session.get(DagModel, stored)
        assert model is not None
        assert model.timetable_summary == "monthly on working day 2 (FR) at 05:00 Europe/Paris"
        assert "on working day 2 of the month after" in (model.timetable_description or "")
