"""The DAGs as Airflow parses them, and a world behind their connections to run them in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg2.extensions import parse_dsn

from include.contract import load_contract
from local.partners.process import start_partner
from local.postgres import Postgres
from local.sample import fill
from tests.outbound.world import SAMPLE

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

    from include.migrations.run import Name
    from tests.dags.airflow_world import AirflowWorld


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
    from tests.dags.airflow_world import parsed

    return parsed()


MakeWorld = Callable[..., "AirflowWorld"]


@pytest.fixture
def make_airflow_world(
    airflow_with_pools: str,
    postgres: Postgres,
    new_database: Callable[[Name], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[MakeWorld]:
    """Makes an interface's DAG, by its id, with a DMS (of a sample), a ledger and a partner behind its connections."""
    from tests.dags.airflow_world import AirflowWorld

    dms, ledger = new_database("dms"), new_database("ledger")
    with ExitStack() as running:

        def make(dag_id: str, sample: dict[str, Any] | None) -> AirflowWorld:
            if sample is not None:
                fill(dms, **sample)
            partner = load_contract(dag_id).partner
            partners = running.enter_context(start_partner(tmp_path / "partners" / partner, [partner]))
            world = AirflowWorld(tmp_path, dms, ledger, partners[partner], dag_id)
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
            return world

        yield make
    for url in (dms, ledger):
        postgres.drop_database(parse_dsn(url)["dbname"])


@pytest.fixture
def airflow_world(make_airflow_world: MakeWorld) -> AirflowWorld:
    """The daily interface's DAG in such a world."""
    return make_airflow_world("merkle_sar_daily", SAMPLE)
