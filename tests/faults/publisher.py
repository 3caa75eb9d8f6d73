"""
A publisher in a process of its own, which kills or stops itself at a named step: ``python -m tests.faults.publisher``.

Reads its orders as JSON on standard input, writes one line of JSON with the outcome or the error.
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
from include.ledger import Ledger, LedgerError
from include.publish import PublishSettings, publish_files
from include.sftp import Endpoint, TransferError

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Orders:
    """
    What to publish and where to die.

    ``signal_at`` is a step such as ``after_rename``, or empty; ``signal_nth`` counts how often it is reached.
    """

    host: str
    port: int
    username: str
    private_key: str
    host_key: str
    dsn: str
    archive: str
    file_ids: list[int]
    remote_dir: str
    signal_at: str = ""
    signal_nth: int = 1
    signal_name: str = "SIGKILL"
    lease_seconds: float = 30.0


def start(*orders: Orders) -> subprocess.Popen[str]:
    """Start a process with its orders; ``communicate()`` waits for it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.publisher"],
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
    """Run each order in a process of its own, one after the other; exit code (negative: signal) and what it said."""
    process = start(*orders)
    said, complaint = process.communicate(timeout=60 + 5 * len(orders))
    results = [(each["exit"], each["said"]) for each in json.loads(said)] if process.returncode == 0 else []
    assert len(results) == len(orders), complaint
    return results


def main() -> int:
    orders = [Orders(**each) for each in json.loads(sys.stdin.readline())]
    if len(orders) == 1:
        return publish(orders[0])
    # Forked, so that the imports are paid for once; nothing here has started a thread yet.
    results = []
    for each in orders:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(writing, 1)
            os._exit(publish(each))
        os.close(writing)
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        results.append({"exit": os.waitstatus_to_exitcode(status), "said": said})
    sys.stdout.write(json.dumps(results))
    return 0


def publish(orders: Orders) -> int:
    """Carry out one order in this process; 0 if the files are settled, 1 with the error's name if not."""
    reached: list[str] = []

    def on_step(file_id: int, step: str) -> None:
        reached.append(step)
        if step == orders.signal_at and reached.count(step) == orders.signal_nth:
            say({"reached": step})
            os.kill(os.getpid(), signal.Signals[orders.signal_name])

    endpoint = Endpoint(orders.host, orders.port, orders.username, orders.private_key, (orders.host_key,))
    with Ledger(orders.dsn, actor=f"test:publisher {os.getpid()}") as ledger:
        try:
            outcomes = publish_files(
                endpoint,
                ledger,
                Archive.at(f"file://{orders.archive}"),
                orders.file_ids,
                remote_dir=orders.remote_dir,
                settings=PublishSettings(lease_seconds=orders.lease_seconds),
                on_step=on_step,
            )
        except (TransferError, LedgerError) as error:
            say({"error": type(error).__name__, "message": str(error)})
            return 1
    say({"actions": [outcome.action for outcome in outcomes]})
    return 0


def say(what: dict[str, object]) -> None:
    # Past Python's buffer: a killed process flushes nothing.
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
