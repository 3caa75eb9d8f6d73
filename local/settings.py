"""Where everything local lives, the ports, the secrets of this checkout, and the environment of its Airflow.

All of it is below ``.run/``. Secrets are made at first use, differ in each checkout and are in files that only their
owner may read; nothing here is meant for a machine that others can reach (docker-compose.yaml is).
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from include.contract import all_contract_ids
from local.postgres import SUPERUSER, socket_dir_of
from local.postgres import dsn as postgres_dsn

REPOSITORY = Path(__file__).resolve().parents[1]
LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 8080, 8099
# Role of each user in Airflow: admin may do all, oncall may run and answer, viewer may read.
USERS = {"admin": "admin", "oncall": "op", "viewer": "viewer"}
DATABASES = ("airflow", "dms", "ledger")
# An interface is called after its partner, so its contract's file name tells it, whatever is in the contract.
PARTNERS = tuple(sorted({name.partition("_")[0] for name in all_contract_ids()}))
SFTP_SLOTS = 2
# A task that names a pool which does not exist is never scheduled, and nothing says so. docker/pools.py makes the same.
POOLS = {
    f"{partner}_sftp": (SFTP_SLOTS, f"Connections to {partner.capitalize()}'s SFTP server at once")
    for partner in PARTNERS
}


class SettingsError(RuntimeError):
    """Something the person who started us has to change: a port, a file; says which and how."""


@dataclass(frozen=True)
class Settings:
    """The places of one local installation; ``run_dir`` is ``.run`` of the repository unless RUN_DIR says otherwise."""

    run_dir: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        return cls(Path(environment.get("RUN_DIR") or REPOSITORY / ".run").resolve())

    @property
    def postgres_data(self) -> Path:
        return self.run_dir / "postgres" / "data"

    @property
    def logs(self) -> Path:
        return self.run_dir / "logs"

    @property
    def partners(self) -> Path:
        return self.run_dir / "partners"

    @property
    def airflow_home(self) -> Path:
        return self.run_dir / "airflow"

    @property
    def passwords_file(self) -> Path:
        return self.airflow_home / "passwords.json"

    def make_folders(self) -> None:
        """Make the run folder, closed to others: it holds keys, logs and customers' rows."""
        self.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("postgres", "logs", "airflow", "archive", "staging", "reports"):
            (self.run_dir / name).mkdir(mode=0o700, exist_ok=True)

    def dsn(self, database: str) -> str:
        """URL of ``airflow``, ``dms`` or ``ledger`` on this installation's PostgreSQL."""
        return postgres_dsn(socket_dir_of(self.postgres_data), database)

    def urls(self) -> dict[str, str]:
        """Roots of archive, staging area and reports as URLs, by name."""
        return {name: (self.run_dir / name).as_uri() for name in ("archive", "staging", "reports")}

    def secrets(self) -> dict[str, str]:
        """``jwt``, ``fernet`` and ``session`` keys and one ``password_<user>`` each; made and kept at first use."""
        path = self.run_dir / "secrets.json"
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        wanted = {
            "jwt": lambda: secrets.token_urlsafe(64),
            "session": lambda: secrets.token_urlsafe(32),
            "fernet": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            **{f"password_{user}": lambda: secrets.token_urlsafe(12) for user in USERS},
        }
        missing = wanted.keys() - kept.keys()
        if missing:
            kept |= {name: wanted[name]() for name in sorted(missing)}
            write_private(path, json.dumps(kept, indent=1))
        return kept


def command_environment(settings: Settings) -> dict[str, str]:
    """What the command-line modules of ``include`` read: DSNs and storage roots."""
    return {
        "DMS_DSN": settings.dsn("dms"),
        "LEDGER_DSN": settings.dsn("ledger"),
        **{f"{name.upper()}_URL": url for name, url in settings.urls().items()},
    }


