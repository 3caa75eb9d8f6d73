"""The sample partners, an archive, and directories of each test's own in one partner's home."""

from __future__ import annotations

from tests.publish.conftest import archive, archive_root, folder, merkle, partners, partners_root

__all__ = ["archive", "archive_root", "folder", "merkle", "partners", "partners_root"]
