"""``make run`` as a person has it: up, delivering, refusing a second one, and gone without a trace after Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest

from include.contract import load_contract
from include.ledger import Ledger
from include.window import period_window
from local.due import BACKFILL_DAYS
from local.outcome import left_out
from local.sample import planted_differences, unsent_day
from local.settings import LOOPBACK, Settings
from tests.local import browser
from tests.local.running import Run
from tests.process_facts import alive, family_of, internet_sockets_of

# Back to the second month before the one that is due next, whatever day it is.
SMALL = ("--dealers", "6", "--days", "100", "--lines", "9000")
DAILY, MONTHLY = "merkle_sar_daily", "renault_sar_monthly"
pytestmark = pytest.mark.timeout(1500)  # of the first that needs it: three days and a month go through a real Airflow


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
    run = Run(run_dir, repository, *SMALL)
    run.wait_for("Ctrl-C stops everything.")
    return run


@pytest.fixture(scope="module")
def month(running: Run) -> date:
    """The month that is due last, by the files that went."""
    (found,) = {file["business_date"] for file in running.files(MONTHLY)}
    return date.fromisoformat(found)


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


def test_somebody_looks_around_and_answers_a_monitor(running: Run) -> None:
    (address,) = [line.split()[1] for line in running.said.splitlines() if line.startswith("health ")]
    told: dict[str, Any] = {"last": None}
    for _ in range(150):  # the first look is on its way, and may have been before the sample was
        with urllib.request.urlopen(address, timeout=10) as answer:
            told = json.load(answer)
        if told["last"] is not None and "HELD" in told["last"]["open"]:
            break
        time.sleep(1)
    assert told["healthy"], told
    assert "COMPONENT" not in told["last"]["open"]
    # What the sample plants waits for a person, and is noticed.
    assert told["last"]["open"]["HELD"] > 0


def test_days_went_in_their_order_whoever_sent_them(running: Run) -> None:
    """Two thirds went before Airflow was there."""
    numbers: dict[str, list[int]] = {}
    for file in running.files(DAILY):  # oldest window first
        numbers.setdefault(file["dealer"], []).append(file["sequence"])
    assert len(numbers) > 1
    assert max(map(len, numbers.values())) > 30
    for sequence in numbers.values():
        assert sequence == list(range(1, len(sequence) + 1))


def test_reconciliation_finds_what_was_planted_and_nothing_else(running: Run, month: date) -> None:
    found = running.beside("include.reconcile", f"{month:%Y-%m}", "--json", "--differences")
    dsn = running.settings.dsn("dms")
    keys = ("kind", "dealer", "document_type", "document_number", "line_number")
    told = Counter(tuple(each[key] for key in keys) for each in found if "kind" in each)
    planted = Counter(planted_differences(dsn, month))
    assert told == planted
    assert len({kind for kind, *_ in planted}) >= 5, "a sample that plants little proves little"
    for kind in {kind for kind, *_ in planted}:
        assert kind in running.said


def test_planted_day_was_not_sent_and_everything_else_was(running: Run, month: date) -> None:
    unsent = unsent_day(running.settings.dsn("dms"), month)
    assert unsent is not None
    dealer, day = unsent
    with Ledger(running.settings.dsn("ledger"), actor="test") as ledger:
        files = ledger.files(interface="merkle_sar_daily")
        assert ledger.feed_state("merkle_sar_daily", dealer, "live") == "enabled"
    days = {(file.dealer, file.business_date) for file in files}
    dealers = {file.dealer for file in files}
    first = min(file.business_date for file in files)
    last = max(file.business_date for file in files)
    every = {(each, first + timedelta(days=n)) for each in dealers for n in range((last - first).days + 1)}
    contract = load_contract(DAILY)
    windows = [period_window("day", last - timedelta(days=back), contract.zone) for back in range(BACKFILL_DAYS)]
    # Of the last days one dealer's are left out, for the morning page; not in the first days of a month.
    late = left_out(contract, windows, dms_dsn=running.settings.dsn("dms"))
    assert len(late) == BACKFILL_DAYS
    if windows[-1].business_date <= period_window("month", month, contract.zone).last_date:
        late = []
    assert every - days == {(dealer, day), *((each.dealer, each.day) for each in late)}


def test_what_came_in_became_what_was_planted_and_the_watch_woke_its_runs(running: Run) -> None:
    assert "all of it is what the sample's own list says, row by row" in running.said
    assert "all of it is what the sample's own list says, line by line, claim by claim, to the penny" in running.said
    assert "wrong automatic matches: 0;" in running.said
    assert "not as planted" not in running.said
    for interface in ("proresponse_sales", "proresponse_service"):
        arrivals = running.beside("include.feeds", "arrivals", "--json", "--interface", interface)
        assert {arrival["state"] for arrival in arrivals} >= {"REMOVED", "KEPT"}
    payments = running.beside("include.feeds", "arrivals", "--json", "--interface", "renault_warranty_payments")
    assert {arrival["state"] for arrival in payments} == {"REMOVED", "HELD", "REJECTED"}
    # The files that come when the first are imported already meet no scheduled run.
    for dag_id in ("proresponse_sales", "renault_warranty_payments"):
        runs = running.api().get(f"/dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
        assert "asset_triggered" in {run["run_type"] for run in runs}


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
    before, there = running.at_partner("merkle"), running.ends_of_runs(DAILY)
    # The day before Airflow's first went before Airflow was there: it is read again and found the same.
    contract = load_contract(DAILY)
    day = min(datetime.fromisoformat(start).astimezone(ZoneInfo(contract.zone)).date() for start in there)
    day -= timedelta(days=1)
    with browser.page(address, "oncall", password) as page:
        said = browser.dag_page(page, address, DAILY)
        assert "daily at 02:30 Europe/London" in said
        assert "When it is red" in browser.documentation(page)
        assert browser.start_backfill(page, address, DAILY, day) == "1 run will be triggered."
    start = period_window("day", day, contract.zone).start
    running.wait_for_runs(DAILY, [f"{start:%Y-%m-%dT%H:%M:%S}Z"], {})
    assert running.at_partner("merkle") == before
    with Ledger(running.settings.dsn("ledger"), actor="test") as ledger:
        files = ledger.files(interface=DAILY, business_date=day)
        assert {ledger.events(file.id)[-1].kind for file in files} == {"UNCHANGED"}


def test_command_line_of_airflow_works_beside_it(running: Run) -> None:
    assert running.process.poll() is None
    assert "success" in running.airflow("dags", "list-runs", DAILY, "-o", "json")


def test_redelivery_sends_the_same_bytes_under_the_same_number(running: Run) -> None:
    file = running.files(MONTHLY)[0]
    before = running.at_partner("renault")
    lost = running.settings.partners / "renault" / "inbound" / "sar" / file["file_name"]
    lost.unlink()

    without = running.command("local.verbs", "redeliver", "--file", file["file_name"])
    assert without.returncode == 1
    assert "say why" in without.stderr
    reason = "the partner's disk was full; they ask for it again"
    done = running.command("local.verbs", "redeliver", "--file", file["file_name"], "--reason", reason)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PUBLISHED" in done.stdout.splitlines()[-1]

    assert running.at_partner("renault") == before
    after = next(each for each in running.files(MONTHLY) if each["id"] == file["id"])
    same = ("sequence", "sha256", "content_hash", "file_name", "published_at", "state")
    assert {key: after[key] for key in same} == {key: file[key] for key in same}
    with Ledger(running.settings.dsn("ledger"), actor="test") as ledger:
        events = ledger.events(file["id"])
    assert [event.kind for event in events].count("PUBLISHED") == 2
    assert reason in {event.reason for event in events}


def test_a_verb_that_the_state_refuses_is_one_sentence(running: Run) -> None:
    file = running.files(MONTHLY)[0]
    done = running.command("local.verbs", "release", "--file", str(file["id"]), "--reason", "let it go")
    assert done.returncode == 1
    assert "PUBLISHED" in done.stderr
    assert "Traceback" not in done.stderr


def test_backfill_of_two_months_twice_sends_each_file_once(running: Run, month: date) -> None:
    contract = load_contract(MONTHLY)
    months = [month]
    months.insert(0, (month - timedelta(days=1)).replace(day=1))
    starts = [period_window("month", first, contract.zone).start for first in months]
    logical_dates = [f"{start:%Y-%m-%dT%H:%M:%S}Z" for start in starts]
    options = ("--from-date", starts[0].isoformat(), "--to-date", starts[-1].isoformat(), "--max-active-runs", "1")

    running.airflow("backfill", "create", "--dag-id", MONTHLY, *options)
    running.wait_for_runs(MONTHLY, logical_dates, {})
    once, ended = running.at_partner("renault"), running.ends_of_runs(MONTHLY)
    files = running.files(MONTHLY)
    assert {file["business_date"] for file in files} == {first.isoformat() for first in months}
    held = [file for file in files if file["state"] != "PUBLISHED"]
    assert all(file["state"] == "HELD" and "franchise changed" in file["reason"] for file in held), held
    assert once.keys() == {file["file_name"] for file in files if file["state"] == "PUBLISHED"}
    dealers = {file["dealer"] for file in files}
    assert len(files) == 2 * len(dealers)

    running.airflow("backfill", "create", "--dag-id", MONTHLY, *options, "--reprocess-behavior", "completed")
    running.wait_for_runs(MONTHLY, logical_dates, ended)
    assert running.at_partner("renault") == once
    state = {file["id"]: (file["state"], file["sha256"], file["sequence"]) for file in files}
    assert {file["id"]: (file["state"], file["sha256"], file["sequence"]) for file in running.files(MONTHLY)} == state


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
