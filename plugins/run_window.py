"""From an Airflow run to the business window it is to serve, however it was started."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from include.window import Window, WindowError, day_window

if TYPE_CHECKING:
    from airflow.sdk import Context


def day_of(context: Context, zone: str) -> Window:
    """
    Return the business day of a run.

    A ``business_date`` given by a person comes first; else the day of the run's data interval, which scheduled runs,
    backfills and runs triggered with a logical date have.

    :raises AirflowFailException: if a run has neither, which is how the API and the command line trigger by default.
    """
    params: Mapping[str, object] = context.get("params") or {}
    asked = params.get("business_date")
    start = context.get("data_interval_start")
    if asked and getattr(context.get("dag_run"), "run_type", None) == "backfill":
        raise AirflowFailException(
            f"this backfill asks for the business_date {asked} on each of its days; leave business_date empty, "
            "and each run sends its own day"
        )
    try:
        if asked:
            return day_window(date.fromisoformat(str(asked)), zone)
        if start is not None:
            return day_window(start.in_timezone(zone).date(), zone)
    except (ValueError, WindowError) as error:
        raise AirflowFailException(f"business_date {asked!r}: {error}; write it as YYYY-MM-DD") from error
    raise AirflowFailException(
        "this run has no data interval and no business_date, so it is not clear which day to send; trigger it again "
        'with the parameter business_date, for example {"business_date": "2026-11-20"}, or use a backfill'
    )
