"""``make run``: PostgreSQL, sample, partners and Airflow; what is due delivered; then up until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2

from include.contract import Contract
from include.ledger import Ledger, LedgerError
from include.migrations.run import MigrationError, migrate
from include.outbound.dealers import ExtractError
from include.quality.gate import GateError
from include.sftp import TransferError
from include.warranty.connection import WarrantyError
from local import airflow, report, sample
from local.airflow import AirflowError, Api
from local.arriving import INTERFACES, Arriving
from local.backfill import deliver
from local.due import Due, due
from local.history import deliver_past, paused
from local.instance import Instance, only_instance
from local.outcome import NotSent, Outcome, left_out, outcome
from local.partners.process import PartnerStartError, airflow_connections, partner_endpoint
from local.partners.server import read_state
from local.postgres import PostgresError, running_postgres
from local.processes import ProcessEndedError, Processes
from local.progress import ProgressLine, say
from local.settings import (
    DATABASES,
    LOOPBACK,
    REPOSITORY,
    Settings,
    SettingsError,
    airflow_environment,
    choose_port,
)

SAMPLE = {"dealers": 12, "days": 130, "lines": 40_000, "seed": 1}
# The zone in which the sample's days end.
ZONE = "Europe/London"
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
    ExtractError,
    GateError,
    TransferError,
    PartnerStartError,
    WarrantyError,
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

    def __call__(self) -> int:
        """0 if every file went that had to, and all that came became what it had to; else 1. Stays up if asked to."""
        settings = self._settings
        port = choose_port(self._options.port)
        settings.make_folders()
        say("starting PostgreSQL")
        with running_postgres(settings.postgres_data, log=settings.logs / "postgresql.log") as server:
            for name in DATABASES:
                server.create_database(name)
            try:
                return self._serve(port)
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                say("stopping")
                self._processes.stop()

    def _serve(self, port: int) -> int:
        settings, processes = self._settings, self._processes
        partners = self._start_partners()
        environment = airflow_environment(
            settings, port=port, connections=airflow_connections(settings.partners, partners)
        )
        migrating = airflow.needs_migration(settings.dsn("airflow"))
        if migrating:
            say("making Airflow's database")
            airflow.begin_migration(processes, environment)
        migrate("dms", settings.dsn("dms"))
        migrate("ledger", settings.dsn("ledger"))
        dues, arriving = self._fill_sample()
        unsent, late = _unsent(settings, dues), _late(settings, dues)
        not_sent = [*late, *([] if unsent is None else [unsent])]
        found = self._outcomes(dues, not_sent)
        say(f"{', '.join(INTERFACES)}: the files of past days, as they would have come before you came")
        arriving.prepare(lambda partner: partner_endpoint(settings.partners, partner, partners).endpoint())
        complete = not any(each.missing for each in found) and _as_planted(arriving)
        if complete:
            self._report(dues, found, arriving)
            if self._options.once:
                say("all of it went before; Airflow is not needed for that and was not started")
                return 0
        self._deliver_past(dues, found, unsent, partners)
        if migrating:
            airflow.end_migration(processes, settings.dsn("airflow"))

        say("starting Airflow (half a minute)")
        begun = datetime.now(UTC).isoformat()
        airflow.start(processes, environment)
        api = Api(f"http://{LOOPBACK}:{port}", "admin", settings.secrets()["password_admin"])
        airflow.wait_until_healthy(processes, api)
        self._instance.address = api.base
        self._instance.write(processes.marks())
        airflow.make_pools(api)
        for dag_id in (*INTERFACES, *(each.contract.id for each in dues)):
            airflow.wait_for_dag(processes, api, dag_id, parsed_after=begun)
        for dag_id in INTERFACES:
            airflow.unpause(api, dag_id)
        say(f"today's files for {', '.join(INTERFACES)} are put down; Airflow's watch finds them meanwhile")
        arriving.begin_today()
        self._deliver_recent(dues, found, late, api)
        health = airflow.start_heartbeat(processes, environment)
        say("waiting for the last of today's files")
        with ProgressLine() as line:
            arriving.wait(line.show, processes.check)
        if not complete:
            found = self._outcomes(dues, not_sent)
            self._report(dues, found, arriving)
        if not self._options.once:
            self._stay(api, dues, health)
        return 0 if not any(each.missing for each in found) and _as_planted(arriving) else 1

    def _outcomes(self, dues: Sequence[Due], not_sent: Sequence[NotSent]) -> list[Outcome]:
        dms, ledger = self._settings.dsn("dms"), self._settings.dsn("ledger")
        return [
            outcome(
                each.contract,
                each.windows,
                dms_dsn=dms,
                ledger_dsn=ledger,
                not_sent=not_sent,
            )
            for each in dues
        ]

    def _deliver_past(
        self, dues: Sequence[Due], found: Sequence[Outcome], unsent: NotSent | None, partners: dict[str, Any]
    ) -> None:
        """Deliver what lies before the days that Airflow delivers, as far as it has not gone."""
        for each, so_far in zip(dues, found, strict=True):
            lacking = {missing.window for missing in so_far.missing}
            windows = [window for window in each.past if window in lacking]
            if not windows:
                continue
            contract = each.contract
            say(f"{contract.id}: {_span(windows)} to {contract.partner}, as it would have gone before you came")
            with ProgressLine() as line:
                deliver_past(
                    contract,
                    windows,
                    settings=self._settings,
                    endpoint=partner_endpoint(self._settings.partners, contract.partner, partners).endpoint(),
                    not_sent=unsent,
                    show=line.show,
                )

    def _deliver_recent(self, dues: Sequence[Due], found: Sequence[Outcome], late: Sequence[NotSent], api: Api) -> None:
        """
        Have Airflow deliver the last days; then the dealers correct things; then the last month goes.

        The dealer whose files are left out is paused meanwhile.
        """
        for each, so_far in zip(dues, found, strict=True):
            contract, windows = each.contract, each.recent
            if not windows:
                continue
            if contract.reconciled_with is not None and so_far.missing:
                amended = sample.amend(self._settings.dsn("dms"), windows[-1].business_date)
                say(f"the dealers correct what the daily files have told: {amended}")
            say(f"{contract.id}: {_span(windows)} to {contract.partner}, by Airflow's backfill")
            with ProgressLine() as line, ExitStack() as while_paused:
                if late and _may_be_late(contract):
                    ledger = while_paused.enter_context(Ledger(self._settings.dsn("ledger"), actor="person:make-run"))
                    while_paused.enter_context(paused(ledger, contract, late[-1].dealer))
                deliver(self._processes, api, contract, windows, line.show)

    def _start_partners(self) -> dict[str, Any]:
        """Start the sample partners on any free port; returns the server's state: host, port, host key."""
        root = self._settings.partners
        command = [sys.executable, "-m", "local.partners", "serve", "--root", str(root), "--port", "0"]
        pid = self._processes.start("partners", command, {**os.environ, "PYTHONPATH": str(REPOSITORY)})
        deadline = time.monotonic() + PARTNER_SECONDS
        while time.monotonic() < deadline:
            self._processes.check()
            state = read_state(root / ".server" / "state.json")
            if state is not None and state["pid"] == pid:
                return state
            time.sleep(0.05)
        log = self._processes.log("partners")
        raise PartnerStartError(f"the sample partners do not listen after {PARTNER_SECONDS:.0f} s; look into {log}")

    def _fill_sample(self) -> tuple[list[Due], Arriving]:
        """Fill an empty DMS; returns what is due of the sample's days and what comes in, as long as it is there."""
        dsn, asked = self._settings.dsn("dms"), self._options.sample
        there = sample.filled(dsn)
        kept = {} if there is None else {name: there.parameters[name] for name in SAMPLE}
        last_due = (datetime.now(ZoneInfo(ZONE)) - DUE_AFTER).date() - timedelta(days=1)
        until = last_due if there is None else date.fromisoformat(there.parameters["until"])
        if there is None:
            say("filling the DMS with the sample dealer group")
        made = sample.fill(dsn, until=until, **{**SAMPLE, **kept, **asked})
        print(made.table(), flush=True)
        arriving = Arriving(self._settings, seed=int(made.parameters["seed"]), until=until)
        return due(first_day=until - timedelta(days=int(made.parameters["days"]) - 1), until=until), arriving

    def _report(self, dues: Sequence[Due], found: Sequence[Outcome], arriving: Arriving) -> None:
        report.show(dues, found, arriving.compared(), self._settings)

    def _stay(self, api: Api, dues: Sequence[Due], health: str) -> None:
        """Say where the UI is, and watch the programs until somebody stops us."""
        report.show_ways_in(api.base, [*(each.contract.id for each in dues), *INTERFACES], health, self._settings)
        try:
            while True:
                self._processes.check()
                time.sleep(1)
        except StopRequest:
            print(flush=True)


