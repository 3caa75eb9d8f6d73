"""`make bench`: deliver, bring in, match and pay millions of lines beside limits, in turn; medians and ratios."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import inbound, matching, pages, parsing, warranty
from bench.deliveries import DAY, DELIVERIES, Delivery
from bench.limit import limit
from bench.measure import measured
from bench.sftp_server import Server, sftp_server
from include.migrations.run import migrate
from local.postgres import Postgres, running_postgres
from local.sample import fill
from local.settings import Settings

# Five million lines of XML say nothing that one million do not.
MOST_XML_LINES = 1_000_000
MATCHED = 1_000_000
INBOUND = (200_000, 1_000_000)
PARTS = ("outbound", "inbound", "matching", "warranty", "pages", "parsing")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; the exit code says only whether it could be measured, never whether it was fast."""
    options = _options(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    folder = Settings.from_environment().run_dir / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    with running_postgres(folder / "postgres") as postgres, sftp_server(folder / "server") as server:
        console.print(f"Server: {server.name}. {_machine()}.")
        for form in options.forms if "outbound" in options.only else ():
            for lines in options.lines:
                if form == "csv" or lines <= MOST_XML_LINES or len(options.lines) == 1:
                    results += _outbound(DELIVERIES[form], lines, options, postgres, server, folder, console)
        for rows in INBOUND if "inbound" in options.only else ():
            console.print(f"Inbound, {rows:,} rows of proresponse_sales")
            found = inbound.measure(postgres, server, folder, rows, options.rounds, console.print)
            results += [each | {"machine": _machine()} for each in found]
        if "matching" in options.only:
            console.print(f"Matching {MATCHED:,} rows against as many contacts")
            matched = matching.measure(postgres, folder, MATCHED, MATCHED, options.rounds)
            results.append(matched | {"machine": _machine()})
        if "warranty" in options.only:
            console.print(f"Warranty, {warranty.LINES:,} payment lines against {warranty.CLAIMS:,} claims")
            posted = warranty.measure(postgres, folder, options.rounds, console.print)
            results += [each | {"machine": _machine()} for each in posted]
        if "pages" in options.only:
            console.print("Pages over 1,000,000 files")
            shown = pages.measure(postgres, folder, console.print)
            results += [each | {"machine": _machine()} for each in shown]
    if "parsing" in options.only:
        console.print("DAG files, parsed beside plain ones")
        results.append(parsing.measure(folder / "airflow", options.rounds + 2) | {"machine": _machine()})
    for name in ("archive", "staging", "reports", "server"):
        shutil.rmtree(folder / name, ignore_errors=True)
    _compare_sizes(results)
    target = folder.parent / "bench.json"
    target.write_text(json.dumps(results, indent=2) + "\n")
    console.print(_table(results))
    console.print(f"Written to {os.path.relpath(target)}.")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000, 5_000_000], help="sizes to deliver")
    parser.add_argument("--forms", nargs="+", choices=sorted(DELIVERIES), default=sorted(DELIVERIES), help="of file")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="what to measure")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured, in turn with the limit")
    parser.add_argument("--no-usual-way", action="store_true", help="leave out the comparison by hand (90 s, 3 GB)")
    return parser.parse_args(arguments)


