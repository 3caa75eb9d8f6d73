"""A migrated database of each test's own, with nobody in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crm.dealing import Dealing


@pytest.fixture
def crm(new_dms_dsn: str, tmp_path: Path) -> Dealing:
    return Dealing(new_dms_dsn, tmp_path)
