"""Brings the DMS or the ledger database to the schema this code expects.

Each environment lives in the PostgreSQL schema of its own name and keeps its revision there, in
``schema_version``, so that both may share one database or have two. Revisions are the files in
``<name>/versions/``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, cast, get_args

import psycopg2
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from psycopg2.extensions import parse_dsn
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

Name = Literal["dms", "ledger"]

MIGRATIONS_DIR = Path(__file__).parent
# The advisory lock's first key says "a migration of this project", the second which environment.
LOCK_CLASS = 0x4D494752
LOCK_KEY: dict[str, int] = {"dms": 1, "ledger": 2}
LOCK_TIMEOUT_SECONDS = 120


class MigrationError(Exception):
    """A database could not be brought to, or asked for, its revision; says which and what to do next."""


def head(name: Name) -> str:
    """Newest revision that this code knows for ``name``.

    Raises :class:`MigrationError` if there is none, or if two branches end in different revisions.
    """
    try:
        revision = _scripts(_config(name)).get_current_head()
    except CommandError as error:
        raise MigrationError(
            f"{name}: include/migrations/{name}/versions holds more than one newest revision ({error}); "
            "give one of them the other as its down_revision"
        ) from error
    if revision is None:
        raise MigrationError(f"{name}: include/migrations/{name}/versions holds no revision")
    return revision


def current(name: Name, dsn: str) -> str | None:
    """Revision that the database behind ``dsn`` has now; None if it was never migrated.

    Raises :class:`MigrationError` if the database cannot be reached.
    """
    with _connect(name, dsn) as connection:
        return _revision(connection, name)


def migrate(name: Name, dsn: str) -> str:
    """Create the schema if absent and upgrade it to head; returns that revision.

    Safe to run twice and by two processes at once (the second waits up to two minutes for the first).
    Raises :class:`MigrationError` if the database cannot be reached, if the lock is not to be had, or if a
    newer version of this code has migrated the database already.
    """
    target = head(name)
    with _connect(name, dsn) as connection, _lock(connection, name, dsn):
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {name}"))
        connection.commit()
        revision = _revision(connection, name)
        config = _config(name)
        if revision is not None:
            _require_known(_scripts(config), name, revision, target, dsn)
        config.attributes["connection"] = connection
        config.attributes["schema"] = name
        command.upgrade(config, "head")
        connection.commit()
    return target


def _config(name: Name) -> Config:
    config = Config()
    # The options pass through ConfigParser, where a per cent sign begins an interpolation.
    config.set_main_option("script_location", str(MIGRATIONS_DIR).replace("%", "%%"))
    config.set_main_option("version_locations", str(MIGRATIONS_DIR / name / "versions").replace("%", "%%"))
    # With any other separator a blank or a colon in the checkout's path would cut it in two.
    config.set_main_option("path_separator", "newline")
    return config


def _scripts(config: Config) -> ScriptDirectory:
    return ScriptDirectory.from_config(config)


def _revision(connection: Connection, name: Name) -> str | None:
    context = MigrationContext.configure(
        connection, opts={"version_table": "schema_version", "version_table_schema": name}
    )
    revision = context.get_current_revision()
    connection.commit()
    return revision


def _require_known(scripts: ScriptDirectory, name: Name, revision: str, target: str, dsn: str) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if revision not in known:
        raise MigrationError(
            f"{name}: {_where(dsn)} is at revision {revision!r}, which this code does not know (its newest "
            f"is {target!r}). A newer version migrated it: run that version, or restore the database from "
            "before it"
        )


@contextmanager
def _connect(name: Name, dsn: str) -> Iterator[Connection]:
    """One connection outside any pool, closed at the end."""
    try:
        parse_dsn(dsn)
    except psycopg2.ProgrammingError:
        # Without its cause: libpq repeats the string it was given, password included.
        raise MigrationError(
            f"{name}: {name.upper()}_DSN is not a libpq connection string (host=… dbname=… or postgresql://…)"
        ) from None
    engine = create_engine(
        "postgresql+psycopg2://",
        creator=lambda: psycopg2.connect(dsn, application_name="migrations"),
        poolclass=NullPool,
    )
    try:
        connection = engine.connect()
    except OperationalError as error:
        cause = str(error.orig).strip().partition("\n")[0]
        raise MigrationError(
            f"{name}: cannot connect to {_where(dsn)}: {cause}. Check that PostgreSQL runs there and that "
            f"{name.upper()}_DSN names it"
        ) from error
    with connection:
        yield connection
    engine.dispose()


@contextmanager
def _lock(connection: Connection, name: Name, dsn: str) -> Iterator[None]:
    """Hold the environment's advisory lock; it is the session's, so a killed process leaves none behind."""
    keys = {"class": LOCK_CLASS, "key": LOCK_KEY[name]}
    # Also bounds the wait of an ALTER TABLE behind a long reader, which makes every writer wait too.
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'"))
    try:
        connection.execute(text("SELECT pg_advisory_lock(:class, :key)"), keys)
    except OperationalError as error:
        raise MigrationError(
            f"{name}: another migration of {_where(dsn)} has held the lock for {LOCK_TIMEOUT_SECONDS} s. See "
            "pg_stat_activity for application_name 'migrations', then run this again"
        ) from error
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:class, :key)"), keys)
        connection.commit()


def _where(dsn: str) -> str:
    """Database and host of a connection string, without user and password."""
    parts = parse_dsn(dsn)
    return f"database {parts.get('dbname', '(default)')!r} on {parts.get('host', 'the local socket')}"


def main(arguments: list[str]) -> int:
    """``python -m include.migrations.run {dms,ledger,all}``, connections from DMS_DSN and LEDGER_DSN."""
    names = get_args(Name)
    if len(arguments) != 1 or arguments[0] not in (*names, "all"):
        sys.stderr.write("usage: python -m include.migrations.run {dms,ledger,all}\n")
        return 2
    chosen = cast("tuple[Name, ...]", names if arguments[0] == "all" else (arguments[0],))
    unset = [f"{name.upper()}_DSN" for name in chosen if not os.environ.get(f"{name.upper()}_DSN")]
    if unset:
        sys.stderr.write(f"Not set: {', '.join(unset)}. Each names the database to migrate\n")
        return 2
    for name in chosen:
        dsn = os.environ[f"{name.upper()}_DSN"]
        try:
            before = current(name, dsn)
            revision = migrate(name, dsn)
        except MigrationError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        done = "already at" if before == revision else f"migrated from {before or 'nothing'} to"
        sys.stdout.write(f"{name}: {done} {revision}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
