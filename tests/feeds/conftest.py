"""A freshly migrated ledger for each test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.ledger import Ledger
from tests.publish.conftest import archive, archive_root, folder, merkle, partners, partners_root

__all__ = ["archive", "archive_root", "folder", "merkle", "partners", "partners_root"]


@pytest.fixture
def ledger(ledger_dsn: str) -> Iterator[Ledger]:
    with Ledger(ledger_dsn, actor="test:feeds") as opened:
        yield opened
