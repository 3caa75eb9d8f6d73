"""``python -m local.beside_postgres COMMAND…``: run a command that needs the local databases, whoever runs PostgreSQL.

Where ``make run`` is up its PostgreSQL is used, else one runs for the length of the command. The command finds
DMS_DSN, LEDGER_DSN and the storage roots in its environment, both databases migrated; its exit code is ours. A probe of
a feed finds the connections of the sample partners that `make run` started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from include.migrations.run import MigrationError, Name, current, head, migrate
from local.postgres import PostgresError, attached_postgres
from local.settings import REPOSITORY, Settings, command_environment

NAMES: tuple[Name, ...] = ("dms", "ledger")


@contextmanager
def local_databases(settings: Settings) -> Iterator[None]:
    """
    Have both databases there and migrated for the length of the block.

    :raises PostgresError, MigrationError, psycopg2.OperationalError: with the reason, if they cannot be had.
    """
    settings.make_folders()
    with attached_postgres(settings.postgres_data, log=settings.logs / "postgresql.log") as server:
        for name in NAMES:
            dsn = server.create_database(name)
            if current(name, dsn) != head(name):
                migrate(name, dsn)
        yield


def _partners(settings: Settings) -> dict[str, str]:
    """The running sample partners' connections as Airflow's variables, for the one command that goes to a partner."""
    from local.partners.process import PartnerStartError, airflow_connections

    try:
        found = airflow_connections(settings.partners)
    except PartnerStartError:
        return {}
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection) for name, connection in found.items()}


def main(command: list[str]) -> int:
    """The command's exit code; 1 with one sentence if the databases cannot be had."""
    settings = Settings.from_environment()
    environment = {
        **os.environ,
        **(_partners(settings) if "probe" in command else {}),
        "PYTHONPATH": str(REPOSITORY),
        **command_environment(settings),
    }
    try:
        with local_databases(settings):
            return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode
    except (PostgresError, MigrationError, psycopg2.OperationalError) as error:
        sys.stderr.write(f"{str(error).strip()}\n")
        return 1
    except KeyboardInterrupt:  # the command got it, too
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
