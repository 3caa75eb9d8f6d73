"""An address for an outside monitor: 200 while somebody looks and Airflow lives, 503 with the reason otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from include.ledger.notices import STALE_BEATS
from plugins.heartbeat.rounds import Round


class Health:
    """What is known of the last look; the loop tells it, the monitor asks for it."""

    def __init__(self, *, seconds: int) -> None:
        """``seconds`` lie between two looks."""
        self._seconds = seconds
        self._begun = datetime.now(UTC)
        self._last: Round | None = None
        self._trouble: str | None = None
        self._lock = threading.Lock()

    def looked(self, found: Round) -> None:
        with self._lock:
            self._last, self._trouble = found, None

    def could_not_look(self, why: str) -> None:
        with self._lock:
            self._trouble = why

    def answer(self, now: datetime) -> tuple[int, Mapping[str, Any]]:
        """Return the HTTP status and the body: counts, times and names of parts, nothing of a dealer."""
        with self._lock:
            last, trouble = self._last, self._trouble
        wrong = []
        newest = self._begun if last is None else last.at
        if now - newest > timedelta(seconds=STALE_BEATS * self._seconds):
            wrong.append(f"nobody has looked since {newest:%Y-%m-%d %H:%M:%S} UTC")
        if trouble is not None:
            wrong.append(trouble)
        if last is not None:
            wrong += [f"Airflow's {part} stands still" for part in last.still]
            if broken := last.open.get("BROKEN_DAG"):
                wrong.append(f"{broken} DAG files cannot be imported")
            wrong += [f"{channel} cannot be told: {why}" for channel, why in (last.failed or {}).items()]
        body = {"healthy": not wrong, "wrong": wrong, "last": None if last is None else last.told()}
        return (503 if wrong else 200), body


def serve(health: Health, host: str, port: int) -> ThreadingHTTPServer:
    """Answer ``GET /health`` in threads of their own until ``shutdown``; ``OSError`` if the address is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/health":
                self.send_error(404)
                return
            status, body = health.answer(datetime.now(UTC))
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *told: object) -> None:
            """A monitor asks each minute; that is nothing to write down."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
