"""Plan one file per dealer and read its rows from the DMS, all in one repeatable-read snapshot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import extensions

from include.ledger.errors import WindowMovedError
from include.ledger.states import DELIVERED, PREVIEW, delivering
from include.outbound import preview
from include.outbound.dealers import (
    SQL_DIR,
    Dealer,
    ExtractError,
    choose,
    read_dealers,
    served,
    unservable,
    window_binds,
)
from include.window import Window, WindowError, period_window, require_ended

if TYPE_CHECKING:
    from include.contract import Contract
    from include.ledger import FileRow, Ledger
    from include.staging import Staging

# One COPY keeps one server process busy and one core of ours half busy; two fill a small machine.
CONNECTIONS = 2
COPY_BUFFER_BYTES = 4 << 20
WORK_MEMORY = "128MB"
MANIFEST = "manifest.json"
# Refusals that pass by themselves: a server that starts, stops, or is full.
PASSING = ("starting up", "shutting down", "recovery", "too many", "remaining connection slots")


class DmsUnavailableError(ExtractError):
    """The DMS database does not answer; trying again may help."""


@dataclass(frozen=True)
class Extraction:
    """What a run works on: its batch, the ledger files it serves, and how many rows it read."""

    batch_id: int
    file_ids: list[int]
    rows: int


@dataclass(frozen=True)
class Manifest:
    """
    What a run has staged: files of rows, each sorted by dealer, and the ledger file of each dealer.

    ``obstacles`` says by file id why a person must look at a file before it goes; it is held once it is rendered, so
    that a release sends the very bytes that were looked at.
    """

    parts: list[str]
    file_of_dealer: dict[int, int]
    obstacles: dict[int, str]

    def write(self, staging: Staging, batch_id: int) -> None:
        """Stage it beside the rows, last: whoever finds it finds them whole."""
        with staging.writer(f"{batch_id}/{MANIFEST}") as path:
            path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, staging: Staging, batch_id: int) -> Manifest:
        """
        Read the manifest of a batch.

        :raises StagingError: if the batch was not staged to its end, or its files are gone.
        """
        with staging.reader(f"{batch_id}/{MANIFEST}") as path:
            found = json.loads(path.read_text())
        return cls(
            found["parts"],
            {int(dealer): file for dealer, file in found["file_of_dealer"].items()},
            {int(file): reason for file, reason in found["obstacles"].items()},
        )


def reads_rows(file: FileRow) -> bool:
    """True for a file that awaits its bytes, and for a delivered one, to see whether it would be another today."""
    return file.awaits_bytes or file.state in DELIVERED


def extract(
    contract: Contract,
    window: Window,
    *,
    dms_dsn: str,
    ledger: Ledger,
    staging: Staging,
    run_id: str,
    now: datetime,
    environment: str = "live",
    dealers: Sequence[str] = (),
    log: Callable[[str], None] = lambda line: None,
) -> Extraction:
    """
    Plan a file for each dealer of the window and stage the rows, with a manifest of them, under the batch's id.

    Each file's window is the run's day or month by the clock that the contract goes by, which may be the dealer's own.

    :param dealers: dealer codes to serve; empty means all.
    :param environment: ``preview`` plans files that are made and read like the live ones and never sent.
    :raises WindowError: if the window is no whole period of the contract, or is not over at ``now`` for somebody.
    :raises ExtractError: if ``dealers`` names nobody, no dealer is due, or the view's columns are not the contract's.
    :raises DmsUnavailableError: if the database does not answer.
    """
    _require_whole(contract, window)
    require_ended(window, now)
    with _connection(dms_dsn) as main:
        snapshot = _export_snapshot(main)
        chosen = choose(read_dealers(main, contract, window), dealers, contract, window)
        for dealer in served(chosen):
            require_ended(dealer.window(contract, window), now)
        _require_columns(main, contract, window)
        batch_id = ledger.open_batch(
            interface=contract.id,
            environment=environment,
            window_start=window.start,
            window_end=window.end,
            zone=window.zone,
            business_date=window.business_date,
            run_id=run_id,
            contract_version=contract.version,
        )
        planned: list[FileRow] = []
        manifest = Manifest([], {}, {})
        for label, candidates in chosen.items():
            # A preview says what delivering would do, and asks the feed that would deliver.
            if ledger.feed_state(contract.id, label, delivering(environment)) == "paused":
                log(f"{label}: feed paused, nothing planned")
                continue
            try:
                file = _plan(contract, candidates[0], window, environment, batch_id, ledger)
            except WindowMovedError as error:
                # What went, or is made, by the old clock stays what it is, and the run's end speaks of it.
                log(f"{label}: {error}")
                planned.append(ledger.file(error.file_id))
                if candidates[0].obstacle is not None:
                    manifest.obstacles[error.file_id] = candidates[0].obstacle
                continue
            planned.append(file)
            if (reason := unservable(contract, label, candidates)) is not None:
                _hold(ledger, file, reason)
            elif reads_rows(file):
                manifest.file_of_dealer[candidates[0].dealer_id] = file.id
            else:
                log(f"{label}: {file.state}, so no rows are read")
            if candidates[0].obstacle is not None:
                manifest.obstacles[file.id] = candidates[0].obstacle
        wanted = list(manifest.file_of_dealer)
        parts = [part for part in (wanted[n::CONNECTIONS] for n in range(CONNECTIONS)) if part]
        rows = _copy_all(parts, contract, window, dms_dsn, snapshot, staging, batch_id)
    manifest.parts.extend(f"{n}.snapshot" for n in range(len(parts)))
    manifest.write(staging, batch_id)
    ledger.close_batch(batch_id, rows_read=rows, snapshot=f"{batch_id}/{MANIFEST}")
    log(f"{rows} rows read for {len(wanted)} of {len(planned)} dealers")
    return Extraction(batch_id, [file.id for file in planned], rows)


def _require_whole(contract: Contract, window: Window) -> None:
    """A file over part of a period would look whole to the partner, and the rest would never follow."""
    whole = period_window(contract.period_unit, window.business_date, contract.zone)
    if (window.start, window.end) != (whole.start, whole.end):
        raise WindowError(
            f"{contract.id} sends whole {contract.period_unit}s by the clock of {contract.zone}; the window "
            f"{window.start.isoformat()} to {window.end.isoformat()} cuts one. Ask for {whole.start.isoformat()} to "
            f"{whole.end.isoformat()}"
        )


def _plan(contract: Contract, dealer: Dealer, run: Window, environment: str, batch_id: int, ledger: Ledger) -> FileRow:
    window = dealer.window(contract, run)
    plan = partial(
        ledger.plan,
        interface=contract.id,
        partner=contract.partner,
        dealer=dealer.label,
        environment=environment,
        window_start=window.start,
        window_end=window.end,
        zone=window.zone,
        business_date=window.business_date,
        contract_version=contract.version,
        batch_id=batch_id,
    )
    try:
        file = plan()
    except WindowMovedError as error:
        if not ledger.file(error.file_id).awaits_bytes:
            raise
        # The dealer's clock was put right before anything was made: the window by the old one is nobody's any more.
        reason = f"the dealer goes by the clock of {window.zone} now, and nothing was made by the old one"
        ledger.move(error.file_id, "CANCELLED", reason=reason)
        file = plan()
    return preview.begin(ledger, file, batch_id) if environment == PREVIEW else file


@contextmanager
def _connection(dsn: str) -> Iterator[extensions.connection]:
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


def _export_snapshot(connection: extensions.connection) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_export_snapshot()")
        (name,) = cursor.fetchone() or ("",)
    return str(name)


def _hold(ledger: Ledger, file: FileRow, reason: str) -> None:
    """Hold a file that has not gone, once for each reason."""
    if file.awaits_bytes and (file.state, file.reason) != ("HELD", reason):
        ledger.move(file.id, "HELD", reason=reason)


def _statement(cursor: extensions.cursor, contract: Contract, window: Window, dealer_ids: Sequence[int]) -> str:
    query = (SQL_DIR / f"{contract.id}.sql").read_text(encoding="utf-8").strip().rstrip(";")
    # COPY takes no bind parameters, so libpq's own quoting puts the values in.
    bound: bytes = cursor.mogrify(
        query,
        {**window_binds(window), "dealer_ids": list(dealer_ids)},
    )
    return bound.decode()


def _require_columns(connection: extensions.connection, contract: Contract, window: Window) -> None:
    with connection.cursor() as cursor:
        try:
            # The text is our own SQL file with bound values.
            cursor.execute(f"SELECT * FROM ({_statement(cursor, contract, window, [])}) AS rows LIMIT 0")  # noqa: S608
        except psycopg2.ProgrammingError as error:
            raise ExtractError(
                f"{contract.id}.sql does not run on this DMS ({_without_secrets(error)}); "
                f"the view {contract.source} has changed, or the migrations are behind: `make migrate`"
            ) from None
        found = tuple(column.name for column in cursor.description or ())
    if found != contract.columns:
        lost = [name for name in contract.columns if name not in found]
        extra = [name for name in found if name not in contract.columns]
        raise ExtractError(
            f"{contract.id}.sql and contract {contract.version} name other columns or another order "
            f"(missing: {', '.join(lost) or 'none'}; unknown: {', '.join(extra) or 'none'})"
        )


def _copy_all(
    parts: Sequence[Sequence[int]],
    contract: Contract,
    window: Window,
    dms_dsn: str,
    snapshot: str,
    staging: Staging,
    batch_id: int,
) -> int:
    """Copy each part's dealers over a connection of its own, all in one snapshot; return the rows read."""

    def work(number: int, dealer_ids: Sequence[int]) -> int:
        with _connection(dms_dsn) as connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION SNAPSHOT %s", (snapshot,))
            # The connections are the parallelism; within one, the documents are to be sorted in memory.
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            cursor.execute("SET LOCAL work_mem = %s", (WORK_MEMORY,))
            return _copy(cursor, contract, window, dealer_ids, staging, f"{batch_id}/{number}.snapshot")

    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="extract") as pool:
        return sum(pool.map(work, range(len(parts)), parts))


def _copy(
    cursor: extensions.cursor,
    contract: Contract,
    window: Window,
    dealer_ids: Sequence[int],
    staging: Staging,
    name: str,
) -> int:
    query = _statement(cursor, contract, window, dealer_ids)
    with staging.writer(name) as path, path.open("wb", buffering=COPY_BUFFER_BYTES) as file:
        target: Any = file
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT csv, ENCODING 'UTF8')", target)
    return cursor.rowcount
