"""The DAGs as Airflow parses them, and a world behind their connections to run them in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from psycopg2.extensions import parse_dsn

from local.partners.process import start_partner
from local.postgres import Postgres
from local.sample import fill
from tests.outbound.world import SAMPLE

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

    from include.migrations.run import Name
    from tests.dags.airflow_world import AirflowWorld

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def airflow_with_pools(airflow_database: str) -> str:
    """Airflow's metadata with the pools that `make run` makes; returns its URL."""
    from airflow.models.pool import Pool

    from local.settings import POOLS

    for name, (slots, description) in POOLS.items():
        Pool.create_or_update_pool(name, slots=slots, description=description, include_deferred=False)
    return airflow_database


@pytest.fixture(scope="session")
def bag() -> DagBag:
    """Every DAG file, parsed as the DAG processor does."""
    return _parsed()


def _parsed() -> DagBag:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="dags-folder")


@pytest.fixture
def airflow_world(
    airflow_with_pools: str,
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