def airflow_environment(
    settings: Settings, *, port: int, connections: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """
    The whole environment of Airflow's processes: ours first, nothing of another Airflow, no proxy to loopback.

    ``connections`` (by id, as JSON objects) are added to ``dms`` and ``ledger``.
    """
    keys = settings.secrets()
    write_private(settings.passwords_file, json.dumps({user: keys[f"password_{user}"] for user in USERS}))
    base = f"http://{LOOPBACK}:{port}"
    options = {
        "core": {
            "executor": "LocalExecutor",
            "parallelism": "4",
            "dags_folder": str(REPOSITORY / "dags"),
            "plugins_folder": str(REPOSITORY / "plugins"),
            "load_examples": "False",
            "default_timezone": "utc",
            "fernet_key": keys["fernet"],
            "execution_api_server_url": f"{base}/execution/",
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": ",".join(f"{user}:{role}" for user, role in USERS.items()),
            "simple_auth_manager_passwords_file": str(settings.passwords_file),
        },
        "database": {"sql_alchemy_conn": settings.dsn("airflow").replace("postgresql:", "postgresql+psycopg2:", 1)},
        "api": {
            "host": LOOPBACK,
            "port": str(port),
            "base_url": base,
            "workers": "1",
            "secret_key": keys["session"],
            "expose_config": "False",
        },
        "api_auth": {"jwt_secret": keys["jwt"], "jwt_issuer": "dealer-exchange-local"},
        "scheduler": {"scheduler_idle_sleep_time": "0.2"},
        "dag_processor": {
            # Parsing costs a fifth of a core at the default's pace; a person who edits waits this long at most.
            "min_file_process_interval": "60",
            "dag_version_inflation_check_level": "error",
        },
        # The first call to a new api-server takes ten seconds; with the default of five, tasks fail on it.
        "workers": {"execution_api_timeout": "30"},
        "logging": {
            "base_log_folder": str(settings.logs / "airflow"),
        },
    }
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW_", "AIRFLOW__")) and name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME")
    }
    loopback = f"{LOOPBACK},localhost"
    return {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
        "PYTHONPATH": str(REPOSITORY),
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "GX_ANALYTICS_ENABLED": "false",
        "AIRFLOW_HOME": str(settings.airflow_home),
        **{
            f"AIRFLOW__{section.upper()}__{name.upper()}": value
            for section, values in options.items()
            for name, value in values.items()
        },
        **{f"AIRFLOW_VAR_{name.upper()}_URL": url for name, url in settings.urls().items()},
        # The sample partner writes without pauses.
        "AIRFLOW_VAR_STABLE_SECONDS": "10",
        **{
            f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection)
            for name, connection in {**_database_connections(settings), **connections}.items()
        },
        **command_environment(settings),
    }


def _database_connections(settings: Settings) -> dict[str, dict[str, Any]]:
    sockets = str(socket_dir_of(settings.postgres_data))
    return {
        name: {"conn_type": "postgres", "host": sockets, "login": SUPERUSER, "schema": name}
        for name in ("dms", "ledger")
    }


def choose_port(wanted: int | None) -> int:
    """
    ``wanted`` if it is free, else ``SettingsError`` with who has it.

    Without a wish the first free one from 8080 on.
    """
    if wanted is not None:
        if not 1 <= wanted <= 65535:
            raise SettingsError(f"PORT={wanted} is no port; choose one from 1024 to 65535, as in: make run PORT=8085")
        if not _is_free(wanted):
            raise SettingsError(
                f"port {wanted} is taken{_by_whom(wanted)}; choose another, as in: make run PORT={free_port()}, "
                "or leave PORT out and the first free one is taken"
            )
        return wanted
    return next((port for port in range(FIRST_PORT, LAST_PORT + 1) if _is_free(port)), None) or free_port()


def free_port() -> int:
    """Some port on loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def write_private(path: Path, text: str) -> None:
    """Write ``path`` as a whole or not at all, readable by its owner only from the first byte on."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: TIME_WAIT is no obstacle
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError as error:
            raise SettingsError(f"port {port} is for the administrator only; choose one from 1024 on") from error
        except OSError:
            return False
        return True


def _by_whom(port: int) -> str:
    try:
        found = psutil.net_connections(kind="tcp")
    except psutil.Error:  # macOS shows other users' connections to the administrator only
        return ""
    for connection in found:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            if connection.pid is None:
                return " by another user's process"
            try:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
            except psutil.NoSuchProcess:
                return f" by process {connection.pid}, which has just ended"
    return ""
