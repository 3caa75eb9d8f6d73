"""A migrated CRM with nobody in it: emptied before each test, or a database of its own where a test changes more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crm.dealing import Dealing


@pytest.fixture
def crm(dms_dsn: str, tmp_path: Path) -> Dealing:
    """The module's database, emptied: a tenth of the time that making one takes."""
    dealing = Dealing(dms_dsn, tmp_path)
    dealing.empty()
    return dealing


@pytest.fixture
def own_crm(new_dms_dsn: str, tmp_path: Path) -> Dealing:
    """For a test that changes the database itself."""
    return Dealing(new_dms_dsn, tmp_path)
