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
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Orders:
    """What to publish and where to die. ``signal_at`` is a step such as ``after_rename``, or empty."""

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
    signal_name: str = "SIGKILL"
    lease_seconds: float = 30.0


def start(orders: Orders) -> subprocess.Popen[str]:
    """Start the process with its orders; ``communicate()`` waits for it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.publisher"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(orders)) + "\n")
    process.stdin.flush()
    return process


def main() -> int:
    from include.archive import Archive
    from include.ledger import Ledger, LedgerError
    from include.publish import PublishSettings, publish_files
    from include.sftp import Endpoint, TransferError

    orders = Orders(**json.loads(sys.stdin.readline()))

    def on_step(file_id: int, step: str) -> None:
        if step == orders.signal_at:
            sys.stdout.write(f'{{"reached": "{step}"}}\n')
            sys.stdout.flush()
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
            sys.stdout.write(json.dumps({"error": type(error).__name__, "message": str(error)}) + "\n")
            return 1
    sys.stdout.write(json.dumps({"actions": [outcome.action for outcome in outcomes]}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
