"""``make run`` as a person has it: up, delivering, refusing a second one, and gone without a trace after Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import psutil
import pytest

from local.settings import LOOPBACK, Settings
from tests.local import browser
from tests.local.running import Run
from tests.process_facts import alive, family_of, internet_sockets_of

# Back to the month that is due last, whatever day it is: at most 31 days of it, and 35 until the next one is due.
TINY = ("--dealers", "4", "--days", "66", "--lines", "3000")
DAILY, MONTHLY = "merkle_sar_daily", "renault_sar_monthly"
pytestmark = pytest.mark.timeout(900)  # Airflow's four components start, which takes a minute on a busy machine


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

    for interface, partner in ((DAILY, "merkle"), (MONTHLY, "renault")):
        files = running.files(interface)
        assert files
        assert {file["state"] for file in files} == {"PUBLISHED"}
        there = running.at_partner(partner)
        assert {file["file_name"]: file["bytes"] for file in files} == {name: len(text) for name, text in there.items()}
        assert f"{interface}: {len(files)} of {len(files)} files are with {partner}" in running.said


def test_days_went_in_their_order_whoever_sent_them(running: Run) -> None:
    """Two thirds went before Airflow was there."""
    numbers: dict[str, list[int]] = {}
    for file in running.files(DAILY):  # oldest window first
        numbers.setdefault(file["dealer"], []).append(file["sequence"])
    assert len(numbers) > 1
    assert max(map(len, numbers.values())) > 30
    for sequence in numbers.values():
        assert sequence == list(range(1, len(sequence) + 1))


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
    address = running.address
    password = Settings(run_dir).secrets()["password_oncall"]
    delivered = {file["business_date"] for file in running.files(DAILY)}
    day = date.fromisoformat(min(delivered)) - timedelta(days=1)
    with browser.page(address, "oncall", password) as page:
        said = browser.dag_page(page, address, "merkle_sar_daily")
        assert "daily at 02:30 Europe/London" in said
        assert "When it is red" in browser.documentation(page)
        assert browser.start_backfill(page, address, "merkle_sar_daily", day) == "1 run will be triggered."
    deadline = time.monotonic() + 120
    while day.isoformat() not in {
        file["business_date"] for file in running.files(DAILY) if file["state"] == "PUBLISHED"
    }:
        assert time.monotonic() < deadline, running.files(DAILY)
        time.sleep(2)


def test_command_line_of_airflow_works_beside_it(running: Run) -> None:
    assert running.process.poll() is None
    assert "success" in running.airflow("dags", "list-runs", DAILY, "-o", "json")


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
