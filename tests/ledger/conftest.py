"""A freshly migrated ledger for each test module, and files on their way in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from include.archive import Archive
from include.ledger import FileRow, LeaseHeldError, Ledger, TransitionError
from include.migrations.run import Name
from include.window import day_window

DAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def dsn(ledger_dsn: str) -> str:
    """A ledger of this module's own."""
    return ledger_dsn


@pytest.fixture(scope="module")
def scratch_dsn(new_database: Callable[[Name], str]) -> str:
    return new_database("ledger")


def empty(dsn: str) -> None:
    """Take everything out of a ledger, past the triggers that keep it."""
    execute(
        dsn,
        "TRUNCATE ledger.batch, ledger.file, ledger.sequence, ledger.event, ledger.chain_head, ledger.rejected_row, "
        "ledger.quality_result, ledger.receipt, ledger.feed, ledger.archive_object, ledger.reconciliation, "
        "ledger.reconciliation_difference, ledger.companion, ledger.arrival, ledger.inbound_feed, ledger.notice, "
        "ledger.notice_telling, ledger.heartbeat, ledger.reading_position RESTART IDENTITY",
        "INSERT INTO ledger.chain_head (id, hash) VALUES (0, repeat('0', 64))",
    )


@pytest.fixture
def fresh_dsn(scratch_dsn: str) -> str:
    """A ledger as after its migration, for a test that damages it or counts everything in it."""
    empty(scratch_dsn)
    return scratch_dsn


@pytest.fixture
def ledger(dsn: str) -> Iterator[Ledger]:
    with Ledger(dsn, actor="test:ledger") as opened:
        yield opened


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.at((tmp_path / "archive").as_uri())


DEALERS = count(82600001)


def window(day: date = DAY) -> dict[str, Any]:
    """The UTC window of a business day and the day itself, as ``plan`` and ``open_batch`` take them."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return {"window_start": start, "window_end": start + timedelta(days=1), "zone": "UTC", "business_date": day}


def month(first: date, zone: str) -> dict[str, Any]:
    """The window of the calendar month that begins on ``first`` by the clock of ``zone``."""
    after = (first + timedelta(days=31)).replace(day=1)
    start, end = (day_window(day, zone).start for day in (first, after))
    return {"window_start": start, "window_end": end, "zone": zone, "business_date": first}


def monthly(dealer: str | None = None, first: date = date(2026, 10, 1), **changes: Any) -> dict[str, Any]:
    """Arguments of ``plan`` for a file of a month, by the clock of Paris."""
    asked = intent(dealer, interface="renault_sar_monthly", partner="renault")
    return {**asked, **month(first, "Europe/Paris"), **changes}


def open_batch(ledger: Ledger) -> int:
    return ledger.open_batch(
        interface="merkle_sar_daily", environment="live", run_id="manual", contract_version="1.1.0", **window()
    )


def intent(dealer: str | None = None, day: date = DAY, **changes: Any) -> dict[str, Any]:
    """Arguments of ``plan``; without ``dealer`` one that no other test has."""
    return {
        "interface": "merkle_sar_daily",
        "partner": "merkle",
        "dealer": dealer or str(next(DEALERS)),
        "environment": "live",
        "contract_version": "1.0.0",
        "batch_id": None,
        **window(day),
        **changes,
    }


def rendered_columns(file: FileRow, content: str = "a") -> dict[str, Any]:
    """What a rendering stores with the file; ``content`` is one hexadecimal digit that tells renderings apart."""
    return {
        "file_name": f"SAR_{file.dealer}_{file.id}.csv",
        "sha256": f"{file.id:063x}{content}",
        "content_hash": content * 32,
        "bytes": 1234,
        "rows": 10,
        "control_total": Decimal("1234.50"),
        "temp_name": f".SAR_{file.dealer}_{file.id}.csv.part",
    }


PATH_TO_PUBLISHED = ("CHECKED", "RENDERED", "GATED", "UPLOADING", "UPLOADED", "PUBLISHED")


def bring(ledger: Ledger, file: FileRow, to: str, **columns: Any) -> FileRow:
    """Take a PLANNED file along the normal path to ``to``."""
    for state in PATH_TO_PUBLISHED[: PATH_TO_PUBLISHED.index(to) + 1]:
        extra: dict[str, Any] = {}
        if state == "CHECKED":
            extra = {"rejected": 2, "withheld": 1}
        if state == "RENDERED":
            ledger.allot_sequence(file.id)
            extra = {**rendered_columns(file), **columns}
        if state == "PUBLISHED":
            extra = {"remote_path": f"/in/{file.id}.csv"}
        file = ledger.move(file.id, state, **extra)
    return file


def at_once(dsn: str, work: Callable[[Ledger, int], Any], workers: int = 8) -> list[Any]:
    """
    Run ``work`` in that many threads with a connection each, all let go at the same moment.

    A refusal is returned, not raised.
    """
    start = threading.Barrier(workers)

    def one(number: int) -> Any:
        with Ledger(dsn, actor=f"test:worker {number}") as ledger:
            ledger.check_schema()
            start.wait()
            try:
                return work(ledger, number)
            except (LeaseHeldError, TransitionError) as error:
                return error

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, range(workers)))


def execute(dsn: str, *statements: str, autocommit: bool = False) -> None:
    """Run SQL as the superuser that a person at the database would be, with the triggers switched off."""
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = autocommit
        with connection.cursor() as cursor:
            if not autocommit:
                cursor.execute("SET session_replication_role = replica")
            for statement in statements:
                cursor.execute(statement)
        if not autocommit:
            connection.commit()


def scalar(dsn: str, query: str) -> Any:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetchone()
        return None if found is None else found[0]
