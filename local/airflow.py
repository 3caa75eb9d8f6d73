"""Airflow's four components as processes of ours, and its REST API as a person's client sees it.

``airflow standalone`` is not used: SIGTERM to it leaves scheduler, api-server, triggerer and workers running.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

import psycopg2
from psycopg2 import sql

from local.processes import Processes
from local.settings import LOOPBACK, POOLS, free_port

# api-server first: a task that starts before it answers fails. The two log servers would listen on every address of the
# machine and have no setting for it; the api-server reads the same folder, so nobody needs them.
COMPONENTS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
MIGRATION = "airflow-db-migrate"
START_SECONDS = 240.0  # 30 on an idle machine; a slow one compiles first
CALL_SECONDS = 60.0


class AirflowError(RuntimeError):
    """Airflow does not do what we need; says what it answered and where to look."""


class Api:
    """Airflow's REST API at ``base``, as one user."""

    def __init__(self, base: str, user: str, password: str) -> None:
        self.base = base
        self._login = {"username": user, "password": password}
        self._token: str | None = None
        # No proxy, whatever the environment says: it is this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, **query: object) -> Any:
        """Answer to ``GET /api/v2<path>``; ``AirflowError`` unless it is a success."""
        return self._call("GET", f"/api/v2{path}{'?' + urlencode(query, doseq=True) if query else ''}", None)

    def send(self, method: str, path: str, body: Mapping[str, object]) -> Any:
        """Answer to ``<method> /api/v2<path>`` with a JSON body; ``AirflowError`` unless it is a success."""
        return self._call(method, f"/api/v2{path}", body)

    def ask(self, path: str, timeout: float = CALL_SECONDS) -> Any:
        """Answer to ``GET <path>`` without login; None if there is none yet."""
        try:
            with self._opener.open(self.base + path, timeout=timeout) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return None

    def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        if self._token is None:
            self._token = str(self._request("POST", "/auth/token", self._login)["access_token"])
        return self._request(method, path, body)

    def _request(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is ours
            self.base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        if self._token is not None:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with self._opener.open(request, timeout=CALL_SECONDS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise AirflowStatusError(f"{method} {path}: HTTP {error.code}: {said}", error.code) from error
        except OSError as error:
            raise AirflowError(f"{method} {self.base}{path}: {error}") from error
        return json.loads(text) if text else None


class AirflowStatusError(AirflowError):
    """Airflow answered with an error; ``status`` is its HTTP number."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def needs_migration(dsn: str) -> bool:
    """Whether Airflow's database is not that of the installed version; ``airflow db migrate`` takes 7 s to find out."""
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
            )
            return cursor.fetchone() != (_installed(),)
    finally:
        connection.close()


def begin_migration(processes: Processes, environment: Mapping[str, str]) -> None:
    """Start ``airflow db migrate``; returns at once."""
    processes.start(MIGRATION, [*_airflow(), "db", "migrate"], environment)


def end_migration(processes: Processes, dsn: str) -> None:
    """Wait for the migration; ``ProcessEndedError`` with the end of its log if it failed."""
    processes.wait(MIGRATION)
    connection = psycopg2.connect(dsn)
    try:
        # A comment on the database goes where the database goes, unlike a file beside it.
        with connection, connection.cursor() as cursor:
            name = sql.Identifier(connection.info.dbname)
            cursor.execute(sql.SQL("COMMENT ON DATABASE {} IS %s").format(name), (_installed(),))
    finally:
        connection.close()


def start(processes: Processes, environment: Mapping[str, str]) -> None:
    """Start the four components; returns at once."""
    for name, command in COMPONENTS.items():
        processes.start(name, [*_airflow(), *command], environment)


def start_heartbeat(processes: Processes, environment: Mapping[str, str]) -> str:
    """Start the process that looks around; returns the address that an outside monitor asks."""
    port = free_port()
    command = [sys.executable, "-m", "plugins.heartbeat", "--port", str(port)]
    processes.start("heartbeat", command, environment)
    return f"http://{LOOPBACK}:{port}/health"


def wait_until_healthy(processes: Processes, api: Api) -> None:
    """
    Return when every component reports itself healthy and the workers' API is warm.

    ``ProcessEndedError`` if one ends, ``AirflowError`` with what is missing after ``START_SECONDS``.
    """
    deadline = time.monotonic() + START_SECONDS
    ill = list(COMPONENTS)
    while time.monotonic() < deadline:
        processes.check()
        health = api.ask("/api/v2/monitor/health", timeout=10)
        if health:
            # The status number is 200 with the scheduler down, too: only the body tells.
            parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
            ill = [part for part in parts if (health.get(part) or {}).get("status") != "healthy"]
            # Its first call takes ten seconds of CPU, longer than a worker waits.
            if not ill and api.ask("/execution/health") is not None:
                return
        time.sleep(0.3)
    logs = ", ".join(str(processes.log(name)) for name in COMPONENTS)
    raise AirflowError(
        f"Airflow is not healthy after {START_SECONDS:.0f} s; missing: {', '.join(ill)}; look into {logs}"
    )


def make_pools(api: Api) -> None:
    """Create the pools that DAGs name, or set their size."""
    for name, (slots, description) in POOLS.items():
        body = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        try:
            api.send("POST", "/pools", body)
        except AirflowStatusError as error:
            if error.status != 409:
                raise
            api.send("PATCH", f"/pools/{name}", body)


def wait_for_dag(processes: Processes, api: Api, dag_id: str, *, parsed_after: str) -> None:
    """Return when ``dag_id`` was parsed after the ISO instant; ``AirflowError`` with the error if it cannot be."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        processes.check()
        for broken in api.get("/importErrors")["import_errors"]:
            if (broken.get("timestamp") or "") >= parsed_after and dag_id in broken["filename"]:
                raise AirflowError(f"{broken['filename']} cannot be imported: {broken['stack_trace']}")
        try:
            found = api.get(f"/dags/{dag_id}")
        except AirflowStatusError as error:
            if error.status != 404:
                raise
        else:
            if not found["is_stale"] and (found["last_parsed_time"] or "") >= parsed_after:
                return
        time.sleep(0.5)
    log = processes.log("dag-processor")
    raise AirflowError(f"Airflow does not know {dag_id} after {START_SECONDS:.0f} s; look into {log}")


def unpause(api: Api, dag_id: str) -> None:
    """Let ``dag_id`` run by its schedule, as a person does with its switch."""
    if api.get(f"/dags/{dag_id}")["is_paused"]:
        api.send("PATCH", f"/dags/{dag_id}", {"is_paused": False})


def _installed() -> str:
    return f"airflow {version('apache-airflow-core')}"


def _airflow() -> list[str]:
    return [sys.executable, "-m", "airflow"]
