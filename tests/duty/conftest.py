"""A ledger of each test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.ledger import Ledger


@pytest.fixture
def ledger(new_ledger_dsn: str) -> Iterator[Ledger]:
    with Ledger(new_ledger_dsn, actor="test:duty") as opened:
        yield opened
