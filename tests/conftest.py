"""What the tests stand on: one PostgreSQL per test process, and freshly migrated databases copied from a template."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from include.migrations.run import Name, migrate
from local.postgres import Postgres, running_postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server of this test process alone; nothing else connects to it, and it forgets everything at the end."""
    with running_postgres(tmp_path_factory.mktemp("postgres") / "data", durable=False) as server:
        yield server


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
