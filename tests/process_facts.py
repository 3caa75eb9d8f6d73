"""What a test asks of processes that may end while it asks."""

from __future__ import annotations

import contextlib
from typing import Any

import psutil


def alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family_of(pid: int) -> list[psutil.Process]:
    """The process and all that it started, and what those started."""
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def internet_sockets_of(family: list[psutil.Process]) -> list[Any]:
    """Their TCP and UDP sockets; one that ended meanwhile (PostgreSQL's workers come and go) has none."""
    found: list[Any] = []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += process.net_connections(kind="inet")
    return found
