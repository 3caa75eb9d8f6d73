"""A real partner server, a real PostgreSQL with the ledger in it, and files that wait to be published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.partners import PartnerEndpoint, RunningPartners, start_partner


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
    name = f"inbound/{re.sub('[^a-z0-9]+', '-', request.node.name.lower())[:80]}"
    (merkle.home / name).mkdir()
    return name
