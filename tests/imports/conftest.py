"""Files of a sales feed at a real partner, collected and checked as a run does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from include.ledger import Ledger
from include.quality.gate import GateProcess
from include.staging import Staging
from tests.collect.collecting import Clock, Partner
from tests.collect.conftest import make_feed, partner
from tests.imports.importing import Imports
from tests.publish.conftest import archive, archive_root, folder, merkle, partners, partners_root

__all__ = ["archive", "archive_root", "folder", "make_feed", "merkle", "partner", "partners", "partners_root"]


@pytest.fixture
def ledger(new_ledger_dsn: str) -> Iterator[Ledger]:
    """A ledger of each test's own: a step takes whatever waits, also what another test has left."""
    with Ledger(new_ledger_dsn, actor="test:imports") as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def gate() -> Iterator[GateProcess]:
    """The gate, started once: importing Great Expectations for each check would cost this suite minutes."""
    with GateProcess() as process:
        yield process


@pytest.fixture
def imports(partner: Partner, gate: GateProcess, new_dms_dsn: str, tmp_path: Path) -> Imports:
    """One sales feed, and what a run does with it after collecting."""
    return Imports(partner, Staging(LocalFileSystem(), str(tmp_path / "staging")), gate, new_dms_dsn, tmp_path)
