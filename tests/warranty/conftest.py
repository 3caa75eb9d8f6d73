"""Books of each test's own."""

from __future__ import annotations

import pytest

from tests.warranty.books import Books


@pytest.fixture
def books(new_dms_dsn: str) -> Books:
    return Books(new_dms_dsn).open()
