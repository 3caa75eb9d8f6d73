"""
A month whose daily files are delivered, but for its last Friday; each test has a copy of it.

The gate, the SFTP servers, the archive and both databases are real; delivering thirty days costs half a minute, once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.contract import load_contract
from include.ledger import FileRow, ReconciliationDifference, ReconciliationRow
from include.migrations.run import Name
from include.outbound.extract import Extraction
from include.quality.gate import GateProcess
from include.reconcile.run import reconcile
from local.partners.process import RunningPartners, start_partner
from local.postgres import Postgres
from local.sample import fill, unsent_day
from tests.outbound.world import World

OCTOBER = date(2026, 10, 1)
FRIDAY = date(2026, 10, 30)
SAMPLE: dict[str, Any] = {"dealers": 6, "days": 45, "lines": 9000, "seed": 7, "until": date(2026, 11, 6)}
DAILY, MONTHLY = load_contract("merkle_sar_daily"), load_contract("renault_sar_monthly")


@dataclass
class Month:
    """The month of one sample group: the daily interface and the monthly one over the same databases."""

    daily: World
    monthly: World

    def run(self, dealers: tuple[str, ...] = (), environment: str = "live", *, publish: bool = True) -> Extraction:
        """All steps of the monthly DAG but the last."""
        run = self.monthly.extract(OCTOBER, dealers, environment=environment)
        self.monthly.check(run)
        self.monthly.render(run)
        self.reconcile(run)
        if publish:
            self.monthly.publish(run)
        return run

    def reconcile(self, run: Extraction) -> dict[str, int]:
        with self.monthly.ledger() as ledger:
            return reconcile(
                self.monthly.contract,
                run.batch_id,
                run.file_ids,
                ledger=ledger,
                staging=self.monthly.staging,
                archive=self.monthly.archive,
                reports_root=str(self.reports),
                log=self.monthly.said.append,
            )

    @property
    def reports(self) -> Path:
        return self.monthly.folder / "reports"

    def file(self, dealer: str) -> FileRow:
        """The dealer's live file of the month, the revision that was planned last."""
        with self.monthly.ledger() as ledger:
            return ledger.files(interface=MONTHLY.id, dealer=dealer)[-1]

    def found(self, dealer: str) -> tuple[ReconciliationRow, list[ReconciliationDifference]]:
        """The dealer's newest comparison."""
        with self.monthly.ledger() as ledger:
            (row,) = ledger.reconciliations(interface=MONTHLY.id, business_date=OCTOBER, dealer=dealer)
            return row, ledger.reconciliation_differences(row.id)

    def members(self) -> list[str]:
        found = self.daily.query("SELECT dealer_code FROM dms.v_dealers WHERE trade_partner_dealer ORDER BY 1")
        return [code for (code,) in found]


@pytest.fixture(scope="session")
def gate() -> Iterator[GateProcess]:
    with GateProcess() as process:
        yield process


@pytest.fixture(scope="session")
def delivered(
    new_database: Callable[[Name], str], gate: GateProcess, tmp_path_factory: pytest.TempPathFactory
) -> Month:
    """The month's daily files, delivered; nothing monthly yet. Tests have copies, so one serves all modules."""
    folder = tmp_path_factory.mktemp("delivered")
    dms, ledger_dsn = new_database("dms"), new_database("ledger")
    fill(dms, **SAMPLE)
    with _partners(folder) as partners:
        month = _month(folder, dms, ledger_dsn, partners, gate)
        for turn in range(31):
            day = OCTOBER + timedelta(days=turn)
            if day != FRIDAY:
                files = month.daily.files(deliver_day(month.daily, day))
                assert {file.state for file in files} == {"PUBLISHED"}, [file.reason for file in files if file.reason]
    return month


@pytest.fixture(scope="session")
def delivered_whole(
    delivered: Month, postgres: Postgres, gate: GateProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Month]:
    """A copy with its last Friday delivered, once for all tests that want it."""
    with _copied(delivered, postgres, gate, tmp_path_factory.mktemp("whole")) as month:
        deliver_day(month.daily, FRIDAY)
        yield month


@pytest.fixture
def month(delivered: Month, postgres: Postgres, gate: GateProcess, tmp_path: Path) -> Iterator[Month]:
    """A copy of this test alone."""
    with _copied(delivered, postgres, gate, tmp_path) as month:
        yield month


@pytest.fixture
def whole(delivered_whole: Month, postgres: Postgres, gate: GateProcess, tmp_path: Path) -> Iterator[Month]:
    """A copy of this test alone, with its last Friday."""
    with _copied(delivered_whole, postgres, gate, tmp_path) as month:
        yield month


def deliver_day(world: World, day: date) -> Extraction:
    """Deliver a day; the planted dealer's feed is paused on the planted day, as on a day when the line was down."""
    planted = unsent_day(world.dms_dsn, OCTOBER)
    assert planted is not None
    dealer, unsent = planted
    if day == unsent:
        with world.ledger("person:test") as ledger:
            ledger.set_feed(DAILY.id, dealer, "live", "paused", reason="the line is down")
    run = world.deliver(day)
    if day == unsent:
        with world.ledger("person:test") as ledger:
            ledger.set_feed(DAILY.id, dealer, "live", "enabled", reason="the line is up")
    return run


@contextmanager
def _copied(source: Month, postgres: Postgres, gate: GateProcess, folder: Path) -> Iterator[Month]:
    """Databases and archive of ``source`` in ``folder``, and partners that have nothing yet."""
    sources = {"dms": source.daily.dms_dsn, "ledger": source.daily.ledger_dsn}
    names = {name: f"{name}_{folder.name}"[:63] for name in sources}
    dsns = {
        name: postgres.create_database(made, template=_name(sources[name]), replace=True)
        for name, made in names.items()
    }
    shutil.copytree(source.daily.folder / "archive", folder / "archive")
    with _partners(folder) as partners:
        yield _month(folder, dsns["dms"], dsns["ledger"], partners, gate)
    for made in names.values():
        postgres.drop_database(made)


@contextmanager
def _partners(folder: Path) -> Iterator[RunningPartners]:
    with start_partner(folder / "partners", ["merkle", "renault"]) as partners:
        yield partners


def _month(folder: Path, dms: str, ledger_dsn: str, partners: RunningPartners, gate: GateProcess) -> Month:
    daily = World(folder, dms, ledger_dsn, partners["merkle"], gate, DAILY)
    return Month(daily, replace(daily, partner=partners["renault"], contract=MONTHLY, said=[]))


def _name(dsn: str) -> str:
    return dsn.partition("?")[0].rpartition("/")[2]
