"""What the tests stand on: one PostgreSQL per test process, freshly migrated databases, and an Airflow home of our own.

Airflow reads its settings once, when it is first imported: so its environment is set here, before any test module is
read, and is the one of ``make run`` with another run folder.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from include.migrations.run import Name, migrate
from local.postgres import Postgres, running_postgres
from local.settings import Settings, airflow_environment, free_port

_numbers = itertools.count(1)
_settings = Settings(Path(tempfile.mkdtemp(prefix="exchange-tests-")).resolve())
_settings.make_folders()
for _name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[_name]
os.environ.update(
    {
        name: value
        for name, value in airflow_environment(_settings, port=free_port(), connections={}).items()
        # Connections and storage roots are each test's own.
        if name.startswith(("AIRFLOW_HOME", "AIRFLOW__", "GX_"))
    }
)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# Files of minutes. A worker that began one of them last would be alone with it at the end.
LONG = ("local/test_run.py", "quality/test_agreement.py", "dags/test_", "outbound/test_ddc", "reconcile/test_step.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; the order within a file stays."""
    folder = Path(__file__).parent

    def turn(item: pytest.Item) -> int:
        name = item.path.relative_to(folder).as_posix()
        return next((place for place, start in enumerate(LONG) if name.startswith(start)), len(LONG))

    items.sort(key=turn)


def pytest_unconfigure() -> None:
    """Remove this process's run folder; PostgreSQL has stopped by now."""
    shutil.rmtree(_settings.run_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of this test process alone; nothing else connects to it, and it forgets everything at the end."""
    with running_postgres(_settings.postgres_data, durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def airflow_database(postgres: Postgres) -> str:
    """Airflow's own database, migrated: what ``dag.test()`` needs. Some 15 s, most of it imports; returns its URL."""
    postgres.create_database("airflow")
    from airflow.utils.db import initdb

    initdb()
    return os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]


@pytest.fixture(scope="session")
def new_database(postgres: Postgres) -> Callable[[Name], str]:
    """Makes a migrated database of its own at each call, in some 30 ms; returns its DSN."""
    migrated: set[str] = set()

    def make(name: Name) -> str:
        template = f"{name}_template"
        if template not in migrated:
            migrate(name, postgres.create_database(template))
            migrated.add(template)
        return postgres.create_database(f"{name}_{next(_numbers)}", template=template)

    return make


@pytest.fixture(scope="module")
def dms_dsn(postgres: Postgres, new_database: Callable[[Name], str]) -> Iterator[str]:
    """An empty DMS of this test module."""
    with _dropped_at_the_end(postgres, new_database("dms")) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def ledger_dsn(postgres: Postgres, new_database: Callable[[Name], str]) -> Iterator[str]:
    """An empty ledger of this test module."""
    with _dropped_at_the_end(postgres, new_database("ledger")) as dsn:
        yield dsn


@pytest.fixture
def new_ledger_dsn(postgres: Postgres, new_database: Callable[[Name], str]) -> Iterator[str]:
    """An empty ledger of this test alone."""
    with _dropped_at_the_end(postgres, new_database("ledger")) as dsn:
        yield dsn


@pytest.fixture
def new_dms_dsn(postgres: Postgres, new_database: Callable[[Name], str]) -> Iterator[str]:
    """An empty DMS of this test alone."""
    with _dropped_at_the_end(postgres, new_database("dms")) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository: the one import root."""
    return Path(__file__).resolve().parents[1]


@contextmanager
def _dropped_at_the_end(postgres: Postgres, dsn: str) -> Iterator[str]:
    yield dsn
    postgres.drop_database(parse_dsn(dsn)["dbname"])
