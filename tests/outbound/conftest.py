"""One sample DMS per test module, one ledger and one partner home per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.contract import load_contract
from include.migrations.run import Name
from include.quality.gate import GateProcess
from local.partners.process import start_partner
from local.postgres import Postgres
from local.sample import fill
from tests.outbound.french import Group, group
from tests.outbound.world import SAMPLE, World


@pytest.fixture(scope="session")
def sample_template(new_database: Callable[[Name], str]) -> str:
    """A DMS with the sample group that tests copy before they change it."""
    dsn = new_database("dms")
    fill(dsn, **SAMPLE)
    return dsn


@pytest.fixture(scope="session")
def gate() -> Iterator[GateProcess]:
    """The gate, started once: importing Great Expectations for each delivery would cost this suite minutes."""
    with GateProcess() as process:
        yield process


@pytest.fixture
def world(
    sample_template: str, postgres: Postgres, gate: GateProcess, new_ledger_dsn: str, tmp_path: Path
) -> Iterator[World]:
    """A world of this test alone."""
    name = f"dms_{tmp_path.name}"[:63]
    template = sample_template.partition("?")[0].rpartition("/")[2]
    dsn = postgres.create_database(name, template=template, replace=True)
    with start_partner(tmp_path / "partners", ["merkle"]) as partners:
        yield World(tmp_path, dsn, new_ledger_dsn, partners["merkle"], gate)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def empty_dms(new_database: Callable[[Name], str]) -> str:
    return new_database("dms")


@pytest.fixture
def ddc(empty_dms: str, postgres: Postgres, gate: GateProcess, new_ledger_dsn: str, tmp_path: Path) -> Iterator[World]:
    """A world of this test alone whose interface is the DDC feed."""
    name = f"ddc_{tmp_path.name}"[:63]
    template = empty_dms.partition("?")[0].rpartition("/")[2]
    dsn = postgres.create_database(name, template=template, replace=True)
    with start_partner(tmp_path / "partners", ["fcs"]) as partners:
        yield World(tmp_path, dsn, new_ledger_dsn, partners["fcs"], gate, load_contract("fcs_ddc_daily"))
    postgres.drop_database(name)


@pytest.fixture
def sites(ddc: World) -> Group:
    return group(ddc)
