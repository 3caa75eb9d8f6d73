"""
Applies one arrival in forked children, each killed (SIGKILL) right before one more of its statements than the last.

``python -m tests.crm.killing <dsn> <pickled arrival and paths>``: prints, for each child, how it ended and which
statement it would have run next. A process of its own, since what has threads must not be forked: nothing here uses
polars before the fork.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection, cursor

from include.contract import load_contract
from include.crm.apply import apply_import

_left = [0]


def _step(what: str) -> None:
    if _left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    _left[0] -= 1


class MortalCursor(cursor):
    """Dies before the statement at which its time has come."""

    def execute(self, query: Any, vars: Any = None) -> None:
        _step("execute")
        super().execute(query, vars)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        _step("copy")
        super().copy_expert(sql, file, size)


class MortalConnection(connection):
    """Dies before the commit, and right after it."""

    def commit(self) -> None:
        _step("commit")
        super().commit()
        _step("committed")


def main(dsn: str, told: Path) -> None:
    arrival, accepted, rejected = pickle.loads(told.read_bytes())
    contract = load_contract(arrival.interface)
    usual = psycopg2.connect
    psycopg2.connect = lambda *args, **options: usual(  # type: ignore[assignment]
        *args, connection_factory=MortalConnection, cursor_factory=MortalCursor, **options
    )
    killed = 0
    while True:
        child = os.fork()
        if child == 0:
            _left[0] = killed
            apply_import(dsn, contract, arrival, accepted=accepted, rejected=rejected)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        # Statements of its own do not go through the mortal classes' count.
        with usual(dsn) as look, look.cursor() as cur:
            cur.execute(
                "SELECT (SELECT count(*) FROM crm.import), (SELECT count(*) FROM crm.activity), "
                "(SELECT count(*) FROM crm.contact), (SELECT count(*) FROM crm.rejected_row)"
            )
            seen = cur.fetchone()
        look.close()
        print(os.waitstatus_to_exitcode(status), *(seen or ()))  # noqa: T201
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            return
        killed += 1


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
