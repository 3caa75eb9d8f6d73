"""What parsing the DAG files costs, beside as many files of one DAG with one task that does nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PLAIN = """from airflow.sdk import dag, task
from pendulum import datetime


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False)
def plain_{number}() -> None:
    @task
    def nothing() -> None:
        pass

    nothing()


plain_{number}()
"""
# Airflow's own import is paid once per process and is the same on both sides, so it comes before the clock starts.
PARSE = """
import json, sys, time
from pathlib import Path
import airflow.sdk, pendulum
from airflow.dag_processing.dagbag import DagBag
folder = Path(sys.argv[1])
started = time.perf_counter()
bag = DagBag(str(folder), bundle_path=folder, bundle_name="dags-folder")
seconds = time.perf_counter() - started
assert not bag.import_errors, bag.import_errors
sys.stderr.write(json.dumps([seconds, len(bag.dags)]) + "\\n")
"""


def measure(airflow_home: Path, rounds: int) -> dict[str, Any]:
    """Parse both folders in turn, each in a fresh process; return medians in seconds for all files together."""
    count = len(list((ROOT / "dags").glob("*.py")))
    ours, plain = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(count):
            (folder / f"plain_{number}.py").write_text(PLAIN.format(number=number))
        for _ in range(rounds):
            plain.append(_parse(folder, airflow_home))
            ours.append(_parse(ROOT / "dags", airflow_home))
    seconds, floor = median(ours), median(plain)
    return {
        "name": "dag_parsing",
        "rows": count,
        "seconds": round(seconds, 3),
        "limit_seconds": round(floor, 3),
        "ratio": round(seconds / floor, 2),
        "ratio_bar": 1.3,
        "peak_mb": 0,
    }


def _parse(folder: Path, airflow_home: Path) -> float:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(airflow_home),
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PARSE, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds: float = json.loads(done.stderr.splitlines()[-1])[0]
    return seconds
