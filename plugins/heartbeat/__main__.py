"""
Look around once a minute: what is late, missing or held, and whether Airflow itself lives.

``--once`` looks once, prints what it found and ends: 0 if nothing is wrong, 1 if the health address says 503.
Needs Airflow's settings and the connections ``ledger`` and ``dms``; see docs/notices.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.telemetry import Telemetry
    from plugins.heartbeat.health import Health

LOG = logging.getLogger("heartbeat")
SECONDS, PORT = 60, 8978


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code."""
    asked = _parser().parse_args(arguments)
    # Connections and variables from Airflow's database as well, as its own servers have them: this is one.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    from plugins.heartbeat.health import Health, serve
    from plugins.heartbeat.telemetry import begin

    logging.getLogger().setLevel(logging.WARNING)
    for name in ("heartbeat", "plugins.heartbeat", "include.telemetry"):
        logging.getLogger(name).setLevel(logging.INFO)
    health = Health(seconds=asked.seconds)
    owner = f"{socket.gethostname()}/{os.getpid()}"
    if asked.once:
        _look(health, owner, asked.seconds, None)
        status, body = health.answer(datetime.now(UTC))
        sys.stdout.write(f"{json.dumps(body, indent=1)}\n")
        return 0 if status == 200 else 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = serve(health, asked.host, asked.port)
    except OSError as error:
        sys.stderr.write(f"heartbeat: {asked.host}:{asked.port} cannot be listened on: {error.strerror}; see --port\n")
        return 1
    LOG.info("looking every %d s; health at http://%s:%d/health", asked.seconds, asked.host, asked.port)
    telemetry = begin(from_start=asked.from_start)
    while not stop.is_set():
        _look(health, owner, asked.seconds, telemetry)
        stop.wait(asked.seconds)
    server.shutdown()
    _rest(owner, telemetry)
    return 0


def _rest(owner: str, telemetry: Telemetry) -> None:
    from plugins.heartbeat.rounds import rest

    try:
        rest(owner, telemetry)
    except Exception as error:
        # Whoever comes next waits for three intervals; that is all.
        LOG.warning("the ledger could not be told that we end: %s", type(error).__name__)


def _look(health: Health, owner: str, seconds: int, telemetry: Telemetry | None) -> None:
    """One look; whatever goes wrong, the next one comes."""
    from plugins.heartbeat.rounds import look_around

    try:
        found = look_around(owner, seconds=seconds, telemetry=telemetry)
    except Exception as error:
        # The ledger's own errors name the place and the next step; another library's may quote anything.
        from include.ledger import LedgerError

        why = str(error) if isinstance(error, LedgerError) else type(error).__name__
        health.could_not_look(why)
        LOG.error("could not look: %s", why)
        return
    health.looked(found)
    if found.standby:
        LOG.info("%s looks; standing by", found.standby)
    elif found.opened or found.ended:
        LOG.info("opened %d notices, ended %d; open now: %s", found.opened, found.ended, dict(found.open))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m plugins.heartbeat", description=__doc__)
    parser.add_argument("--once", action="store_true", help="look once, print what was found, end")
    parser.add_argument("--seconds", type=_positive, default=SECONDS, help="between two looks (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="where the health address listens (default: %(default)s)")
    parser.add_argument("--port", type=_positive, default=PORT, help="of the health address (default: %(default)s)")
    parser.add_argument(
        "--from-start", action="store_true", help="metrics and lineage that never went out begin with the first event"
    )
    return parser


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 1 and 65535")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
