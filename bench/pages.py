"""
The pages over a ledger of a million files, asked by HTTP of Airflow's API server, beside what an answer costs at least.

The least is twofold: one row by its primary key over a database connection that is open already, and the pages'
emptiest answer, a style sheet, which passes login and permissions like every page.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

import psycopg2

from bench.measure import settle
from bench.pages_data import INBOUND, Filled, fill
from include.migrations.run import migrate
from local.airflow import Api
from local.processes import Processes
from local.sample import fill as fill_dms
from local.settings import LOOPBACK, Settings, airflow_environment, free_port

if TYPE_CHECKING:
    from local.postgres import Postgres

BAR_SECONDS: Final = 0.3
REQUESTS: Final = 15
START_SECONDS: Final = 120
PREFIX: Final = "/exchange"
_RUN: Final = """
INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, queued_at, start_date, end_date, clear_number,
    updated_at, log_template_id)
VALUES (%s, %s, 'scheduled', 'success', %s, %s, %s, %s, 0, now(), (SELECT max(id) FROM log_template))
"""


def measure(
    postgres: Postgres, folder: Path, say: Callable[[str], None], *, requests: int = REQUESTS
) -> list[dict[str, Any]]:
    """Fill the databases, start the API server, ask for each page ``requests`` times; return a result each."""
    settings = Settings(folder / "pages")
    settings.make_folders()
    started = time.perf_counter()
    processes = Processes(settings.logs)
    try:
        metadata, ledger, dms = (
            postgres.create_database(f"bench_pages_{name}", replace=name != "airflow")
            for name in ("airflow", "ledger", "dms")
        )
        port = free_port()
        environment = _environment(settings, port, postgres, metadata)
        processes.start("migration", [sys.executable, "-m", "airflow", "db", "migrate"], environment)
        migrate("ledger", ledger)
        migrate("dms", dms)
        fill_dms(dms, dealers=500, days=1, lines=5_000, seed=1, until=_yesterday(), defects=False)
        filled = fill(ledger, dms)
        settle(ledger)
        settle(dms)
        processes.wait("migration")
        _tell_run(metadata, filled)
        told = ", ".join(f"{rows:,} in {name}" for name, rows in filled.rows.items())
        say(f"  filled in {time.perf_counter() - started:.0f} s: {told}")
        processes.start("api-server", [sys.executable, "-m", "airflow", "api-server"], environment)
        token = _token(processes, port, settings.secrets()["password_admin"])
        floor = _row_by_key(ledger, requests)
        with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=60)) as connection:
            asking = _Asking(connection, token, requests)
            return _measured(asking, floor, ledger, dms, filled, say)
    finally:
        processes.stop()
        for name in ("ledger", "dms"):
            postgres.drop_database(f"bench_pages_{name}")


class _Asking:
    """One browser with a login and one connection that it keeps."""

    def __init__(self, connection: http.client.HTTPConnection, token: str, requests: int) -> None:
        self._connection = connection
        self._headers = {"Cookie": f"_token={token}"}
        self._requests = requests

    def get(self, path: str) -> tuple[float, str]:
        """
        Return the seconds until the whole answer is there, and its text.

        :raises RuntimeError: for any answer but 200: a refusal is quick and says nothing.
        """
        started = time.perf_counter()
        self._connection.request("GET", f"{PREFIX}{path}", headers=self._headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        seconds = time.perf_counter() - started
        if answer.status != 200:
            raise RuntimeError(f"GET {path} was answered {answer.status}: {text[:500]}")
        return seconds, text

    def times(self, path: str) -> tuple[list[float], int]:
        """Ask once, so that what is read but once is read, then as often as is measured; also the answer's length."""
        _, text = self.get(path)
        return [self.get(path)[0] for _ in range(self._requests)], len(text)


