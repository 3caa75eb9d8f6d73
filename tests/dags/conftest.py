"""Airflow for tests: settings made before its first import, metadata in a PostgreSQL of this test process."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg2.extensions import parse_dsn

from local.partners.process import start_partner
from local.postgres import Postgres, dsn, running_postgres, socket_dir_of
from local.sample import fill
from tests.outbound.world import SAMPLE

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

    from include.migrations.run import Name
    from tests.dags.airflow_world import AirflowWorld

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(tempfile.mkdtemp(prefix="dags-"))
DATA = HOME / "postgres" / "data"

# Airflow reads its settings when it is first imported, and keeps them.
os.environ |= {
    "AIRFLOW_HOME": str(HOME / "airflow"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": dsn(socket_dir_of(DATA), "airflow").replace(
        "postgresql:", "postgresql+psycopg2:", 1
    ),
    "AIRFLOW__API_AUTH__JWT_SECRET": "only for this test process, and long enough to be a key of its kind: " + "x" * 32,
    "AIRFLOW__DAG_PROCESSOR__DAG_VERSION_INFLATION_CHECK_LEVEL": "error",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(HOME / "logs"),
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    "PYTHONPATH": str(ROOT),
}


@pytest.fixture(scope="session")
def airflow_postgres() -> Iterator[Postgres]:
    """The server of Airflow's metadata; it goes with the test process."""
    with running_postgres(DATA, durable=False) as server:
        server.create_database("airflow")
        yield server
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_database(airflow_postgres: Postgres) -> None:
    """Airflow's metadata, migrated, with the pools that `make run` makes."""
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb

    from local.settings import POOLS

    initdb()
    for name, (slots, description) in POOLS.items():
        Pool.create_or_update_pool(name, slots=slots, description=description, include_deferred=False)


@pytest.fixture(scope="session")
def bag() -> DagBag:
    """Every DAG file, parsed as the DAG processor does."""
    return _parsed()


def _parsed() -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="dags-folder")


@pytest.fixture
def airflow_world(
    airflow_database: None,
    postgres: Postgres,
    new_database: Callable[[Name], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[AirflowWorld]:
    """The interface's DAG with a DMS, a ledger and a partner behind its connections."""
    from tests.dags.airflow_world import AirflowWorld

    dms, ledger = new_database("dms"), new_database("ledger")
    fill(dms, **SAMPLE)
    with start_partner(tmp_path / "partners", ["merkle"]) as partners:
        # Parsed anew: `dag.test` leaves the parameters of a run in the DAG.
        world = AirflowWorld(tmp_path, dms, ledger, partners["merkle"], _parsed().dags["merkle_sar_daily"])
        for name, url in (("dms", dms), ("ledger", ledger)):
            parts = parse_dsn(url)
            monkeypatch.setenv(
                f"AIRFLOW_CONN_{name.upper()}",
                json.dumps(
                    {
                        "conn_type": "postgres",
                        "host": parts["host"],
                        "login": parts["user"],
                        "schema": parts["dbname"],
                    }
                ),
            )
        world.connect_partner(monkeypatch, world.partner)
        for name in ("archive", "staging", "reports"):
            monkeypatch.setenv(f"AIRFLOW_VAR_{name.upper()}_URL", (tmp_path / name).as_uri())
        yield world
    for url in (dms, ledger):
        postgres.drop_database(parse_dsn(url)["dbname"])