def _unsent(settings: Settings, dues: Sequence[Due]) -> NotSent | None:
    """The day of a dealer that the sample wants unsent in the month that is reconciled; None without such a month."""
    for each in dues:
        if each.contract.period_unit == "month" and each.recent:
            found = sample.unsent_day(settings.dsn("dms"), each.recent[-1].business_date)
            return None if found is None else NotSent(*found)
    return None


def _late(settings: Settings, dues: Sequence[Due]) -> Sequence[NotSent]:
    """The dealer whose files of the last days are left out; nobody's if a month is reconciled with one of them."""
    months = [window for each in dues if each.contract.period_unit == "month" for window in each.recent]
    for each in dues:
        apart = all(month.last_date < window.business_date for month in months for window in each.recent)
        if _may_be_late(each.contract) and each.recent and apart:
            return left_out(each.contract, each.recent, dms_dsn=settings.dsn("dms"))
    return ()


def _may_be_late(contract: Contract) -> bool:
    """Whether a file that is left out stays so until a person acts: the next one does not make up for it."""
    return contract.period_unit == "day" and contract.contiguous is None


def _as_planted(arriving: Arriving) -> bool:
    return not any(compared.differences for _, compared in arriving.compared())


def _span(windows: Sequence[Any]) -> str:
    first, last = windows[0].business_date, windows[-1].last_date
    return f"{first} to {last}"


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
