"""One connection to the ledger: opened when first used, checked against the code's schema, one transaction per call."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as Connection  # noqa: N812 -- psycopg2 spells its classes in lower case
from psycopg2.extensions import parse_dsn
from psycopg2.extras import RealDictCursor

from include.ledger.errors import LedgerError, LedgerUnavailableError, SchemaVersionError

VERSIONS_DIR: Final = Path(__file__).parents[1] / "migrations" / "ledger" / "versions"
CONNECT_TIMEOUT_SECONDS: Final = 10
# A process that is stopped inside a transaction holds the head of the event chain, and with it every other writer.
# The server ends it: transactions here wait for nothing but their own next statement.
SETTINGS: Final = (
    "SET timezone = 'UTC'; SET lock_timeout = '60s'; SET idle_in_transaction_session_timeout = '60s'; "
    "SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off"
)
# What a server says that answers, but will be there in a moment. Any other refusal needs a person.
PASSING: Final = ("starting up", "shutting down", "too many clients", "recovery mode", "connection slots")


@cache
def known_revisions() -> tuple[str, ...]:
    """Every schema revision this checkout knows, oldest first, read from the migrations' file names."""
    found = (re.match(r"ledger_\d{4}", path.stem) for path in sorted(VERSIONS_DIR.glob("ledger_*.py")))
    return tuple(name.group() for name in found if name)


def where(dsn: str) -> str:
    """``host/database`` of a connection string, without user and password."""
    try:
        parts = parse_dsn(dsn)
    except psycopg2.ProgrammingError:
        # Not `from error`: libpq repeats the whole string, password included.
        raise LedgerError(
            "the ledger's DSN is not a libpq connection string (host=… dbname=… or postgresql://…); correct "
            "LEDGER_DSN or the connection `ledger`"
        ) from None
    host = parts.get("host") or parts.get("hostaddr") or "local socket"
    port = f":{parts['port']}" if "port" in parts else ""
    return f"{host}{port}/{parts.get('dbname', '(default)')}"


def connect(dsn: str, *, application_name: str) -> Connection:
    """
    Open a connection with this project's settings.

    :raises LedgerUnavailableError: if nothing answers, or the server is not ready yet.
    :raises LedgerError: if the server answers and refuses (password, database name, role).
    """
    place = where(dsn)
    given = parse_dsn(dsn)
    try:
        connection = psycopg2.connect(
            dsn,
            application_name=application_name[:63],
            connect_timeout=given.get("connect_timeout", CONNECT_TIMEOUT_SECONDS),
            keepalives_idle=given.get("keepalives_idle", 30),
            keepalives_interval=given.get("keepalives_interval", 10),
            keepalives_count=given.get("keepalives_count", 3),
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(SETTINGS)
    except psycopg2.OperationalError as error:
        cause = " ".join(str(error).split())
        if "FATAL" in cause and not any(passing in cause for passing in PASSING):
            raise LedgerError(
                f"the ledger at {place} refuses us: {cause}. Check user, password and database name in LEDGER_DSN "
                "or the connection `ledger`"
            ) from error
        raise LedgerUnavailableError(
            f"cannot reach the ledger at {place}: {cause}. Check that PostgreSQL runs there and that LEDGER_DSN or "
            "the connection `ledger` names it; nothing was written"
        ) from error
    return connection


class Session:
    """
    The ledger's connection, shared by everything :class:`~include.ledger.Ledger` can do.

    A broken connection is opened again by the next call. Threads may share a session: one transaction at a time.
    """

    def __init__(self, dsn: str, *, actor: str) -> None:
        """Remember where and who; nothing is opened yet. ``actor`` is what the events will name."""
        if not actor.strip():
            raise LedgerError("a ledger session needs an actor, e.g. 'person:oncall': every event names who did it")
        self.dsn = dsn
        self.actor = actor
        self.place = where(dsn)
        self._connection: Connection | None = None
        self._checked = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call would open another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def check_schema(self) -> None:
        """
        Compare the database's schema with this checkout's; each session does it once, before its first statement.

        :raises SchemaVersionError: if they differ in either direction, or the database was never migrated.
        """
        self._checked = False
        with self.transaction():
            pass

    @contextmanager
    def transaction(self) -> Iterator[RealDictCursor]:
        """Give a cursor whose work is committed at the end, or rolled back on any error."""
        with self._lock:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self.dsn, application_name=f"ledger {self.actor}")
            connection = self._connection
            try:
                with connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
                    if not self._checked:
                        self._require_schema(cursor)
                    yield cursor
                    self._checked = True
            except errors.LockNotAvailable as error:
                raise LedgerUnavailableError(
                    f"the ledger at {self.place}: another session has held a lock for more than 60 s. See "
                    "pg_stat_activity and pg_blocking_pids(), then try again"
                ) from error
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                # Whatever the cause (cut link, restart, idle timeout), this connection's state is not known any more.
                self.close()
                raise LedgerUnavailableError(
                    f"the ledger at {self.place}: the connection broke ({' '.join(str(error).split())}). Read the row "
                    "again before repeating an effect: a commit in flight may have happened"
                ) from error
            except psycopg2.Error as error:
                # The primary message alone: the detail repeats the whole row.
                cause = error.diag.message_primary or type(error).__name__
                raise LedgerError(f"the ledger at {self.place} refused: {cause}") from error

    def _require_schema(self, cursor: RealDictCursor) -> None:
        newest = known_revisions()[-1]
        try:
            cursor.execute("SELECT version_num FROM ledger.schema_version")
            found = cursor.fetchone()
        except errors.UndefinedTable:
            found = None
        revision = None if found is None else found["version_num"]
        if revision == newest:
            return
        if revision is None:
            raise SchemaVersionError(f"the database at {self.place} holds no ledger: run `make migrate`")
        if revision in known_revisions():
            raise SchemaVersionError(
                f"the ledger at {self.place} is at {revision}, this checkout needs {newest}: run `make migrate`"
            )
        raise SchemaVersionError(
            f"the ledger at {self.place} is at {revision}, which this checkout does not know (its newest is {newest}): "
            "this checkout is older than the database; deploy the version that migrated it"
        )
