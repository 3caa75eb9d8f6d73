"""The same partner, ledger and archive as the publish tests stand on."""

from __future__ import annotations

from tests.publish.conftest import (
    archive,
    archive_root,
    folder,
    ledger,
    merkle,
    partners,
    partners_root,
    waiting,
)

__all__ = ["archive", "archive_root", "folder", "ledger", "merkle", "partners", "partners_root", "waiting"]
