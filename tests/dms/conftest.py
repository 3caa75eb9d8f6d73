"""One sample of ordinary size for the whole session, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date

import psycopg2
import pytest

from include.migrations.run import Name
from local.sample import SampleReport, fill
from tests.dms.reading import Database

# The last day is a Saturday; the clocks go back on 25 October.
UNTIL = date(2026, 11, 21)


@pytest.fixture(scope="session")
def sample_dsn(new_database: Callable[[Name], str]) -> str:
    """A DMS with the sample group: 12 dealers, 40 days, 60,000 lines, and every kind of bad data."""
    dsn = new_database("dms")
    fill(dsn, dealers=12, days=40, lines=60_000, seed=1, until=UNTIL)
    return dsn


@pytest.fixture(scope="session")
def report(sample_dsn: str) -> SampleReport:
    return fill(sample_dsn, dealers=12, days=40, lines=60_000, seed=1, until=UNTIL)


@pytest.fixture
def sample(sample_dsn: str) -> Iterator[Database]:
    """The sample; what a test changes is rolled back."""
    with closing(psycopg2.connect(sample_dsn)) as connection:
        yield Database(connection)


@pytest.fixture
def empty(dms_dsn: str) -> Iterator[Database]:
    """A migrated DMS without rows; what a test writes is rolled back."""
    with closing(psycopg2.connect(dms_dsn)) as connection:
        yield Database(connection)


@pytest.fixture
def alone(new_dms_dsn: str) -> Iterator[Database]:
    """The database behind ``new_dms_dsn``."""
    with closing(psycopg2.connect(new_dms_dsn)) as connection:
        yield Database(connection)
