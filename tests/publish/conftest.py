"""A real partner server, a real PostgreSQL with the ledger in it, and files that wait to be published."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from include.archive import Archive
from include.ledger import Ledger
from local.partners import PartnerEndpoint, RunningPartners, start_partner
from tests.faults.waiting_files import Waiting, gated_file

_folders = itertools.count(1)


@pytest.fixture(scope="session")
def partners_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("partners")


@pytest.fixture(scope="session")
def partners(partners_root: Path) -> Iterator[RunningPartners]:
    with start_partner(partners_root, ["merkle", "other"]) as running:
        yield running


@pytest.fixture(scope="session")
def merkle(partners: RunningPartners) -> PartnerEndpoint:
    return partners["merkle"]


@pytest.fixture
def folder(merkle: PartnerEndpoint, request: pytest.FixtureRequest) -> str:
    """A directory of this test's own in the partner's home."""
    name = f"inbound/{re.sub('[^a-z0-9]+', '-', request.node.name.lower())[:80]}-{next(_folders)}"
    (merkle.home / name).mkdir()
    return name


@pytest.fixture(scope="session")
def archive_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="session")
def archive(archive_root: Path) -> Archive:
    return Archive.at(f"file://{archive_root}")


@pytest.fixture
def ledger(ledger_dsn: str) -> Iterator[Ledger]:
    with Ledger(ledger_dsn, actor="test:publish") as opened:
        yield opened


@pytest.fixture
def waiting(ledger: Ledger, archive: Archive) -> Callable[..., Waiting]:
    """Makes a gated file of ``size`` bytes (70,000 unless said) of a dealer of its own."""

    def make(size: int = 70_000, suffix: str = ".csv", companions: Sequence[int] = ()) -> Waiting:
        return gated_file(ledger, archive, size=size, suffix=suffix, companions=companions)

    return make
