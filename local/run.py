"""``make run``: PostgreSQL, sample, partners and Airflow; the last days delivered; then up until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import FrameType
from zoneinfo import ZoneInfo

import psycopg2

from include.contract import Contract, load_contract
from include.ledger import LedgerError
from include.migrations.run import MigrationError, migrate
from include.window import Window, day_window
from local import airflow, sample
from local.airflow import AirflowError, Api
from local.backfill import Progress, deliver
from local.instance import Instance, only_instance
from local.outcome import Outcome, outcome
from local.partners.process import PartnerEndpoint, PartnerStartError, partner_endpoint
from local.partners.server import read_state
from local.postgres import PostgresError, running_postgres
from local.processes import ProcessEndedError, Processes
from local.settings import (
    DATABASES,
    LOOPBACK,
    REPOSITORY,
    USERS,
    Settings,
    SettingsError,
    airflow_environment,
    choose_port,
    command_environment,
)

INTERFACE = "merkle_sar_daily"
PARTNER = "merkle"
BACKFILL_DAYS = 7
SAMPLE = {"dealers": 12, "days": 40, "lines": 20_000, "seed": 1}
# The DAG sends a day at 02:30 on the morning after; a run that is due later would wait for it.
DUE_AFTER = timedelta(hours=3)
PARTNER_SECONDS = 30.0
STOPPED = 130  # exit code after a signal, as shells have it

EXPECTED_ERRORS = (
    SettingsError,
    PostgresError,
    ProcessEndedError,
    AirflowError,
    MigrationError,
    LedgerError,
    PartnerStartError,
    sample.SampleError,
    psycopg2.OperationalError,
)


class StopRequest(BaseException):
    """Ctrl-C or SIGTERM; not an Exception, so that nothing on the way takes it for an error."""


@dataclass(frozen=True)
class Options:
    """What the command line says; a sample parameter is missing where it says nothing."""

    once: bool
    port: int | None
    sample: Mapping[str, int]


class LocalRun:
    """One ``make run``, from its first process to its last."""

    def __init__(self, options: Options, settings: Settings, instance: Instance) -> None:
        self._options = options
        self._settings = settings
        self._instance = instance
        self._processes = Processes(settings.logs, instance.write)
        self._contract: Contract = load_contract(INTERFACE)

    def __call__(self) -> int:
        """0 if every file that ought to have gone is with the partner, 1 if not; stays up before that if asked to."""
        settings = self._settings
        port = choose_port(self._options.port)
        settings.make_folders()
        _say("starting PostgreSQL")
        with running_postgres(settings.postgres_data, log=settings.logs / "postgresql.log") as server:
            for name in DATABASES:
                server.create_database(name)
            try:
                return self._serve(port)
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                _say("stopping")
                self._processes.stop()

    def _serve(self, port: int) -> int:
        settings, processes = self._settings, self._processes
        partner = self._start_partners()
        environment = airflow_environment(
            settings,
            port=port,
            connections={f"{PARTNER}_sftp": partner.airflow_connection()},
        )
        migrating = airflow.needs_migration(settings.dsn("airflow"))
        if migrating:
            _say("making Airflow's database")
            airflow.begin_migration(processes, environment)
        migrate("dms", settings.dsn("dms"))
        migrate("ledger", settings.dsn("ledger"))
        windows = self._fill_sample()
        found = self._outcome(windows)
        if not found.problems:
            self._report(found, partner)
            if self._options.once:
                _say("all of it went before; Airflow is not needed for that and was not started")
                return 0
        if migrating:
            airflow.end_migration(processes, settings.dsn("airflow"))

        _say("starting Airflow (half a minute)")
        begun = datetime.now(UTC).isoformat()
        airflow.start(processes, environment)
        api = Api(f"http://{LOOPBACK}:{port}", "admin", settings.secrets()["password_admin"])
        airflow.wait_until_healthy(processes, api)
        self._instance.address = api.base
        self._instance.write(processes.marks())
        airflow.make_pools(api)
        airflow.wait_for_dag(processes, api, INTERFACE, parsed_after=begun)

        with ProgressLine() as line:
            _say(f"delivering {windows[0].business_date} to {windows[-1].business_date} to {PARTNER}")
            deliver(processes, api, INTERFACE, windows, line.show)
        if found.problems:
            found = self._outcome(windows)
            self._report(found, partner)
        if not self._options.once:
            self._stay(api)
        return 1 if found.problems else 0

    def _outcome(self, windows: list[Window]) -> Outcome:
        dms, ledger = self._settings.dsn("dms"), self._settings.dsn("ledger")
        return outcome(INTERFACE, windows, dms_dsn=dms, ledger_dsn=ledger)

    def _start_partners(self) -> PartnerEndpoint:
        """Start the sample partners on any free port; returns how to reach the one of this interface."""
        root = self._settings.partners
        command = [sys.executable, "-m", "local.partners", "serve", "--root", str(root), "--port", "0"]
        pid = self._processes.start("partners", command, {**os.environ, "PYTHONPATH": str(REPOSITORY)})
        deadline = time.monotonic() + PARTNER_SECONDS
        while time.monotonic() < deadline:
            self._processes.check()
            state = read_state(root / ".server" / "state.json")
            if state is not None and state["pid"] == pid:
                return partner_endpoint(root, PARTNER, state)
            time.sleep(0.05)
        log = self._processes.log("partners")
        raise PartnerStartError(f"the sample partners do not listen after {PARTNER_SECONDS:.0f} s; look into {log}")

    def _fill_sample(self) -> list[Window]:
        """Fill an empty DMS; returns the windows of the sample's last days, the same as long as it is there."""
        dsn, asked = self._settings.dsn("dms"), self._options.sample
        there = sample.filled(dsn)
        kept = {} if there is None else {name: there.parameters[name] for name in SAMPLE}
        last_due = (datetime.now(ZoneInfo(self._contract.zone)) - DUE_AFTER).date() - timedelta(days=1)
        until = last_due if there is None else date.fromisoformat(there.parameters["until"])
        if there is None:
            _say("filling the DMS with the sample dealer group")
        report = sample.fill(dsn, until=until, **{**SAMPLE, **kept, **asked})
        print(report.table(), flush=True)
        days = min(BACKFILL_DAYS, int(report.parameters["days"]))
        return [day_window(until - timedelta(days=back), self._contract.zone) for back in reversed(range(days))]

    def _report(self, found: Outcome, partner: PartnerEndpoint) -> None:
        """The table of files, how many went where, and a line for each that did not."""
        print(flush=True)
        command = [sys.executable, "-m", "include.ledger", "files", "--interface", INTERFACE]
        subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **command_environment(self._settings)}, check=False)
        print(f"\n{found.expected - len(found.problems)} of {found.expected} files are with {PARTNER}: {partner.home}")
        for problem in found.problems:
            print(f"  missing  {problem}")
        print(flush=True)

    def _stay(self, api: Api) -> None:
        """Say where the UI is, and watch the programs until somebody stops us."""
        keys = self._settings.secrets()
        logins = ", ".join(f"{user} / {keys[f'password_{user}']} ({role})" for user, role in USERS.items())
        print(f"\nAirflow   {api.base}/dags/{INTERFACE}\nlogin     {logins}")
        print("commands  make airflow ARGS='backfill create --help'\nCtrl-C stops everything.", flush=True)
        try:
            while True:
                self._processes.check()
                time.sleep(1)
        except StopRequest:
            print(flush=True)