def _measured(
    asking: _Asking, floor: float, ledger: str, dms: str, filled: Filled, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    empty, _ = asking.times("/static/pages.css")
    least = median(empty)
    say(f"  the least: {floor * 1000:.1f} ms for a row by its key, {least * 1000:.1f} ms for a style sheet")
    found = []
    for name, path in _pages(asking, ledger, dms, filled):
        seconds, letters = asking.times(path)
        middle = median(seconds)
        over = "" if max(seconds) <= BAR_SECONDS else f"  OVER {BAR_SECONDS * 1000:.0f} ms"
        say(f"  {name:<46} {middle * 1000:7.1f} ms, at worst {max(seconds) * 1000:7.1f}  {letters:>9,} letters{over}")
        found.append(
            {
                "name": f"page: {name}",
                "rows": filled.rows["ledger.file"],
                "seconds": round(middle, 4),
                "worst_seconds": round(max(seconds), 4),
                "limit_seconds": round(least, 4),
                "row_by_key_seconds": round(floor, 5),
                "ratio": round(middle / least, 2),
                "seconds_bar": BAR_SECONDS,
                "within_bar": max(seconds) <= BAR_SECONDS,
                "peak_mb": 0,
                "letters": letters,
                "filled": filled.rows,
            }
        )
    return found


def _pages(asking: _Asking, ledger: str, dms: str, filled: Filled) -> Sequence[tuple[str, str]]:
    """Name and address of each page, and of each way to ask for it."""
    day = filled.run[1].removeprefix("scheduled__")
    dealer = _value(ledger, "SELECT min(dealer) FROM ledger.file WHERE interface = 'merkle_sar_daily'")
    month = str(_value(ledger, "SELECT date_trunc('month', max(business_date) - 500)::date FROM ledger.file"))
    file = _value(ledger, "SELECT max(id) FROM ledger.file WHERE state = 'HELD' AND interface = 'merkle_sar_daily'")
    arrival = _value(ledger, "SELECT max(id) FROM ledger.arrival WHERE state = 'HELD'")
    row = _value(dms, "SELECT max(rejected_row_id) FROM crm.rejected_row WHERE state = 'OPEN'")
    oldest = str(_value(ledger, "SELECT min(business_date) FROM ledger.file"))
    early = str(_value(ledger, "SELECT min(first_seen_at)::date FROM ledger.arrival"))
    pages = [
        ("interfaces", "/"),
        ("dealers of an interface", "/interfaces/merkle_sar_daily"),
        ("files, first page", "/files"),
        ("files, page 20", _deep(asking, "/files", 20)),
    ]
    asked: list[dict[str, Any]] = [
        {"interface": "renault_sar_monthly"},
        {"dealer": dealer},
        {"dealer": "nobody"},
        *({"state": state} for state in ("PUBLISHED", "ACKED", "HELD", "WITHHELD", "UPLOADING")),
        {"interface": "renault_sar_monthly", "state": "ACKED"},
        {"interface": "fcs_ddc_daily", "state": "SUPERSEDED"},
        {"dealer": dealer, "state": "HELD"},
        {"dealer": dealer, "state": "PUBLISHED", "interface": "fcs_ddc_daily"},
        {"since": day},
        {"until": oldest},
        {"since": month, "until": month},
        {"interface": "merkle_sar_daily", "dealer": dealer, "since": month, "until": month},
    ]
    pages += [(f"files, {_said(each)}", f"/files?{urlencode(each)}") for each in asked]
    pages += [("files, the oldest page", f"/files?{urlencode({'after': f'{oldest}~600'})}")]
    pages += [("a file", f"/files/{file}")]
    pages += [("arrivals, first page", "/arrivals"), ("arrivals, page 20", _deep(asking, "/arrivals", 20))]
    comers: list[dict[str, Any]] = [
        {"interface": INBOUND[0]},
        {"interface": "renault_warranty_payments"},
        {"dealer": "dealer_007"},
        *({"state": state} for state in ("REMOVED", "KEPT", "HELD", "DUPLICATE", "SEEN")),
        {"dealer": "dealer_007", "state": "KEPT"},
        {"since": early, "until": early},
    ]
    pages += [(f"arrivals, {_said(each)}", f"/arrivals?{urlencode(each)}") for each in comers]
    pages += [("an arrival", f"/arrivals/{arrival}"), ("rejected", "/rejected")]
    refused: list[dict[str, Any]] = [
        {"state": "DISCARDED"},
        {"state": "CORRECTED"},
        {"dealer": "dealer_007"},
        {"dealer": "nobody"},
        {"rule": "rule_3"},
        {"state": "DISCARDED", "dealer": "dealer_007", "rule": "rule_4"},
        {"before": row // 2},
    ]
    pages += [(f"rejected, {_said(each)}", f"/rejected?{urlencode(each)}") for each in refused]
    pages += [("a rejected row", f"/rejected/{row}"), ("feeds", "/feeds"), ("quality", "/quality")]
    pages += [("catalogue", "/catalogue"), ("an interface", "/catalogue/fcs_ddc_daily")]
    pages += [("record of processing", "/catalogue/record-of-processing.csv")]
    pages += [("the files of a run", f"/runs/{filled.run[0]}/{quote(filled.run[1])}")]
    return pages


def _said(asked: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in asked.items())


def _deep(asking: _Asking, path: str, pages: int) -> str:
    """Go as far in as a person who presses *next*, and return the address of that page."""
    for _ in range(pages - 1):
        found = re.search(r'href="[^"]*[?&](?:amp;)?after=([^"&]+)', asking.get(path)[1])
        if found is None:
            raise RuntimeError(f"{path} leads to no next page")
        path = f"{path.partition('?')[0]}?after={found[1]}"
    return path


def _row_by_key(dsn: str, requests: int) -> float:
    """Median seconds of reading one file by its number."""
    seconds = []
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        for number in range(requests + 1):
            started = time.perf_counter()
            cursor.execute("SELECT * FROM ledger.file WHERE id = %s", (1000 + number,))
            cursor.fetchall()
            seconds.append(time.perf_counter() - started)
    return median(seconds[1:])


def _value(dsn: str, query: str) -> Any:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return (cursor.fetchone() or (None,))[0]


def _tell_run(metadata: str, filled: Filled) -> None:
    dag, run, begun, ended = filled.run
    with closing(psycopg2.connect(metadata)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM dag_run")
        cursor.execute(_RUN, (dag, run, begun, begun, begun, ended))


def _environment(settings: Settings, port: int, postgres: Postgres, metadata: str) -> dict[str, str]:
    connections = {
        name: {"conn_type": "postgres", "host": str(postgres.socket_dir), "login": "postgres", "schema": database}
        for name, database in (("ledger", "bench_pages_ledger"), ("dms", "bench_pages_dms"))
    }
    environment = airflow_environment(settings, port=port, connections=connections)
    return environment | {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata.replace("postgresql:", "postgresql+psycopg2:", 1),
    }


def _token(processes: Processes, port: int, password: str) -> str:
    """Wait for the server and log in."""
    base = f"http://{LOOPBACK}:{port}"
    deadline = time.monotonic() + START_SECONDS
    while Api(base, "admin", password).ask("/api/v2/version", timeout=5) is None:
        processes.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"the API server does not answer after {START_SECONDS} s; see its log")
        time.sleep(0.5)
    request = urllib.request.Request(  # noqa: S310 - the address is ours
        f"{base}/auth/token",
        data=json.dumps({"username": "admin", "password": password}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        return str(json.load(answer)["access_token"])


def _yesterday() -> Any:
    from datetime import UTC, datetime, timedelta

    return datetime.now(UTC).date() - timedelta(days=1)
