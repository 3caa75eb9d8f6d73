"""From an Airflow run to the business window it is to serve, however it was started."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from airflow.sdk.exceptions import AirflowFailException

from include.window import Window, WindowError, period_window

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.contract import Contract

Mode = Literal["deliver", "preview"]
MODES: tuple[Mode, ...] = ("deliver", "preview")
# What a person names the period with, by the contract's unit: the parameter, its form and an example.
ASKING = {"day": ("business_date", "YYYY-MM-DD", "2026-11-20"), "month": ("month", "YYYY-MM", "2026-10")}
MONTH = re.compile(r"(\d{4})-(\d{2})")


def window_of(context: Context, contract: Contract) -> Window:
    """
    Return the business day or month of a run, by the clock of the contract's zone.

    What a person asks for (``business_date`` or ``month``) comes first; else the run's data interval, which scheduled
    runs, backfills and runs triggered with a logical date have, and which must be one whole period.

    :raises AirflowFailException: if a run names no period, two, one that is none, or cuts one, or if its logical date
        speaks of another one; the message says what to ask for instead.
    """
    name, form, example = ASKING[contract.period_unit]
    params = _params(context)
    asked = params.get(name)
    others = [other for other, *_ in ASKING.values() if other != name and params.get(other)]
    if others:
        raise AirflowFailException(
            f"{contract.id} goes by the {contract.period_unit} and this run gives {others[0]} {params[others[0]]}; "
            f'give {name} and nothing else, for example {{"{name}": "{example}"}}'
        )
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if not asked:
        if start is None or end is None:
            raise AirflowFailException(
                f"this run has no data interval and no {name}, so it is not clear which {contract.period_unit} to "
                f'send; trigger it again with the parameter {name}, for example {{"{name}": "{example}"}}, or use a '
                "backfill"
            )
        return _meant(_whole(start, end, contract), getattr(context.get("dag_run"), "logical_date", None), contract)
    if getattr(context.get("dag_run"), "run_type", None) == "backfill":
        raise AirflowFailException(
            f"this backfill asks for the {name} {asked} on each of its {contract.period_unit}s; leave {name} empty, "
            f"and each run sends its own {contract.period_unit}"
        )
    try:
        return period_window(contract.period_unit, _first_day(str(asked), contract.period_unit), contract.zone)
    except (ValueError, OverflowError, WindowError) as error:
        raise AirflowFailException(f"{name} {asked!r}: {error}; write it as {form}, for example {example}") from error


def mode_of(context: Context) -> Mode:
    """
    Return ``deliver``, or ``preview`` for a run that must not send anything.

    :raises AirflowFailException: for any other word; a run that was meant as a preview must never deliver.
    """
    asked = _params(context).get("mode") or "deliver"
    if asked not in MODES:
        raise AirflowFailException(f"mode {asked!r} is none; a run is one of: {', '.join(MODES)}")
    return asked


def _params(context: Context) -> Mapping[str, object]:
    return context.get("params") or {}


def _first_day(asked: str, unit: str) -> date:
    if unit == "day":
        return date.fromisoformat(asked)
    written = MONTH.fullmatch(asked)
    if written is None:
        raise ValueError("this is not a calendar month")
    return date(int(written[1]), int(written[2]), 1)


def _whole(start: datetime, end: datetime, contract: Contract) -> Window:
    """The period that the interval is, to the instant; half a month must never go out under a month's name."""
    local = start.astimezone(ZoneInfo(contract.zone))
    window = period_window(contract.period_unit, local.date(), contract.zone)
    if (start, end) == (window.start, window.end):
        return window
    name, *_ = ASKING[contract.period_unit]
    last = (end - timedelta(microseconds=1)).astimezone(ZoneInfo(contract.zone))
    lengths = {"day": 10, "month": 7}
    touched = list(dict.fromkeys(str(moment.date())[: lengths[contract.period_unit]] for moment in (local, last)))
    raise AirflowFailException(
        f"the data interval {start.isoformat()} to {end.isoformat()} is not one whole {contract.period_unit} in "
        f"{contract.zone}, it cuts one; trigger the run again with {name} "
        + " or ".join(touched)
        + " and no data interval"
    )


def _meant(window: Window, logical_date: datetime | None, contract: Contract) -> Window:
    """
    The window, if the run's logical date goes with it: its first instant, or one in the period right after.

    ``airflow dags trigger --logical-date`` takes the interval of today's date and not of the one given (Airflow 3.3;
    the API does otherwise), so that a person who means May would send October.
    """
    after = period_window(contract.period_unit, window.last_date + timedelta(days=1), contract.zone)
    if logical_date is None or logical_date == window.start or after.start <= logical_date < after.end:
        return window
    name, form, example = ASKING[contract.period_unit]
    raise AirflowFailException(
        f"this run's logical date {logical_date.isoformat()} and its data interval, {window.start.isoformat()} to "
        f"{window.end.isoformat()}, speak of different {contract.period_unit}s; trigger it again without a logical "
        f"date and with the parameter {name} as {form}, for example {example}"
    )
