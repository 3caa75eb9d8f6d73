"""
A payment file posted against millions of claims, and claims loaded among them, beside one hash join of the same rows.

Every round brings another file and other claims to the same books, which so grow as they do in production. Each
round's outcomes must be those that the file was made with, and each join must find the same rows.
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
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.measure import elsewhere, measured, sessions_cpu, settle

if TYPE_CHECKING:
    from local.postgres import Postgres

CLAIMS: Final = 2_000_000
LINES: Final = 200_000
LOADED: Final = 100_000
CHANGED_EACH: Final = 100
"""One claim in so many of a load that repeats what is known was submitted once more."""
_DATABASE: Final = "bench_warranty"
_STEPS: Final = {
    "copy": (),
    "digest": ("DIGEST",),
    "told": ("TOLD", "TOUCH_CHANGED", "TOUCH_LINES"),
    "written": ("LINES", "CREATE", "SUBMISSION", "UPDATE", "DROP_JOBS", "JOBS"),
    "matched": ("TOUCH_OPEN", "ASKED", "FOUND", "ASSESS"),
    "assessed": ("TOUCH_CLAIMS", "TOUCH_PAYMENTS", "WRITE_CHANGED", "WRITE_NEW"),
    "outcomes": ("CLAIMED", "LABELLED", "WRITE_LABELS"),
    "status": ("STATUS",),
    "books": ("POSITIONS", "DELTA", "JOURNAL", "ENTRIES"),
}
"""The statements of each step, by their names in ``include/warranty/*_statements.py``."""


@dataclass(frozen=True)
class Step:
    """One thing of ours to measure, the rows that it brings as a file of frames, and what has to come out."""

    name: str
    what: str
    rows: Path
    expected: dict[str, int]
    joined: int | None
    header: dict[str, str] | None = None


def measure(
    postgres: Postgres,
    folder: Path,
    rounds: int,
    say: Callable[[str], None],
    *,
    claims: int = CLAIMS,
    lines: int = LINES,
    loaded: int = LOADED,
) -> list[dict[str, Any]]:
    """Fill the books, then post and load in ``rounds`` rounds; return a result for payments and for each load."""
    from bench.warranty_data import fill
    from include.migrations.run import migrate

    dsn = postgres.create_database(_DATABASE, replace=True)
    files = folder / "warranty"
    files.mkdir(exist_ok=True)
    try:
        migrate("dms", dsn)
        started = time.perf_counter()
        fill(dsn, claims)
        settle(dsn)
        say(f"  {claims:,} claims written in {time.perf_counter() - started:.0f} s")
        runs: dict[str, list[dict[str, Any]]] = {}
        for turn in range(rounds):
            for step in _steps(files, claims, lines, loaded, turn):
                # A join only reads, so what comes first makes no difference to what the other one finds.
                engines = ("limit", "ours") if turn % 2 == 0 else ("ours", "limit")
                for engine in (*engines, "polars") if step.what == "lines" else engines:
                    found = _run(engine, step, dsn, postgres)
                    runs.setdefault(f"{step.name}/{engine}", []).append(found)
                    say(
                        f"  {step.name:<24} {engine:<6} {found['seconds']:6.1f} s  {found['cpu']:.1f} CPU s, "
                        f"{found['server_cpu']:.1f} in the database  {found['peak_mb']:.0f} MB  "
                        f"{found['elsewhere']:.1f} cores at other work  "
                        f"{_spent(found['steps'])}"
                    )
            settle(dsn)
    finally:
        postgres.drop_database(_DATABASE)
        shutil.rmtree(files)
    results = [_result(name.removesuffix("/ours"), claims, runs) for name in runs if name.endswith("/ours")]
    for found in results:
        say(f"  {found['name']:<24} {found['cpu_ratio']} times the CPU seconds of the hash join, client and database")
    return results


def _spent(steps: dict[str, float]) -> str:
    return ", ".join(f"{name} {seconds}" for name, seconds in steps.items() if seconds)


def _steps(files: Path, claims: int, lines: int, loaded: int, turn: int) -> list[Step]:
    import numpy as np

    from bench.warranty_data import PAYMENT_DATE, payment_file, told

    paid = payment_file(claims, lines, turn)
    payment, new, known = (files / f"{name}_{turn}.parquet" for name in ("payment", "new", "known"))
    paid.lines.write_parquet(payment)
    first = claims + turn * loaded
    told(np.arange(first, first + loaded, dtype=np.int64)).write_parquet(new)
    # From the newest claims backwards, as far as there are any: the dealer's system tells what is still open.
    keys = np.arange(claims, dtype=np.int64)[-(turn + 1) * loaded : -turn * loaded or None]
    changed = keys[(keys % 20 > 1) & (keys // 20 % (CHANGED_EACH * 9 // 10) == 0)]
    told(keys, changed).write_parquet(known)
    header = {
        "document_number": f"BENCH{turn}", "payment_date": PAYMENT_DATE.isoformat(), "currency": "GBP", **paid.totals
    }  # fmt: skip
    return [
        Step("warranty payments", "lines", payment, paid.outcomes, paid.by_number, header),
        Step("warranty claims, new", "claims", new, {"created": loaded, "changed": 0}, None),
        Step("warranty claims, known", "claims", known, {"created": 0, "changed": len(changed)}, None),
    ]


def _run(engine: str, step: Step, dsn: str, postgres: Postgres) -> dict[str, Any]:
    """Run one engine over one step's rows in a process of its own; what comes out must be what was put in."""
    request = {"engine": engine, "what": step.what, "dsn": dsn, "rows": str(step.rows), "header": step.header}
    before = sessions_cpu(postgres)
    with elsewhere() as others:
        run = measured(["bench.warranty"], request)
        server_cpu = sessions_cpu(postgres, ended=_DATABASE) - before
        others.ours = run.result["process_cpu"] + server_cpu
    found = run.result
    if engine == "ours" and found["counts"] != step.expected:
        raise RuntimeError(f"{step.name}: {found['counts']} came out where {step.expected} was put in")
    if engine != "ours" and step.joined is not None and found["joined"] != step.joined:
        raise RuntimeError(f"{step.name}, {engine}: {found['joined']} rows were joined, {step.joined} have a partner")
    return found | {"peak_mb": run.peak_mb, "server_cpu": server_cpu, "elsewhere": others.cores}


def _result(name: str, claims: int, runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    sides = {engine: runs[key] for engine in ("ours", "limit", "polars") if (key := f"{name}/{engine}") in runs}
    seconds = {engine: median(run["seconds"] for run in found) for engine, found in sides.items()}
    cpu = {engine: median(run["cpu"] + run["server_cpu"] for run in found) for engine, found in sides.items()}
    return {
        "name": name,
        "rows": sides["ours"][0]["rows"],
        "claims": claims,
        "seconds": round(seconds["ours"], 2),
        "limit_seconds": round(seconds["limit"], 2),
        "ratio": round(seconds["ours"] / seconds["limit"], 2),
        "peak_mb": round(max(run["peak_mb"] for run in sides["ours"])),
        "engines": {engine: round(value, 2) for engine, value in seconds.items()},
        "cpu": {
            engine: [round(median(run[part] for run in found), 2) for part in ("cpu", "server_cpu")]
            for engine, found in sides.items()
        },
        # What others do on the machine makes seconds longer on both sides, but not by the same; of these hardly.
        "cpu_ratio": round(cpu["ours"] / cpu["limit"], 2),
        "rounds": len(sides["ours"]),
        "seconds_all": {engine: [round(run["seconds"], 2) for run in found] for engine, found in sides.items()},
        "steps": {
            engine: {part: round(median(run["steps"][part] for run in found), 2) for part in found[0]["steps"]}
            for engine, found in sides.items()
        },
        "counts": sides["ours"][0]["counts"],
        "cores_at_other_work": round(median(run["elsewhere"] for found in sides.values() for run in found), 2),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def main() -> None:
    """Read a request from standard input, do it, and print seconds, CPU seconds and what came out as JSON."""
    request = json.loads(sys.stdin.read())
    import polars as pl

    import include.warranty.claims
    import include.warranty.payments  # imports are not what is compared
    from bench.warranty_limit import hash_join, in_polars
    from include.warranty.frames import AMOUNTS

    rows = pl.read_parquet(request["rows"])
    steps = _time_statements() if request["engine"] == "ours" else {}
    before, started = _cpu(), time.perf_counter()
    if request["engine"] == "limit":
        result = hash_join(request["dsn"], request["what"], rows)
    elif request["engine"] == "polars":
        result = in_polars(request["dsn"], rows)
    elif request["what"] == "lines":
        told = request["header"]
        totals = {name: Decimal(told[name]) for name in AMOUNTS}
        day = datetime.fromisoformat(told["payment_date"]).date()
        header = include.warranty.payments.Header(told["document_number"], day, told["currency"], **totals)
        posted = include.warranty.payments.post_payment(request["dsn"], header, rows)
        result = {"counts": dict(sorted(posted.outcomes.items()))}
    else:
        load = include.warranty.claims.load_claims(request["dsn"], rows)
        result = {"counts": {"created": load.created, "changed": load.changed}}
    result |= {"seconds": time.perf_counter() - started, "cpu": _cpu() - before, "process_cpu": _cpu()}
    if steps:
        steps["rest"] = result["seconds"] - sum(steps.values())
        result["steps"] = {name: round(seconds, 2) for name, seconds in steps.items()}
    sys.stdout.write(json.dumps(result | {"rows": rows.height}) + "\n")
    sys.stdout.flush()
    os._exit(0)


def _time_statements() -> dict[str, float]:
    """Let cursors add up seconds by what a statement is for; ``ANALYZE``, polars and the commit are the rest."""
    import psycopg2
    from psycopg2.extensions import cursor

    from include.warranty import claim_statements, matching_statements, payment_statements, settling_statements

    modules = (claim_statements, matching_statements, payment_statements, settling_statements)
    names = {text: name for module in modules for name, text in vars(module).items() if isinstance(text, str)}
    step_of = {name: step for step, all_names in _STEPS.items() for name in all_names}
    seconds = dict.fromkeys(_STEPS, 0.0)

    class Timed(cursor):
        def execute(self, query: Any, values: Any = None) -> None:
            started = time.perf_counter()
            super().execute(query, values)
            if (step := step_of.get(names.get(query, ""))) is not None:
                seconds[step] += time.perf_counter() - started

        def copy_expert(self, *arguments: Any) -> None:
            started = time.perf_counter()
            super().copy_expert(*arguments)
            seconds["copy"] += time.perf_counter() - started

    psycopg2.connect = partial(psycopg2.connect, cursor_factory=Timed)
    return seconds


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
