"""``make run`` as a person has it: up, delivering, refusing a second one, and gone without a trace after Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.settings import LOOPBACK, Settings
from tests.local import browser
from tests.process_facts import alive, family_of, internet_sockets_of

TINY = ("--dealers", "2", "--days", "1", "--lines", "60")
pytestmark = pytest.mark.timeout(600)  # Airflow's four components start, which takes a minute on a busy machine


class Run:
    """A ``python -m local.run`` over its own run folder, and what it has said so far."""

    def __init__(self, run_dir: Path, repository: Path, *options: str) -> None:
        self.run_dir = run_dir
        self._said = run_dir.parent / f"said-{time.monotonic_ns()}"
        self._repository = repository
        with self._said.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.run", *options],
                cwd=repository,
                env={**os.environ, "RUN_DIR": str(run_dir)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def wait_for(self, text: str, seconds: float = 400) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.2)

    def finish(self, seconds: float = 400) -> int:
        return self.process.wait(seconds)

    def files(self) -> list[dict[str, Any]]:
        """The ledger's files, as ``make files JSON=1`` gives them."""
        command = [sys.executable, "-m", "local.beside_postgres", sys.executable, "-m", "include.ledger", "files"]
        done = subprocess.run(
            [*command, "--json"],
            cwd=self._repository,
            env={**os.environ, "RUN_DIR": str(self.run_dir)},
            capture_output=True,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]


def still_there(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and alive(process.pid)]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("run") / "run"
    yield folder
    record = folder / "instance.json"
    if record.exists():  # a test failed half-way
        os.kill(json.loads(record.read_text())["pid"], signal.SIGTERM)


@pytest.fixture(scope="module")
def running(run_dir: Path, repository: Path) -> Run:
    """A system that is up; the test of Ctrl-C ends it, or ``run_dir`` does."""
    run = Run(run_dir, repository, *TINY)
    run.wait_for("Ctrl-C stops everything.")
    return run


def test_it_delivers_and_serves_on_loopback_only(running: Run, run_dir: Path) -> None:
    processes = family_of(running.process.pid)
    assert len(processes) > 8
    listening = {
        connection.laddr.ip for connection in internet_sockets_of(processes) if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {LOOPBACK}

    files = running.files()
    assert files
    assert {file["state"] for file in files} == {"PUBLISHED"}
    for file in files:
        assert (run_dir / "partners" / "merkle" / file["remote_path"].lstrip("/")).stat().st_size == file["bytes"]
    assert f"{len(files)} of {len(files)} files are with merkle" in running.said


def test_a_second_one_is_refused_and_the_first_not_disturbed(running: Run, run_dir: Path, repository: Path) -> None:
    second = Run(run_dir, repository)
    assert second.finish(30) == 1
    pid = running.process.pid
    assert f"make run is running already: process {pid} and answers at http://{LOOPBACK}:" in second.said
    assert running.process.poll() is None


def test_passwords_are_said_once_and_no_secret_is_in_a_log(running: Run, run_dir: Path) -> None:
    keys = Settings(run_dir).secrets()
    assert keys["password_admin"] in running.said
    for log in (run_dir / "logs").rglob("*.log"):
        text = log.read_text(errors="replace")
        assert not [name for name, value in keys.items() if value in text], log


@pytest.mark.browser
@pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium on this machine; .ci/run installs it")
def test_person_on_call_reads_the_dag_and_starts_a_backfill_in_the_ui(running: Run, run_dir: Path) -> None:
    address = json.loads((run_dir / "instance.json").read_text())["address"]
    password = Settings(run_dir).secrets()["password_oncall"]
    delivered = {file["business_date"] for file in running.files()}
    day = date.fromisoformat(min(delivered)) - timedelta(days=1)
    with browser.page(address, "oncall", password) as page:
        said = browser.dag_page(page, address, "merkle_sar_daily")
        assert "daily at 02:30 Europe/London" in said
        assert "When it is red" in browser.documentation(page)
        assert browser.start_backfill(page, address, "merkle_sar_daily", day) == "1 run will be triggered."
    deadline = time.monotonic() + 120
    while day.isoformat() not in {file["business_date"] for file in running.files() if file["state"] == "PUBLISHED"}:
        assert time.monotonic() < deadline, running.files()
        time.sleep(2)


def test_command_line_of_airflow_works_beside_it(running: Run, run_dir: Path, repository: Path) -> None:
    assert running.process.poll() is None
    done = subprocess.run(
        [sys.executable, "-m", "local.airflow_command", "dags", "list-runs", "merkle_sar_daily", "-o", "json"],
        cwd=repository,
        env={**os.environ, "RUN_DIR": str(run_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "success" in done.stdout


def test_ctrl_c_leaves_nothing_behind(running: Run, run_dir: Path) -> None:
    processes = family_of(running.process.pid)
    os.kill(running.process.pid, signal.SIGINT)
    assert running.finish(60) == 0
    assert still_there(processes) == []
    assert not (run_dir / "instance.json").exists()


def test_a_second_start_with_nothing_to_deliver_is_a_matter_of_seconds(run_dir: Path, repository: Path) -> None:
    before = time.monotonic()
    run = Run(run_dir, repository, "--once")
    assert run.finish(60) == 0, run.said
    assert time.monotonic() - before < 30
    assert "was there already" in run.said
    assert "files are with merkle" in run.said


def test_a_taken_port_and_another_sample_are_each_one_clear_sentence(run_dir: Path, repository: Path) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = Run(run_dir, repository, "--once", "--port", str(port))
        assert run.finish(30) == 1
        assert f"port {port} is taken by process {os.getpid()}" in run.said
        assert "Traceback" not in run.said

    run = Run(run_dir, repository, "--once", "--seed", "99")
    assert run.finish(60) == 1
    assert "holds another sample" in run.said
    assert "Traceback" not in run.said
