"""
Contact matching beside the same exact tiers in DuckDB, plain Polars and PostgreSQL; keys are read by every side.

All start from rows in normal form in a Parquet file and contacts in PostgreSQL, and end with the rows that link. Ours
does more within its seconds: fuzzy tiers, candidates for review, the batch among itself, and a decision with its hash
for each row.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench.measure import measured
from include.matching.tiers import LINKED, TIERS

if TYPE_CHECKING:
    import polars as pl

    from include.matching.candidates import Contacts
    from local.postgres import Postgres

BAR: Final = 2.0
_EXACT: Final = [tier.rule for tier in TIERS if tier.outcome == LINKED]
_STATEMENTS: Final = Path(__file__).with_suffix(".sql").read_text().split(";")
_LINKS: Final = "select row, rule, contact_id from links"
_NAMES: Final = "select contact_id, first, last from contact"
_POINTS: Final = "select contact_id, kind, value from point"


def measure(postgres: Postgres, folder: Path, rows: int, contacts: int, rounds: int) -> dict[str, Any]:
    """Fill the database, run all four in turn, each in a fresh process; return medians of wall time."""
    from bench.matching_data import fill
    from bench.matching_data import rows as written
    from include.matching.keys import normal_form

    dsn = postgres.create_database(f"matching_{contacts}")
    fill(dsn, contacts)
    raw, keys = folder / "matching_rows.parquet", folder / "matching_keys.parquet"
    frame = written(rows, contacts)
    frame.write_parquet(raw)
    normal_form(frame).write_parquet(keys)
    del frame
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ENGINES}
    peak = 0.0
    for turn in range(rounds):
        for name in sorted(ENGINES, reverse=bool(turn % 2)):
            run = measured(["bench.matching"], {"engine": name, "dsn": dsn, "keys": str(keys), "raw": str(raw)})
            runs[name].append(run.result)
            peak = max(peak, run.peak_mb) if name == "ours" else peak
            print(f"  {name:<10} {run.result['seconds']:6.1f} s  {run.result['cpu']:6.1f} CPU s  {run.peak_mb:.0f} MB")
    answers = {name: run["links"] for name, all_runs in runs.items() for run in all_runs}
    if len(set(map(str, answers.values()))) != 1:
        raise RuntimeError(f"the engines do not link the same rows, so their times do not compare: {answers}")
    seconds = {name: median(run["seconds"] for run in all_runs) for name, all_runs in runs.items()}
    floor = min(value for name, value in seconds.items() if name != "ours")
    return {
        "name": f"matching against {contacts:,} contacts",
        "rows": rows,
        "seconds": round(seconds["ours"], 2),
        "limit_seconds": round(floor, 2),
        "ratio": round(seconds["ours"] / floor, 2),
        "ratio_bar": BAR,
        "peak_mb": round(peak),
        "engines": {name: round(value, 2) for name, value in seconds.items()},
        "normal_form_seconds": round(median(run["normal_form"] for run in runs["ours"]), 2),
        "rounds": rounds,
        "links": answers["ours"],
    }


def _ours(request: dict[str, Any]) -> pl.DataFrame:
    import polars as pl

    from include.matching.match import decide

    decisions = decide(pl.read_parquet(request["keys"]), _contacts(request["dsn"]))
    # The tiers only: rows that follow another row of the batch are not asked of the others.
    return decisions.filter(pl.col("rule").is_in(_EXACT), pl.col("outcome") == LINKED)


def _polars(request: dict[str, Any]) -> pl.DataFrame:
    """What one would write by hand for these tiers alone."""
    import polars as pl

    contacts = _contacts(request["dsn"])
    keys, named = (
        pl.read_parquet(request["keys"]).lazy(),
        contacts.points.lazy().join(contacts.names.lazy(), on="contact_id"),
    )
    a, b = pl.col("first"), pl.col("first_right")
    agree = a.is_null() | b.is_null() | a.str.starts_with(b) | b.str.starts_with(a)
    phones = keys.unpivot(["home", "cell"], index=["row", "first", "last"])
    tiers = {
        "T1": keys.join(named.filter(kind="NUMBER"), left_on="number", right_on="value"),
        "T2": keys.join(named.filter(kind="EMAIL"), left_on=["email", "last"], right_on=["value", "last"]).filter(
            agree
        ),
        "T3": keys.join(
            named.filter(kind="SECOND_EMAIL"), left_on=["email", "last"], right_on=["value", "last"]
        ).filter(agree),
        "T4": phones.join(named.filter(pl.col("kind").is_in(["HOME", "CELL"])), on=["value", "last", "first"]),
    }
    pairs = pl.concat([tier.select("row", "contact_id", rule=pl.lit(rule)) for rule, tier in tiers.items()])
    return (
        pairs.group_by("row", "rule")
        .agg(pl.col("contact_id").min(), found=pl.col("contact_id").n_unique())
        .sort("rule")
        .unique("row", keep="first", maintain_order=True)
        .filter(found=1)
        .collect()
    )


def _duckdb(request: dict[str, Any]) -> pl.DataFrame:
    import duckdb
    import polars as pl

    contacts = _contacts(request["dsn"])
    with duckdb.connect() as connection:
        connection.register("contact", contacts.names.to_arrow())
        connection.register("point", contacts.points.to_arrow())
        connection.execute("create table keys as from read_parquet(?)", [request["keys"]])
        for statement in _STATEMENTS:
            connection.execute(statement)
        return pl.DataFrame(connection.execute(_LINKS).to_arrow_table())


def _postgresql(request: dict[str, Any]) -> pl.DataFrame:
    """Carry the rows to where the contacts are; then no key is read out."""
    import io

    import polars as pl
    import psycopg2

    from include.matching.reading import copy_frame

    text = io.BytesIO()
    pl.read_parquet(request["keys"]).drop("co_buyer").write_csv(text, include_header=False)
    text.seek(0)
    with psycopg2.connect(request["dsn"]) as connection, connection.cursor() as cursor:
        cursor.execute("set work_mem = '1GB'")
        cursor.execute(
            "create temp table keys (row bigint, number text, email text, home text, cell text, first text, last text)"
        )
        cursor.copy_expert("COPY keys FROM STDIN (FORMAT csv)", text)
        cursor.execute("analyze keys")
        for statement in _STATEMENTS:
            cursor.execute(statement)
            cursor.execute("analyze")
        links = {"row": pl.Int64, "rule": pl.String, "contact_id": pl.Int64}
        return copy_frame(cursor, _LINKS, links)


def _contacts(dsn: str) -> Contacts:
    import polars as pl
    import psycopg2

    from include.matching.candidates import Contacts
    from include.matching.reading import copy_frame

    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        return Contacts(
            copy_frame(cursor, _NAMES, {"contact_id": pl.Int64, "first": pl.String, "last": pl.String}),
            copy_frame(cursor, _POINTS, {"contact_id": pl.Int64, "kind": pl.String, "value": pl.String}),
        )


ENGINES: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "ours": _ours,
    "polars": _polars,
    "duckdb": _duckdb,
    "postgresql": _postgresql,
}


def main() -> None:
    """Read a request from standard input, match with its engine, and print seconds and links as JSON."""
    request = json.loads(sys.stdin.read())
    import duckdb  # noqa: F401  imports are not what is compared
    import polars as pl

    import include.matching.match
    from include.matching.keys import normal_form

    assert include.matching.match
    cpu, started = time.process_time(), time.perf_counter()
    links = ENGINES[request["engine"]](request)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    told = links.group_by("rule").agg(
        rows=pl.len(), check=(pl.col("row").cast(pl.Int64) * 31 + pl.col("contact_id").cast(pl.Int64) * 17).sum()
    )
    result = {"seconds": seconds, "cpu": cpu, "links": sorted(map(list, told.rows()))}
    if request["engine"] == "ours":
        raw = pl.read_parquet(request["raw"])
        started = time.perf_counter()
        normal_form(raw)
        result["normal_form"] = time.perf_counter() - started
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)  # freeing a gigabyte of frames is not of interest


if __name__ == "__main__":
    main()