class ProgressLine:
    """One line that is written over on a terminal, and a new line for each change elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._started = time.monotonic()
        self._shown = ""

    def show(self, progress: Progress) -> None:
        seconds = int(time.monotonic() - self._started)
        clock = f"{seconds // 60:02}:{seconds % 60:02}"
        if self._terminal:
            print(f"\r\033[K  {clock}  {progress}", end="", flush=True)
        elif str(progress) != self._shown:
            print(f"  {clock}  {progress}", flush=True)
        self._shown = str(progress)

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print(flush=True)


def main(arguments: list[str]) -> int:
    """0 if every file that ought to have gone is with the partner, 1 if not or after an error, 130 if stopped."""
    options = _options(arguments)
    settings = Settings.from_environment()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)  # said explicitly: a shell that starts us with & has SIGINT ignored
    try:
        with only_instance(settings.run_dir) as instance:
            return LocalRun(options, settings, instance)()
    except StopRequest:
        return STOPPED
    except EXPECTED_ERRORS as error:
        sys.stderr.write(f"make run: {str(error).strip()}\n")
        return 1


def _stop(number: int, frame: FrameType | None) -> None:
    raise StopRequest


def _options(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="make run")
    parser.add_argument("--once", action="store_true", help="end after the table")
    parser.add_argument("--port", type=int, help="of the UI (default: the first free one from 8080 on)")
    for name, default in SAMPLE.items():
        parser.add_argument(f"--{name}", type=int, help=f"of the sample (default: what is there, or {default})")
    found = vars(parser.parse_args(arguments))
    once, port = found.pop("once"), found.pop("port")
    return Options(once, port, {name: value for name, value in found.items() if value is not None})


def _say(text: str) -> None:
    print(f"· {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
