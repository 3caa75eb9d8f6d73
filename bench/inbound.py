"""
A file of sold units from the partner's server to the CRM's tables, beside the least that any way in must do.

Two files: a dealer's first one, all of whose rows are new, and the next day's, which repeats nearly all of them. The
limit lies in ``bench.inbound_limit``.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.measure import measured, sessions_cpu, settle

if TYPE_CHECKING:
    from bench.sftp_server import Server
    from local.postgres import Postgres

BAR: Final = 2.5
BAR_ROWS: Final = 1_000_000
"""Below that the import of Great Expectations is most of it, and no bar is set."""
DEALER: Final = "lakeside_rv"
DIRECTORY: Final = "lakeside"
INTERFACE: Final = "proresponse_sales"
FIRST: Final = datetime(2026, 11, 11, 6, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One file to bring in: into which databases (templates by name), and when it comes."""

    name: str
    file: Path
    good_rows: Path
    crm: str
    ledger: str
    at: datetime


def measure(
    postgres: Postgres, server: Server, folder: Path, rows: int, rounds: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Measure the first file of ``rows`` rows and the one after it; return a result each."""
    from bench.inbound_data import write_sales

    files = folder / "inbound"
    files.mkdir(exist_ok=True)
    first, next_day = (
        Case(
            name,
            files / f"{name}_SL.csv",
            files / f"{name}.good.csv",
            f"bench_{name}",
            f"bench_ledger_{name}",
            FIRST + timedelta(days=day),
        )
        for day, name in enumerate(("first", "next_day"))
    )
    for case in (first, next_day):
        write_sales(case.file, case.good_rows, rows, again=case is next_day)
    _prepare(postgres, first)
    results = [_measured(first, "inbound, first file", postgres, server, folder, rounds, say)]
    # What the last round left is where the next day begins.
    for name, made_of in ((next_day.crm, "bench_crm"), (next_day.ledger, "bench_ledger")):
        postgres.create_database(name, template=made_of, replace=True)
    settle(postgres.dsn(next_day.crm))
    results.append(_measured(next_day, "inbound, next day", postgres, server, folder, rounds, say))
    for name in ("first", "next_day"):
        postgres.drop_database(f"bench_{name}")
        postgres.drop_database(f"bench_ledger_{name}")
    for name in ("bench_crm", "bench_ledger"):
        postgres.drop_database(name)
    shutil.rmtree(files)
    return results


def _prepare(postgres: Postgres, case: Case) -> None:
    from bench.inbound_data import CONTACTS, fill_contacts
    from include.feeds import add_feed
    from include.ledger import Ledger
    from include.migrations.run import migrate

    crm = postgres.create_database(case.crm, replace=True)
    migrate("dms", crm)
    fill_contacts(crm, DEALER, CONTACTS)
    ledger_dsn = postgres.create_database(case.ledger, replace=True)
    migrate("ledger", ledger_dsn)
    with Ledger(ledger_dsn, actor="bench") as ledger:
        add_feed(
            ledger,
            interface=INTERFACE,
            dealer=DEALER,
            directory=DIRECTORY,
            conn_id="bench",
            delete_from_server=True,
        )


def _measured(
    case: Case, name: str, postgres: Postgres, server: Server, folder: Path, rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Let ours and the limit bring the file in, in turn, each into databases of its own."""
    (server.login / DIRECTORY).mkdir(exist_ok=True)
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "limit": []}
    for turn in range(rounds):
        # Ours comes last of all, so that the next file finds what it has left.
        for which in ("limit", "ours") if (rounds - turn) % 2 else ("ours", "limit"):
            crm = postgres.create_database("bench_crm", template=case.crm, replace=True)
            before = sessions_cpu(postgres)
            found = (_ours if which == "ours" else _limit)(case, crm, postgres, server, folder)
            time.sleep(0.2)  # until the database server has seen the session's end
            found["server_cpu"] = sessions_cpu(postgres) - before
            runs[which].append(found)
            say(
                f"  {which:<5}  {found['seconds']:6.1f} s  {found['cpu']:.1f} CPU s, {found['server_cpu']:.1f} in the "
                f"database  {found['peak_mb']:.0f} MB  {found['steps']}"
            )
    shutil.rmtree(server.login / DIRECTORY)
    return _result(case, name, runs["ours"], runs["limit"], server)


