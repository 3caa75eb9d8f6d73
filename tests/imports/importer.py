"""
Checks and applies in forked children, each killed (SIGKILL) at one step: ``python -m tests.imports.importer``.

Reads on standard input where everything is and at which steps to die, one after the other, each child going on where
the one before it died; the last one lives. Prints how each ended. A process of its own: nothing here may have a thread
before it forks.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import psycopg2
from fsspec.implementations.local import LocalFileSystem

from include.archive import Archive
from include.contract import load_contract
from include.imports.apply import apply_arrivals
from include.imports.check import check_arrivals
from include.ledger import Ledger
from include.staging import Staging

CHECKING = ("judged", "gated", "told")
APPLYING = ("committed", "told")


def main() -> int:
    told = json.loads(sys.stdin.readline())
    ended = []
    for step in told["deaths"]:
        with psycopg2.connect(told["ledger"]) as connection, connection.cursor() as cursor:
            # The dead one's lease would end by itself, in ten minutes.
            cursor.execute("UPDATE ledger.arrival SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL")
        connection.close()
        child = os.fork()
        if child == 0:
            _live(told, step)
            os._exit(0)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    sys.stdout.write(json.dumps(ended))
    return 0


def _live(told: dict[str, str], death: str | None) -> None:
    phase, step = (death or " ").split(" ")

    def die_at(now: str, reached: str) -> None:
        if (phase, step) == (now, reached):
            os.kill(os.getpid(), signal.SIGKILL)

    contract = load_contract("proresponse_sales")
    staging = Staging(LocalFileSystem(), told["staging"])
    with Ledger(told["ledger"], actor="test:importer") as ledger:
        check_arrivals(
            contract,
            ledger=ledger,
            archive=Archive.at(f"file://{told['archive']}"),
            staging=staging,
            reports_root=told["reports"],
            run_key="run-1",
            on_step=lambda arrival_id, reached: die_at("check", reached),
        )
        apply_arrivals(
            contract,
            ledger=ledger,
            staging=staging,
            dms_dsn=told["dms"],
            on_step=lambda arrival_id, reached: die_at("apply", reached),
        )


if __name__ == "__main__":
    sys.exit(main())
