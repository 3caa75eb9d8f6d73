"""Start and stop the server process, and say how to reach each partner."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from include.sftp import Endpoint, RemoteProfile
from local.partners.behaviour import Behaviour
from local.partners.keys import SERVER_FOLDER, login_key_file
from local.partners.server import ServerConfig, folders_of_partners, prepare, read_state
from local.settings import PARTNERS

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 20.0
STOP_SECONDS = 10.0
# A partner that no contract knows, of a test.
ANY_FOLDERS = ("inbound/sar", "outbound")


class PartnerStartError(RuntimeError):
    """The server process ended or did not listen in time; carries what it said."""


@dataclass(frozen=True)
class PartnerEndpoint:
    """How to reach one partner: everything a client needs, and the home as the partner sees it on disk."""

    host: str
    port: int
    username: str
    private_key: Path
    host_key: str
    home: Path

    def endpoint(
        self, *, host: str | None = None, port: int | None = None, remote_profile: RemoteProfile | None = None
    ) -> Endpoint:
        """The client's view; ``host`` and ``port`` may lead through a fault proxy instead."""
        return Endpoint(
            host=host or self.host,
            port=port or self.port,
            username=self.username,
            private_key=self.private_key.read_text(),
            host_keys=(self.host_key,),
            remote_profile=remote_profile or RemoteProfile(),
        )

    def airflow_connection(self) -> dict[str, Any]:
        """The partner as the SFTP provider's connection type has it: our private key, and its one pinned host key."""
        kind, key, *_ = self.host_key.split()
        return {
            "conn_type": "sftp",
            "host": self.host,
            "port": self.port,
            "login": self.username,
            "extra": {"private_key": self.private_key.read_text(), "host_key": f"{kind} {key}"},
        }


class RunningPartners:
    """A server process and its partners; a context manager that stops it."""

    def __init__(self, process: subprocess.Popen[bytes], root: Path, state: dict[str, Any]) -> None:
        self._process = process
        self._state = state
        self.root = root

    def __getitem__(self, partner: str) -> PartnerEndpoint:
        return partner_endpoint(self.root, partner, self._state)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> int:
        """SIGTERM, then SIGKILL after 10 s; returns the exit code, 0 for a clean stop."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            if self._process.stdin:
                self._process.stdin.close()

    def __enter__(self) -> RunningPartners:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_partner(
    root: Path, partners: list[str], behaviour: Behaviour | None = None, *, port: int = 0
) -> RunningPartners:
    """
    Start a server for ``partners`` below ``root`` and return when it listens.

    It ends with this process, however this process ends. ``PartnerStartError`` quotes what it said.
    """
    known = folders_of_partners()
    folders = {partner: known.get(partner, ANY_FOLDERS) for partner in partners}
    config = ServerConfig(root, folders, port, behaviour or Behaviour())
    prepare(config)
    written = root / SERVER_FOLDER / "config.json"
    written.write_text(
        json.dumps(
            {
                "root": str(root),
                "port": port,
                "partners": {partner: list(names) for partner, names in folders.items()},
                "behaviour": config.behaviour.to_json(),
            }
        )
    )
    log = root / SERVER_FOLDER / "log"
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.partners", "serve", "--config", str(written), "--stop-with-stdin"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        state = read_state(config.state_file)
        if state is not None and state["pid"] == process.pid:
            return RunningPartners(process, root, state)
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise PartnerStartError(f"the sample partners did not start; {log} ends with: {log.read_text()[-500:]}")


def airflow_connections(root: Path, state: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """The connections ``<partner>_sftp`` to every partner of an interface; ``PartnerStartError`` if no server runs."""
    return {f"{partner}_sftp": partner_endpoint(root, partner, state).airflow_connection() for partner in PARTNERS}


def partner_endpoint(root: Path, partner: str, state: dict[str, Any] | None = None) -> PartnerEndpoint:
    """How to reach ``partner`` on the server that runs for ``root``; ``PartnerStartError`` if none does."""
    found = state or read_state(root / SERVER_FOLDER / "state.json")
    if found is None:
        raise PartnerStartError(
            f"no sample partners run for {root}; start them with: python -m local.partners serve --root {root}"
        )
    return PartnerEndpoint(
        host=found["host"],
        port=found["port"],
        username=partner,
        private_key=login_key_file(root, partner),
        host_key=found["host_key"],
        home=root / partner,
    )
