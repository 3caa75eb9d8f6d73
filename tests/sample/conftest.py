"""Samples that end where time is awkward: as in ``make run``, after a leap February, after a year's end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from typing import Any

import psycopg2
import pytest

from include.migrations.run import Name
from local.postgres import Postgres
from local.sample import Parameters, fill
from tests.dms.reading import Database

SAMPLES: dict[str, dict[str, Any]] = {
    "as in make run": {"days": 100, "until": date(2026, 11, 20)},
    # From before the clocks went back in October 2023 to after they went forward in March 2024.
    "leap February": {"days": 165, "until": date(2024, 3, 31)},
    "year end": {"days": 70, "until": date(2025, 1, 8)},
}


@pytest.fixture(scope="session", params=SAMPLES)
def template(request: pytest.FixtureRequest, new_database: Callable[[Name], str]) -> str:
    """A filled DMS that no test changes; returns its DSN."""
    dsn = new_database("dms")
    fill(dsn, dealers=12, lines=40_000, seed=1, **SAMPLES[request.param])
    return dsn


@pytest.fixture
def sample(template: str) -> Iterator[Database]:
    """The sample, to be read."""
    with closing(psycopg2.connect(template)) as connection:
        yield Database(connection)


@pytest.fixture
def copy_dsn(template: str, postgres: Postgres) -> Iterator[str]:
    """A copy of the sample that a test may change."""
    name = template.partition("?")[0].rpartition("/")[2]
    dsn = postgres.create_database(f"{name}_copy", template=name, replace=True)
    yield dsn
    postgres.drop_database(f"{name}_copy")


def months(database: Database) -> list[date]:
    """First days of the months that the sample covers from their first day to their last."""
    found = database.rows(
        """
        WITH days AS (
            SELECT (parameters->>'until')::date - (parameters->>'days')::int + 1 AS first,
                   (parameters->>'until')::date AS last
              FROM sample.fill
        )
        SELECT month::date
          FROM days, generate_series(date_trunc('month', first::timestamp), last::timestamp, interval '1 month') month
         WHERE month >= first AND month + interval '1 month' <= last + 1
         ORDER BY 1
        """
    )
    return [month for (month,) in found]


def parameters_of(database: Database) -> Parameters:
    """What the sample in a database was made with."""
    told = dict(database.value("SELECT parameters FROM sample.fill"))
    del told["generator"]
    return Parameters(**{**told, "until": date.fromisoformat(told["until"])})
