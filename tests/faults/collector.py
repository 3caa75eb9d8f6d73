"""
A collector in a process of its own, which kills or stops itself at a named step: ``python -m tests.faults.collector``.

Reads a list of orders as JSON on standard input, carries out each in a forked child, one after the other, and writes
the exit codes and what each said.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from include.archive import Archive
from include.collect import CollectLimits, collect, remove
from include.feeds import feeds
from include.ledger import Ledger
from include.sftp import Endpoint

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Orders:
    """What to do with one feed, and where to die: ``signal_at`` is a step such as ``after_land``."""

    host: str
    port: int
    username: str
    private_key: str
    host_key: str
    dsn: str
    archive: str
    interface: str
    feed_id: int
    removes: list[int]
    """Arrivals to remove at the partner; empty: collect."""
    signal_at: str
    signal_name: str = "SIGKILL"
    lease_seconds: float = 4.0


def start(orders: Sequence[Orders]) -> subprocess.Popen[str]:
    """Start a process with its orders; ``communicate()`` waits for it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.collector"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps([asdict(each) for each in orders]) + "\n")
    process.stdin.flush()
    return process


def run_all(orders: Sequence[Orders]) -> list[tuple[int, str]]:
    """Carry out all orders; exit code (negative: signal) and what it said, each."""
    process = start(orders)
    said, complaint = process.communicate(timeout=60 + 5 * len(orders))
    results = [(each["exit"], each["said"]) for each in json.loads(said)] if process.returncode == 0 else []
    assert len(results) == len(orders), complaint
    return results


def main() -> int:
    orders = [Orders(**each) for each in json.loads(sys.stdin.readline())]
    results = []
    for each in orders:
        reading, writing = os.pipe()
        # Forked, so that the imports are paid for once; nothing here has started a thread yet.
        child = os.fork()
        if child == 0:
            os.dup2(writing, 1)
            os._exit(carry_out(each))
        os.close(writing)
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        results.append({"exit": os.waitstatus_to_exitcode(status), "said": said})
    sys.stdout.write(json.dumps(results))
    return 0


def carry_out(orders: Orders) -> int:
    """Carry out one order in this process."""

    def on_step(arrival_id: int, step: str) -> None:
        if step == orders.signal_at:
            say({"reached": step})
            os.kill(os.getpid(), signal.Signals[orders.signal_name])

    endpoint = Endpoint(orders.host, orders.port, orders.username, orders.private_key, (orders.host_key,))
    limits = CollectLimits(lease_seconds=orders.lease_seconds)
    archive = Archive.at(f"file://{orders.archive}")
    with Ledger(orders.dsn, actor=f"test:collector {os.getpid()}") as ledger:
        served = [feed for feed in feeds(ledger) if feed.id == orders.feed_id]
        if orders.removes:
            counts = remove(
                served,
                orders.removes,
                lambda conn_id: endpoint,
                ledger=ledger,
                archive=archive,
                limits=limits,
                on_step=on_step,
            ).counts
        else:
            counts = collect(
                orders.interface,
                served,
                lambda conn_id: endpoint,
                ledger=ledger,
                archive=archive,
                stable_seconds=0.0,
                wait=None,
                limits=limits,
                on_step=on_step,
            ).counts
    say(dict(counts))
    return 0


def say(what: dict[str, object]) -> None:
    # Past Python's buffer: a killed process flushes nothing.
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
