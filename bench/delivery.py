"""One delivery by the repository's own steps, as a process of its own: what `make bench` times and weighs."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any


def main() -> None:
    """Read a request from standard input, deliver, and print seconds per step as JSON."""
    request = json.loads(sys.stdin.read())
    sys.stdout.write(json.dumps(deliver(request)) + "\n")


def deliver(request: dict[str, Any]) -> dict[str, Any]:
    """Run extract, check, render, publish and conclude over one window; imports count, interpreter start does not."""
    started = time.perf_counter()
    from fsspec.implementations.local import LocalFileSystem

    from include.archive import Archive
    from include.contract import load_contract
    from include.ledger import Ledger
    from include.outbound.check import check
    from include.outbound.conclude import conclude
    from include.outbound.extract import extract
    from include.outbound.publish import publish
    from include.outbound.render import render
    from include.sftp import Endpoint
    from include.staging import Staging
    from include.window import day_window

    folder = Path(request["folder"])
    contract = replace(load_contract(request["contract"]), remote_dir=request["remote_dir"])
    window = day_window(date.fromisoformat(request["day"]), contract.zone)
    archive = Archive(LocalFileSystem(), str(folder / "archive"))
    staging = Staging(LocalFileSystem(), str(folder / "staging"))
    endpoint = Endpoint(
        host=request["host"],
        port=request["port"],
        username=request["username"],
        private_key=Path(request["key_file"]).read_text(),
        host_keys=(request["host_key"],),
    )
    steps: dict[str, float] = {"imports": time.perf_counter() - started}

    def timed(name: str) -> None:
        steps[name] = round(time.perf_counter() - started - sum(steps.values()), 3)

    with Ledger(request["ledger_dsn"], actor="bench") as ledger:
        run = extract(
            contract,
            window,
            dms_dsn=request["dms_dsn"],
            ledger=ledger,
            staging=staging,
            run_id="bench",
            now=datetime.now(UTC),
        )
        timed("extract")
        check(contract, run.batch_id, run.file_ids, ledger=ledger, staging=staging, archive=archive)
        timed("check")
        render(
            contract,
            run.batch_id,
            run.file_ids,
            ledger=ledger,
            staging=staging,
            archive=archive,
            reports_root=str(folder / "reports"),
            run_key="bench",
        )
        timed("render")
        publish(contract, run.file_ids, endpoint=endpoint, ledger=ledger, archive=archive, dms_dsn=request["dms_dsn"])
        timed("publish")
        states = conclude(contract, run.file_ids, ledger=ledger, archive=archive)
        timed("conclude")
        rows = sum(ledger.file(file_id).rows or 0 for file_id in run.file_ids)
    return {
        "seconds": time.perf_counter() - started,
        "rows": rows,
        "states": states,
        "steps": {name: round(seconds, 2) for name, seconds in steps.items()},
    }


if __name__ == "__main__":
    main()
