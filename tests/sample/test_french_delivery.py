"""The French part delivered by the interface itself, and the ledger held against what the generator foretold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from lxml import etree

from include.contract import load_contract
from include.quality.gate import GateProcess
from local.partners.process import start_partner
from local.sample import FrenchTruth, Parameters, fill, french_truth
from local.sample.french.defects import KINDS
from tests.outbound.world import World

# In the past by any clock: signatures and authorisations are asked for again at the moment of sending.
FRIDAY = date(2025, 11, 21)
DAYS = [FRIDAY - timedelta(days=back) for back in range(4, -1, -1)]
NOW = datetime(2025, 11, 21, 23, 30, tzinfo=UTC)
SAMPLE: dict[str, Any] = {"dealers": 2, "days": 6, "lines": 20_000, "seed": 5, "until": FRIDAY}
STATES = {"GOES": "PUBLISHED", "WITHHELD": "WITHHELD", "HELD": "HELD"}
NS = "{urn:dealer-interfaces:fcs-ddc:1}"


@pytest.fixture(scope="module")
def truth() -> FrenchTruth:
    return french_truth(Parameters(**SAMPLE))


@pytest.fixture(scope="module")
def delivered(dms_dsn: str, ledger_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The sample's last week, day by day; no test changes it."""
    fill(dms_dsn, **SAMPLE)
    folder = tmp_path_factory.mktemp("french")
    with GateProcess() as gate, start_partner(folder / "partners", ["fcs"]) as partners:
        world = World(folder, dms_dsn, ledger_dsn, partners["fcs"], gate, load_contract("fcs_ddc_daily"))
        for day in DAYS:
            run = world.extract(day, now=NOW)
            world.check(run)
            world.render(run)
            world.publish(run)
        yield world


def test_the_ledger_says_what_was_foretold(delivered: World, truth: FrenchTruth) -> None:
    with delivered.ledger() as ledger:
        files = {(file.dealer, file.business_date): file for file in ledger.files(interface="fcs_ddc_daily")}
        rejected = {
            place: {row.row_key: frozenset(row.reasons) for row in ledger.rejected_rows(file.id)}
            for place, file in files.items()
        }
    for point in truth.points:
        for day in DAYS:
            fate, file = point.fate_on(day), files.get((point.label, day))
            assert (None if file is None else file.state) == STATES.get(fate or ""), (point, day, file)
            if fate == "GOES":
                told = truth.rejected(point.rrdi, day)
                assert rejected[point.rrdi, day] == {key: rules for (_, key), rules in told.items()}
    fates = {point.fate_on(day) for point in truth.points for day in DAYS}
    assert fates == {"GOES", "WITHHELD", "HELD", None}
    planted = {
        one.kind for one in truth.planted if one.business_date in DAYS and truth.of(one.rrdi)[0].goes_on(DAYS[0])
    }
    assert planted == {kind.name for kind in KINDS}


def test_each_application_is_told_its_status(delivered: World, truth: FrenchTruth) -> None:
    found: dict[tuple[str, str], str | None] = {}
    for name, content in delivered.home().items():
        if name.endswith(".manifest.xml") and f"_{FRIDAY:%Y%m%d}_" in name:
            rrdi, application = name.split("_")[1], name.split(".")[1]
            found[rrdi, application] = etree.fromstring(content).findtext(f"{NS}status")
    # The manifests are made when the file goes, by the machine's own clock.
    at = datetime.now(UTC)
    assert found == {
        (point.rrdi, application): status
        for point in truth.points
        if point.goes_on(FRIDAY)
        for application, status in point.applications(at).items()
    }
    assert "REVOKED" in found.values()
    assert len(set(found.values())) > 1
