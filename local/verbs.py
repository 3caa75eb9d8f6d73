"""`make release|reject|redeliver|reopen FILE=… REASON=…`: a person decides about a file, and Airflow carries it out.

The decision is the ledger's (``python -m include.ledger release`` is the same one); beside a running `make run` its
effect follows at once: Airflow runs the file's window for that dealer alone, as a person would have triggered it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time

import psycopg2

from include.ledger import DELIVERED, FileRow, Ledger, LedgerError
from include.ledger.cli_decisions import decide, login, run_parameters
from include.migrations.run import MigrationError
from include.outbound.conclude import line
from local.airflow import AirflowError, Api
from local.backfill import FINISHED
from local.beside_postgres import local_databases
from local.instance import running_address
from local.postgres import PostgresError
from local.settings import Settings, SettingsError

VERBS = {
    "release": "let a held file or a proposed revision go",
    "reject": "give a held file or a proposed revision up",
    "redeliver": "send a delivered file's very bytes again, under its name and number",
    "reopen": "take up again what was given up",
}
# Who answers for files in the UI; the same rights as theirs, and no more.
USER = "oncall"
RUN_SECONDS = 900.0
POLL_SECONDS = 1.0


def main(arguments: list[str]) -> int:
    """0 once the decision stands, and its effect where Airflow is up; 1 with one sentence if either cannot be had."""
    parser = argparse.ArgumentParser(prog="make")
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--file", default=os.environ.get("DECIDE_FILE", ""), help="its number or its name")
    parser.add_argument("--reason", default=os.environ.get("DECIDE_REASON", ""), help="in a sentence, for the record")
    options = parser.parse_args(arguments)
    verb, name, reason = options.verb, options.file.strip(), options.reason.strip()
    if not name or not reason:
        sys.stderr.write(
            f"make {verb}: to {VERBS[verb]}, name it and say why: make {verb} FILE=<number or name> "
            'REASON="<one sentence>"; make files lists them, make files JSON=1 with their numbers\n'
        )
        return 1
    settings = Settings.from_environment()
    try:
        with local_databases(settings):
            return _decide_and_run(settings, verb, name, reason)
    except (
        PostgresError,
        MigrationError,
        LedgerError,
        AirflowError,
        SettingsError,
        psycopg2.OperationalError,
    ) as error:
        sys.stderr.write(f"make {verb}: {str(error).strip()}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _decide_and_run(settings: Settings, verb: str, name: str, reason: str) -> int:
    with Ledger(settings.dsn("ledger"), actor=f"person:{login()}") as ledger:
        before = _find(ledger, name)
        after = decide(ledger, verb, before, reason)
        print(f"{after.label}: {verb}, {before.state} → {after.state}", flush=True)
        if after.state in DELIVERED or after.state == "CANCELLED":
            return 0
        address = running_address(settings.run_dir)
        if address is None:
            print(f"make run is not up. Start it, then: make airflow ARGS={shlex.quote(_by_hand(after))}")
            return 0
        api = Api(address, USER, settings.secrets()[f"password_{USER}"])
        run_id = _trigger(api, after)
        print(f"run {run_id} of {after.interface}: {address}/dags/{after.interface}/runs/{run_id}", flush=True)
        state = _wait(api, after.interface, run_id)
        now = ledger.file(after.id)
        print(line(now))
        if now.state not in DELIVERED:
            sys.stderr.write(f"make {verb}: the run ended with {state} and the file is not with {now.partner}\n")
            return 1
        return 0


def _find(ledger: Ledger, name: str) -> FileRow:
    """The file of that number, or of that name among those that are meant for a partner."""
    if name.isdigit():
        return ledger.file(int(name))
    found = [file for file in ledger.files() if file.file_name == name]
    if len(found) != 1:
        raise LedgerError(
            f"the ledger has {len(found)} files named {name}; give its number: make files JSON=1 lists them, as id"
        )
    return found[0]


def _by_hand(file: FileRow) -> str:
    """What a person gives to `airflow` to have the file's window run for its dealer alone."""
    return shlex.join(["dags", "trigger", file.interface, "--conf", json.dumps(run_parameters(file))])


def _trigger(api: Api, file: FileRow) -> str:
    body = {"logical_date": None, "conf": run_parameters(file), "note": f"file {file.id}: {file.reason}"}
    return str(api.send("POST", f"/dags/{file.interface}/dagRuns", body)["dag_run_id"])


def _wait(api: Api, dag_id: str, run_id: str) -> str:
    """Wait until the run is finished; return its state."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        state = str(api.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])
        if state in FINISHED:
            return state
        time.sleep(POLL_SECONDS)
    raise AirflowError(f"run {run_id} of {dag_id} is not finished after {RUN_SECONDS:.0f} s; {api.base} may show why")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
