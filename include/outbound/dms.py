"""The DMS database as an extraction reads it: one repeatable-read snapshot, several connections, COPY into files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import extensions

from include.outbound.dealers import SQL_DIR, ExtractError, window_binds
from include.outbound.manifest import Part

if TYPE_CHECKING:
    from include.contract import Contract, Table
    from include.staging import Staging
    from include.window import Window

# One COPY keeps one server process busy and one core of ours half busy; two fill a small machine.
CONNECTIONS = 2
COPY_BUFFER_BYTES = 4 << 20
WORK_MEMORY = "128MB"
# Refusals that pass by themselves: a server that starts, stops, or is full.
PASSING = ("starting up", "shutting down", "recovery", "too many", "remaining connection slots")


class DmsUnavailableError(ExtractError):
    """The DMS database does not answer; trying again may help."""


@dataclass(frozen=True)
class Reading:
    """The rows that one COPY reads for one window: a table's, of the dealers given, each for its ledger file."""

    window: Window
    file_of_dealer: dict[int, int]


@contextmanager
def dms_connection(dsn: str) -> Iterator[extensions.connection]:
    try:
        connection = psycopg2.connect(
            dsn,
            connect_timeout=15,
            application_name="dealer-interfaces extract",
            # A server that has gone silent in the middle of a COPY is noticed in a minute, not in hours.
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
    except psycopg2.OperationalError as error:
        if "FATAL" in str(error) and not any(passing in str(error) for passing in PASSING):
            raise ExtractError(
                f"the DMS database refuses us ({_without_secrets(error)}); check user, password and database name in "
                "the connection `dms`"
            ) from None
        raise DmsUnavailableError(
            f"the DMS database does not answer ({_without_secrets(error)}); check the connection `dms` and the server, "
            "then run the task again"
        ) from None
    try:
        connection.set_session(isolation_level=extensions.ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        yield connection
        connection.rollback()
    except psycopg2.OperationalError as error:
        raise DmsUnavailableError(
            f"the DMS database broke off ({_without_secrets(error)}); nothing was sent; run the task again"
        ) from None
    finally:
        connection.close()


def _without_secrets(error: psycopg2.Error) -> str:
    """First line of libpq's message: it names host and database, never the password."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def export_snapshot(connection: extensions.connection) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        (name,) = cursor.fetchone() or ("",)
    return str(name)


def _query(contract: Contract, table: Table) -> Path:
    """The SQL file of a table: the contract's own, or one in the contract's folder where it has several."""
    if len(contract.tables) == 1:
        return SQL_DIR / f"{contract.id}.sql"
    return SQL_DIR / contract.id / f"{table.name}.sql"


def _statement(
    cursor: extensions.cursor, contract: Contract, table: Table, window: Window, dealer_ids: Sequence[int]
) -> str:
    query = _query(contract, table).read_text(encoding="utf-8").strip().rstrip(";")
    # COPY takes no bind parameters, so libpq's own quoting puts the values in.
    bound: bytes = cursor.mogrify(query, {**window_binds(window), "dealer_ids": list(dealer_ids)})
    return bound.decode()


def require_columns(connection: extensions.connection, contract: Contract, window: Window) -> None:
    """
    Hold the SQL of each table to the contract before anything is read.

    :raises ExtractError: if it does not run on this DMS, or names other columns or another order.
    """
    for table in contract.tables:
        name = _query(contract, table).relative_to(SQL_DIR)
        with connection.cursor() as cursor:
            try:
                statement = _statement(cursor, contract, table, window, [])
                # The text is our own SQL file with bound values.
                cursor.execute(f"SELECT * FROM ({statement}) AS rows LIMIT 0")  # noqa: S608
            except psycopg2.ProgrammingError as error:
                raise ExtractError(
                    f"{name} does not run on this DMS ({_without_secrets(error)}); "
                    f"the view {table.source} has changed, or the migrations are behind: `make migrate`"
                ) from None
            found = tuple(column.name for column in cursor.description or ())
        if found != table.columns:
            lost = [column for column in table.columns if column not in found]
            extra = [column for column in found if column not in table.columns]
            raise ExtractError(
                f"{name} and contract {contract.version} name other columns or another order "
                f"(missing: {', '.join(lost) or 'none'}; unknown: {', '.join(extra) or 'none'})"
            )


def copy_all(
    contract: Contract,
    readings: Sequence[Reading],
    *,
    dms_dsn: str,
    snapshot: str,
    staging: Staging,
    batch_id: int,
) -> tuple[list[Part], int]:
    """
    Copy the rows of every reading and table, the dealers shared out among connections, all in one snapshot.

    :return: what was staged, and how many rows.
    """
    work: list[list[tuple[Part, Table, Window]]] = [[] for _ in range(CONNECTIONS)]
    for turn, reading in enumerate(readings):
        wanted = list(reading.file_of_dealer.items())
        for connection, jobs in enumerate(work):
            if not (files := dict(wanted[connection::CONNECTIONS])):
                continue
            for table in contract.tables:
                name = f"{connection}.{turn}.{table.name}.snapshot"
                jobs.append((Part(name, connection, table.name, files), table, reading.window))

    def read(jobs: Sequence[tuple[Part, Table, Window]]) -> int:
        if not jobs:
            return 0
        with dms_connection(dms_dsn) as connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION SNAPSHOT %s", (snapshot,))
            # The connections are the parallelism; within one, the documents are to be sorted in memory.
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            cursor.execute("SET LOCAL work_mem = %s", (WORK_MEMORY,))
            return sum(
                _copy(
                    cursor,
                    _statement(cursor, contract, table, window, list(part.file_of_dealer)),
                    staging,
                    f"{batch_id}/{part.name}",
                )
                for part, table, window in jobs
            )

    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="extract") as pool:
        rows = sum(pool.map(read, work))
    return [part for jobs in work for part, *_ in jobs], rows


def _copy(cursor: extensions.cursor, query: str, staging: Staging, name: str) -> int:
    with staging.writer(name) as path, path.open("wb", buffering=COPY_BUFFER_BYTES) as file:
        target: Any = file
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')", target)
    return cursor.rowcount
