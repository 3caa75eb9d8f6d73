"""An interface's past days or months by Airflow's own backfill, as a person would start it, and how far it has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from include.contract import Contract
from include.window import Window
from local.airflow import AirflowError, AirflowStatusError, Api, unpause
from local.processes import Processes
from local.progress import Progress

# One after the other: files are numbered in the order they are rendered, and a partner likes to see day by day.
ACTIVE_RUNS = 1
POLL_SECONDS = 1.0
STALL_SECONDS = 1200.0  # longer than any one task of the sample takes, the waits before retries included
PAGE = 100  # what the API gives at most
FINISHED = ("success", "failed")
CONFLICT = 409


def deliver(
    processes: Processes, api: Api, contract: Contract, windows: Sequence[Window], show: Callable[[Progress], None]
) -> Progress:
    """
    Have the interface's DAG run once for each of ``windows`` (days or months, in order) until all are finished.

    A window's run is found by its logical date, which is the window's start by the contract's own clock. Those that
    succeeded before are left alone, failed ones run again. ``AirflowError`` if Airflow makes no run for a window, or if
    nothing moves for ``STALL_SECONDS``.
    """
    dag_id = contract.id
    names = {window.start: _name(contract, window) for window in windows}
    started = False
    seen: object = None
    moved = time.monotonic()
    while True:
        processes.check()
        runs = _newest_runs(api, dag_id, windows)
        states = [runs[window.start]["state"] if window.start in runs else None for window in windows]
        done, failed = sum(state in FINISHED for state in states), states.count("failed")
        if all(state == "success" for state in states) or (started and done == len(states)):
            unpause(api, dag_id)
            return Progress(len(windows), done, failed, "", contract.period_unit)
        idle = all(state is None or state in FINISHED for state in states)
        if idle and started:
            name = names[windows[states.index(None)].start]
            raise AirflowError(f"{dag_id}: Airflow's backfill made no run for {name}; {api.base} may show why")
        if idle:
            started = _start_backfill(api, dag_id, windows)
        if started or not idle:
            # Not before the backfill exists: the schedule then finds its last window taken, and they stay in order.
            unpause(api, dag_id)
        current = _current_tasks(api, dag_id, {names[start]: run for start, run in runs.items() if start in names})
        if (states, current) != seen:
            seen, moved = (states, current), time.monotonic()
        progress = Progress(len(windows), done, failed, current, contract.period_unit)
        show(progress)
        if time.monotonic() - moved > STALL_SECONDS:
            raise AirflowError(
                f"{dag_id}: nothing moved for {STALL_SECONDS:.0f} s ({progress}); {api.base} may show why"
            )
        time.sleep(POLL_SECONDS)


def _name(contract: Contract, window: Window) -> str:
    return f"{window.business_date:%Y-%m}" if contract.period_unit == "month" else f"{window.business_date}"


def _start_backfill(api: Api, dag_id: str, windows: Sequence[Window]) -> bool:
    """Start it over all windows; False if an earlier one is just being closed, which Airflow allows one at a time."""
    body = {
        "dag_id": dag_id,
        "from_date": windows[0].start.isoformat(),
        "to_date": windows[-1].start.isoformat(),
        "max_active_runs": ACTIVE_RUNS,
        "reprocess_behavior": "failed",
    }
    try:
        api.send("POST", "/backfills", body)
    except AirflowStatusError as error:
        if error.status != CONFLICT:
            raise
        return False
    return True


def _newest_runs(api: Api, dag_id: str, windows: Sequence[Window]) -> dict[datetime, dict[str, Any]]:
    """The newest run of each window, by its first instant."""
    found = api.get(
        f"/dags/{dag_id}/dagRuns",
        logical_date_gte=windows[0].start.isoformat(),
        logical_date_lte=windows[-1].start.isoformat(),
        order_by="id",
        limit=PAGE,
    )["dag_runs"]
    return {datetime.fromisoformat(run["logical_date"]): run for run in found}


def _current_tasks(api: Api, dag_id: str, runs: dict[str, dict[str, Any]]) -> str:
    """What runs, waits for another try or has failed in the windows under way, in words; ``runs`` by day or month."""
    said = []
    for name, run in runs.items():
        if run["state"] != "running":
            continue
        tasks = api.get(f"/dags/{dag_id}/dagRuns/{quote(run['dag_run_id'], safe='')}/taskInstances")["task_instances"]
        for task in tasks:
            tried = f" (try {task['try_number']})" if task["try_number"] > 1 else ""
            if task["state"] in ("running", "queued", "up_for_retry", "failed"):
                what = "" if task["state"] == "running" else f" {task['state'].replace('_', ' ')}"
                said.append(f"{name} {task['task_id']}{what}{tried}")
    return ", ".join(said)
