"""A migrated database with nobody in it, of each test's own, or of a module's where tests bring people of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crm.dealing import Dealing


@pytest.fixture
def crm(new_dms_dsn: str, tmp_path: Path) -> Dealing:
    return Dealing(new_dms_dsn, tmp_path)


@pytest.fixture(scope="module")
def shared(dms_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Dealing:
    """One for all tests of a module that look at nothing but whom they brought."""
    return Dealing(dms_dsn, tmp_path_factory.mktemp("shared"))
