"""The server that everything local stands on: restarts, crashes, and who may reach it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg2
import pytest

from local.postgres import (
    LONGEST_SOCKET_PATH,
    SOCKET_NAME,
    FolderHeldError,
    Postgres,
    attached_postgres,
    running_postgres,
    socket_dir_of,
)
from tests.process_facts import family_of, internet_sockets_of

HOLDER = """
import sys, time
from pathlib import Path
from local.postgres import running_postgres
with running_postgres(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""


def start_holder(data_dir: Path, repository: Path) -> tuple[subprocess.Popen[str], int]:
    """Another process that runs a server over ``data_dir``; and the server's pid."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)], cwd=repository, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    return holder, int(holder.stdout.readline())


def wait_until_gone(pid: int, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there after {seconds} s"
        time.sleep(0.02)


def rows(dsn: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "data") as server:
        rows(server.create_database("dms"), "CREATE TABLE kept AS SELECT 42 AS answer")
        first = server.pid
    assert not psutil.pid_exists(first)
    with running_postgres(tmp_path / "data") as server:
        assert rows(server.create_database("dms"), "SELECT answer FROM kept") == [(42,)]


def test_what_was_committed_is_there_after_kill_9_of_the_server(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "data") as server:
        rows(server.create_database("dms"), "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        os.kill(server.pid, signal.SIGKILL)
    assert (tmp_path / "data" / "postmaster.pid").exists(), "the crash left its mark, as it should"
    with running_postgres(tmp_path / "data") as server:
        assert rows(server.dsn("dms"), "SELECT count(*) FROM kept") == [(1000,)]


def test_a_pid_file_that_names_somebody_else_does_not_stop_the_start(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "data"):
        left = (tmp_path / "data" / "postmaster.pid").read_text().split("\n", 1)
    (tmp_path / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{left[1]}")
    with running_postgres(tmp_path / "data") as server:
        assert rows(server.dsn(), "SELECT 1") == [(1,)]
    assert psutil.pid_exists(os.getpid()), "nobody else was ended for it"


def test_the_server_ends_with_the_process_that_runs_it(tmp_path: Path, repository: Path) -> None:
    holder, pid = start_holder(tmp_path / "data", repository)
    assert psutil.pid_exists(pid)
    holder.kill()
    holder.wait()
    wait_until_gone(pid)
    with running_postgres(tmp_path / "data") as server:
        assert rows(server.dsn(), "SELECT 1") == [(1,)]


def test_a_second_process_is_told_who_holds_the_folder_and_may_attach(tmp_path: Path, repository: Path) -> None:
    holder, pid = start_holder(tmp_path / "data", repository)
    try:
        with pytest.raises(FolderHeldError, match=f"process {holder.pid}"), running_postgres(tmp_path / "data"):
            pass
        with attached_postgres(tmp_path / "data") as server:
            assert server.pid == pid
            assert rows(server.dsn(), "SELECT 1") == [(1,)]
        assert psutil.pid_exists(pid), "whoever attaches does not stop it"
    finally:
        holder.kill()
        holder.wait()
    wait_until_gone(pid)


def test_attaching_where_nobody_runs_one_starts_and_stops_one(tmp_path: Path) -> None:
    with attached_postgres(tmp_path / "data") as server:
        pid = server.pid
        assert rows(server.dsn(), "SELECT 1") == [(1,)]
    assert not psutil.pid_exists(pid)


def test_a_half_made_folder_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "data.new" / "base").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rubbish").touch()
    with running_postgres(tmp_path / "data") as server:
        assert rows(server.dsn(), "SELECT 1") == [(1,)]


def test_a_long_path_has_a_socket_elsewhere_that_is_closed_to_others(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60) / "a name with spaces"
    sockets = socket_dir_of(deep / "data")
    assert len(os.fsencode(sockets / SOCKET_NAME)) <= LONGEST_SOCKET_PATH
    with running_postgres(deep / "data") as server:
        assert server.socket_dir == sockets
        assert sockets.stat().st_mode & 0o077 == 0
        assert rows(server.dsn(), "SELECT 1") == [(1,)]
    assert not sockets.exists()


def test_it_listens_on_no_port_and_its_socket_and_log_are_ours_alone(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "data") as server:
        assert internet_sockets_of(family_of(server.pid)) == []
        assert (server.socket_dir / SOCKET_NAME).stat().st_mode & 0o077 == 0
        assert (tmp_path / "data").stat().st_mode & 0o077 == 0
        assert (tmp_path / "server.log").stat().st_mode & 0o077 == 0
        assert psutil.Process(server.pid).uids().real != 0, "PostgreSQL never runs as root"


def test_a_rejected_value_is_not_in_the_log(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "data") as server:
        rows(server.dsn(), "CREATE TABLE customer (name text PRIMARY KEY); INSERT INTO customer VALUES ('Jane Sample')")
        with pytest.raises(psycopg2.errors.UniqueViolation):
            rows(server.dsn(), "INSERT INTO customer VALUES ('Jane Sample')")
    log = (tmp_path / "server.log").read_text()
    assert "customer_pkey" in log
    assert "Jane" not in log


def test_databases_are_copied_and_replaced(postgres: Postgres) -> None:
    rows(postgres.create_database("pattern"), "CREATE TABLE kept AS SELECT 1 AS n")
    copy = postgres.create_database("copy", template="pattern")
    rows(copy, "INSERT INTO kept VALUES (2)")
    assert rows(postgres.create_database("copy", template="pattern"), "SELECT count(*) FROM kept") == [(2,)]
    assert rows(postgres.create_database("copy", template="pattern", replace=True), "SELECT n FROM kept") == [(1,)]
    postgres.drop_database("copy")
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        psycopg2.connect(copy)


def test_every_module_gets_a_migrated_dms_of_its_own(dms_dsn: str) -> None:
    assert rows(dms_dsn, "SELECT count(*) > 0 FROM pg_views WHERE schemaname = 'dms'") == [(True,)]
