"""The sample partner's files through every inbound step, and what became of them beside the sample's own list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from fsspec.implementations.local import LocalFileSystem

from include.archive import Archive
from include.collect import collect, remove
from include.contract import load_contract
from include.feeds import feeds
from include.imports.apply import apply_arrivals
from include.imports.check import check_arrivals
from include.ledger import Ledger
from include.ledger.chain import verify
from include.quality.gate import GateProcess
from include.sftp import Endpoint
from include.staging import Staging
from local.partners.process import start_partner
from local.sample.proresponse import (
    SALES,
    SERVICE,
    Comparison,
    ProresponseSample,
    add_feeds,
    compare,
    drop,
    enter_contacts,
    proresponse_sample,
    put,
)

UNTIL = date(2026, 11, 20)


@dataclass
class World:
    """The sample at a partner, and a day that goes on with each wave."""

    sample: ProresponseSample
    ledger: Ledger
    dms_dsn: str
    home: Path
    endpoint: Endpoint
    folder: Path
    gate: GateProcess
    now: datetime = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)

    def run(self) -> None:
        """Both interfaces from listing to removal, once."""
        self.now += timedelta(minutes=5)
        archive = Archive(LocalFileSystem(), str(self.folder / "archive"))
        staging = Staging(LocalFileSystem(), str(self.folder / "staging"))
        for interface in (SALES, SERVICE):
            contract, known = load_contract(interface), feeds(self.ledger, interface=interface)
            collect(
                interface, known, lambda _: self.endpoint, ledger=self.ledger, archive=archive,
                now=lambda: self.now, stable_seconds=0.0, wait=None,
            )  # fmt: skip
            check_arrivals(
                contract, ledger=self.ledger, archive=archive, staging=staging, run_key=f"{self.now:%H%M}",
                reports_root=str(self.folder / "reports"), gate=nullcontext(self.gate),
            )  # fmt: skip
            apply_arrivals(contract, ledger=self.ledger, staging=staging, dms_dsn=self.dms_dsn)
            remove(known, None, lambda _: self.endpoint, ledger=self.ledger, archive=archive)

    def compared(self) -> Comparison:
        return compare(self.sample, ledger_dsn=self.ledger.dsn, dms_dsn=self.dms_dsn, home=self.home)


@pytest.fixture(scope="module")
def world(ledger_dsn: str, dms_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("proresponse")
    sample = proresponse_sample(1, UNTIL)
    with (
        start_partner(folder / "partners", ["proresponse"]) as partners,
        Ledger(ledger_dsn, actor="test:sample") as ledger,
        GateProcess() as gate,
    ):
        partner = partners["proresponse"]
        add_feeds(ledger, sample, partner.home)
        enter_contacts(dms_dsn, sample)
        world = World(sample, ledger, dms_dsn, partner.home, partner.endpoint(), folder, gate)
        for wave in ("past", "today", "later"):
            drop(sample, partner.home, wave)
            world.run()
        yield world


def test_everything_becomes_what_the_list_says(world: World) -> None:
    found = world.compared()
    assert found.differences == [], "\n".join(["", *found.differences, found.table()])
    assert [vars(line) for line in found.lines] == [vars(line) for line in found.foretold]
    assert verify(world.ledger.dsn).whole


def test_the_same_file_ten_times_changes_nothing_after_the_first(world: World) -> None:
    before = _crm(world)
    [day] = [file for file in world.sample.files if file.feed.dealer == "harbor_marine" and file.wave == "today"][:1]
    assert day.fate is not None
    for number in range(10):
        put([replace(day, name=f"again_{number}_SL.csv".encode(), mtime=day.mtime + number)], world.home)
        if number % 5 == 4:
            world.run()
    states = [row.state for row in world.ledger.arrivals(dealer="harbor_marine") if row.duplicate_of is not None]
    assert states == ["REMOVED"] * 10
    assert _crm(world) == before
    # Files that somebody else puts down are nobody's difference.
    assert world.compared().differences == []


def test_a_comparison_finds_what_is_other_than_planted(world: World) -> None:
    """Else it would hold whatever the product does."""
    told = set(world.compared().differences)
    changes = {
        "does not say what it has to (amount)": "UPDATE crm.activity SET amount_financed = amount_financed + 0.01 "
        "WHERE activity_id = (SELECT min(activity_id) FROM crm.activity WHERE amount_financed > 0)",
        "is 2 contacts": "UPDATE crm.activity SET contact_id = (SELECT max(contact_id) FROM crm.contact "
        "WHERE dealer = 'coastal_boats') WHERE activity_id = (SELECT activity_id FROM crm.match_decision "
        "JOIN crm.activity USING (activity_id) WHERE dealer = 'coastal_boats' AND rule = 'T1' LIMIT 1)",
    }
    for words, change in changes.items():
        with closing(psycopg2.connect(world.dms_dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(change)
            assert cursor.rowcount == 1
        more = set(world.compared().differences) - told
        assert any(words in difference for difference in more), more
        told |= more
    (world.home / "coastal_boats" / "sales" / "odd_SL.csv").unlink()
    more = set(world.compared().differences) - told
    assert more == {"coastal_boats/sales/odd_SL.csv: removed at the partner, foretold otherwise"}


def test_it_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    one, two, other = (proresponse_sample(seed, UNTIL) for seed in (1, 1, 2))
    assert one.files == two.files
    assert [file.content for file in one.files] != [file.content for file in other.files]
    assert len({file.case for file in one.files}) > 20


def _crm(world: World) -> list[tuple[object, ...]]:
    """Every activity and contact, with the transaction that wrote it last."""
    with closing(psycopg2.connect(world.dms_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT xmin::text, activity_id FROM crm.activity UNION ALL "
            "SELECT xmin::text, -contact_id FROM crm.contact ORDER BY 2"
        )
        return cursor.fetchall()
