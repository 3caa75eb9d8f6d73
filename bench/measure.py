"""Wall time, CPU time and memory of a child process and everything it starts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from local.postgres import Postgres

SAMPLE_SECONDS = 0.1
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Run:
    """One measured run: what the child printed as JSON, and the highest sum of PSS over its processes, in MB."""

    result: dict[str, Any]
    peak_mb: float


def measured(arguments: Sequence[str], request: dict[str, Any]) -> Run:
    """
    Run ``python -m <arguments>`` with ``request`` on its standard input until it ends.

    :raises RuntimeError: with the end of its errors, if it fails.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(request).encode())
    child.stdin.close()
    peak = 0.0
    process = psutil.Process(child.pid)
    while child.poll() is None:
        peak = max(peak, _tree_mb(process))
        time.sleep(SAMPLE_SECONDS)
    assert child.stdout is not None
    assert child.stderr is not None
    errors = child.stderr.read().decode()
    if child.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{errors[-2000:]}")
    return Run(json.loads(child.stdout.read().splitlines()[-1]), peak)


@dataclass
class Others:
    """CPU that the machine gave to none of ours: say in ``ours`` how many seconds were; ``cores`` is the mean rest."""

    ours: float = 0.0
    cores: float = 0.0


@contextmanager
def elsewhere() -> Iterator[Others]:
    """Tell how busy the machine was with other work during the block; what a hypervisor took away counts as such."""
    others = Others()
    before, started = _busy(), time.perf_counter()
    yield others
    others.cores = max(0.0, _busy() - before - others.ours) / (time.perf_counter() - started)


def _busy() -> float:
    times = psutil.cpu_times()
    parts = ("user", "nice", "system", "irq", "softirq", "steal")
    return float(sum(getattr(times, name, 0.0) for name in parts))


def sessions_cpu(postgres: Postgres, *, ended: str | None = None) -> float:
    """
    CPU seconds of all the database server's sessions that have ended.

    :param ended: a database whose sessions are about to end, and are waited for: a second passes on a busy machine.
    """
    server = psutil.Process(postgres.pid)
    deadline = time.monotonic() + 10
    while ended is not None and _in_session(server, ended) and time.monotonic() < deadline:
        time.sleep(0.05)
    times = server.cpu_times()
    return float(times.children_user + times.children_system)


def _in_session(server: psutil.Process, database: str) -> bool:
    """Tell by the titles of the server's processes: ``postgres: <user> <database> …``."""
    for process in server.children():
        try:
            title = process.cmdline()
        except psutil.ZombieProcess:
            title = []
        except psutil.Error:
            continue
        # Without a title it has ended or is about to, but the server does not know yet, nor count it.
        if not title or title[0].split()[2:3] == [database]:
            return True
    return False


def settle(dsn: str) -> None:
    """Do in a database what autovacuum does overnight, so that no round pays for it."""
    import psycopg2

    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()


def _tree_mb(process: psutil.Process) -> float:
    total = 0.0
    try:
        for member in [process, *process.children(recursive=True)]:
            # Shared pages count once over the tree, which adding up resident sizes would not do.
            total += member.memory_full_info().pss / MEGABYTE
    except psutil.Error:
        return 0.0
    return total
