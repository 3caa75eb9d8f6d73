"""A ledger, an archive and a DMS of each module's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.archive import Archive
from include.ledger import Ledger


@pytest.fixture
def ledger(ledger_dsn: str) -> Iterator[Ledger]:
    with Ledger(ledger_dsn, actor="test:agreements") as opened:
        yield opened


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.at((tmp_path / "archive").as_uri())