def _ours(case: Case, crm: str, postgres: Postgres, server: Server, folder: Path) -> dict[str, Any]:
    for left in ("archive", "staging", "reports"):
        shutil.rmtree(folder / left, ignore_errors=True)
    there = server.login / DIRECTORY / case.file.name
    shutil.copyfile(case.file, there)
    request = {
        "folder": str(folder),
        "host": server.host,
        "port": server.port,
        "username": server.username,
        "key_file": str(server.key_file),
        "host_key": server.host_key,
        "crm": crm,
        "ledger": postgres.create_database("bench_ledger", template=case.ledger, replace=True),
        "at": case.at.isoformat(),
    }
    run = measured(["bench.inbound"], request)
    if there.exists():
        raise RuntimeError("the file still stands at the partner, so its import did not come to its end")
    return run.result | {"peak_mb": run.peak_mb}


def _limit(case: Case, crm: str, postgres: Postgres, server: Server, folder: Path) -> dict[str, Any]:
    from bench.inbound_limit import limit

    there = server.login / DIRECTORY / case.good_rows.name
    shutil.copyfile(case.good_rows, there)
    found = limit(crm, server, f"{DIRECTORY}/{there.name}", DEALER, folder)
    there.unlink()
    return found | {"peak_mb": 0.0}


def _result(
    case: Case,
    name: str,
    ours: list[dict[str, Any]],
    limits: list[dict[str, Any]],
    server: Server,
) -> dict[str, Any]:
    counts = ours[0]["counts"]
    if any(run["counts"] != counts for run in ours):
        raise RuntimeError(f"the same file did not have the same effect: {[run['counts'] for run in ours]}")
    written = counts["created"] + counts["updated"]
    if any(run["written"] != written for run in limits):
        raise RuntimeError(f"ours wrote {written} activities, the limit {[run['written'] for run in limits]}")
    seconds, floor = (median(run["seconds"] for run in runs) for runs in (ours, limits))
    return {
        "name": name,
        "rows": ours[0]["rows"],
        "seconds": round(seconds, 2),
        "limit_seconds": round(floor, 2),
        "ratio": round(seconds / floor, 2),
        "ratio_bar": BAR if ours[0]["rows"] >= BAR_ROWS else None,
        "peak_mb": round(max(run["peak_mb"] for run in ours)),
        "cpu": {
            side: [round(median(run[part] for run in runs), 2) for part in ("cpu", "server_cpu")]
            for side, runs in (("ours", ours), ("limit", limits))
        },
        "rounds": len(ours),
        "seconds_all": [round(run["seconds"], 2) for run in ours],
        "limit_seconds_all": [round(run["seconds"], 2) for run in limits],
        "steps": _steps(ours),
        "limit_steps": _steps(limits),
        "counts": counts,
        "bytes": case.file.stat().st_size,
        "server": server.name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _steps(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {name: round(median(run["steps"][name] for run in runs), 2) for name in runs[0]["steps"]}


def bring_in(request: dict[str, Any]) -> dict[str, Any]:
    """Collect, check, apply and remove what waits; our imports count, the start of the interpreter does not."""
    started = time.perf_counter()
    from fsspec.implementations.local import LocalFileSystem

    from include.archive import Archive
    from include.collect import collect, remove
    from include.contract import load_contract
    from include.feeds import feeds
    from include.imports.apply import apply_arrivals
    from include.imports.check import check_arrivals
    from include.ledger import Ledger
    from include.sftp import Endpoint
    from include.staging import Staging

    folder = Path(request["folder"])
    contract = load_contract(INTERFACE)
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
        steps[name] = time.perf_counter() - started - sum(steps.values())

    at = datetime.fromisoformat(request["at"])
    with Ledger(request["ledger"], actor="bench") as ledger:
        served = feeds(ledger, interface=INTERFACE)
        # The minute for which a file must stand still is waiting, not work.
        collect(INTERFACE, served, lambda _: endpoint, ledger=ledger, archive=archive, stable_seconds=0, now=lambda: at)
        timed("collect")
        check_arrivals(
            contract,
            ledger=ledger,
            archive=archive,
            staging=staging,
            reports_root=str(folder / "reports"),
            run_key="bench",
        )
        timed("check")
        counts = apply_arrivals(contract, ledger=ledger, staging=staging, dms_dsn=request["crm"])
        timed("apply")
        remove(served, None, lambda _: endpoint, ledger=ledger, archive=archive)
        timed("remove")
        newest = max(ledger.arrivals(interface=INTERFACE), key=lambda row: row.id)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": time.perf_counter() - started,
        "cpu": sum(each.ru_utime + each.ru_stime for each in used),
        "rows": newest.rows_read,
        "counts": dict(sorted(counts.items())),
        "steps": {name: round(seconds, 2) for name, seconds in steps.items()},
    }


def main() -> None:
    """Read a request from standard input, bring the file in, and print seconds per step as JSON."""
    sys.stdout.write(json.dumps(bring_in(json.loads(sys.stdin.read()))) + "\n")
    sys.stdout.flush()
    os._exit(0)  # freeing a gigabyte of frames is not of interest


if __name__ == "__main__":
    main()