def _outbound(
    what: Delivery,
    lines: int,
    options: argparse.Namespace,
    postgres: Postgres,
    server: Server,
    folder: Path,
    console: Console,
) -> list[dict[str, Any]]:
    dms = postgres.create_database(f"{what.database}_{lines}")
    migrate("dms", dms)
    console.print(f"{what.name}, {lines:,} lines: filling the DMS (kept for the next time)")
    fill(dms, dealers=12, days=1, lines=lines, seed=1, until=DAY, defects=False, **what.sample)
    bound = what.bound_query(dms)
    template = postgres.create_database("ledger_template")
    migrate("ledger", template)
    ours, limits, peaks, steps = [], [], [], []
    rows = 0
    request = _request(server, folder) | {"dms_dsn": dms, "contract": what.contract}
    for turn in range(options.rounds):
        for which in ("limit", "ours") if turn % 2 == 0 else ("ours", "limit"):
            if which == "limit":
                limits.append(limit(bound, dms, server, folder / "limit"))
                console.print(f"  limit  {limits[-1]['seconds']:6.1f} s  (copy {limits[-1]['copy']:.1f})")
                continue
            for leftover in server.home.glob("*"):
                leftover.unlink()
            for name in ("archive", "staging", "reports"):
                shutil.rmtree(folder / name, ignore_errors=True)
            ledger = postgres.create_database("ledger_bench", template="ledger_template", replace=True)
            run = measured(["bench.delivery"], request | {"ledger_dsn": ledger})
            ours.append(run.result["seconds"])
            peaks.append(run.peak_mb)
            steps.append(run.result["steps"])
            rows = run.result["rows"]
            console.print(f"  ours   {ours[-1]:6.1f} s  {peaks[-1]:.0f} MB  {run.result['steps']}")
    seconds, floor = median(ours), median(item["seconds"] for item in limits)
    found = [
        {
            "name": what.name,
            "rows": rows,
            "seconds": round(seconds, 2),
            "limit_seconds": round(floor, 2),
            "ratio": round(seconds / floor, 2),
            "ratio_bar": what.bars.get(lines, (None, None))[0],
            "peak_mb": round(max(peaks)),
            "peak_mb_bar": what.bars.get(lines, (None, None))[1],
            "rounds": options.rounds,
            "seconds_all": [round(value, 2) for value in ours],
            "limit_seconds_all": [round(item["seconds"], 2) for item in limits],
            "steps": {name: round(median(step[name] for step in steps), 2) for name in steps[0]},
            "bytes": limits[0]["bytes"],
            "server": server.name,
            "machine": _machine(),
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    ]
    if what.contract == "merkle_sar_daily" and lines == 1_000_000 and not options.no_usual_way:
        console.print("  the usual way, once")
        run = measured(["bench.usual_way"], request | {"query": bound.decode()})
        found.append(
            {
                "name": "outbound CSV by hand, once",
                "rows": run.result["rows"],
                "seconds": round(run.result["seconds"], 2),
                "limit_seconds": round(floor, 2),
                "ratio": round(run.result["seconds"] / floor, 2),
                "peak_mb": round(run.peak_mb),
            }
        )
    return found


def _request(server: Server, folder: Path) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "day": DAY.isoformat(),
        "host": server.host,
        "port": server.port,
        "username": server.username,
        "key_file": str(server.key_file),
        "host_key": server.host_key,
        "remote_dir": server.remote_dir,
    }


def _compare_sizes(results: list[dict[str, Any]]) -> None:
    """Add what five times the rows cost: at most 5.5 times the seconds and, going out, 1.3 times the memory."""
    sizes: dict[str, list[dict[str, Any]]] = {}
    for item in results:
        sizes.setdefault(item["name"], []).append(item)
    for items in sizes.values():
        for small in items:
            for large in items:
                if round(large["rows"] / small["rows"], 1) == 5:
                    large["growth"] = round(large["seconds"] / small["seconds"], 2)
                    large["growth_bar"] = 5.5
                    if large["name"] == "outbound CSV":
                        large["peak_mb_bar"] = round(1.3 * small["peak_mb"])


def _table(results: list[dict[str, Any]]) -> Table:
    table = Table(title="Beside the limit (medians)")
    for name in ("what", "rows", "seconds", "limit s", "ratio", "bar", "peak MB", "bar", "growth"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for item in results:
        table.add_row(
            item["name"],
            f"{item['rows']:,}",
            _seconds(item["seconds"]),
            _seconds(item["limit_seconds"]),
            f"{item['ratio']:.2f}",
            _page_bar(item) if "within_bar" in item else _bar(item["ratio"], item.get("ratio_bar")),
            str(item["peak_mb"] or ""),
            _bar(item["peak_mb"], item.get("peak_mb_bar")),
            f"{item['growth']:.2f} (≤ {item['growth_bar']})" if "growth" in item else "",
        )
    return table


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.3f}"


def _bar(value: float, bar: float | None) -> str:
    if bar is None:
        return ""
    return f"≤ {bar:g}" if value <= bar else f"≤ {bar:g}, missed by {value - bar:.2g}"


def _page_bar(item: dict[str, Any]) -> str:
    """A page's bar is on its worst answer, in seconds."""
    return f"≤ {item['seconds_bar']:g} s" + ("" if item["within_bar"] else f", at worst {item['worst_seconds']:.2f} s")


def _machine() -> str:
    model = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    sys.exit(main())
