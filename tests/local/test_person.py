"""What a person does beside a `make run`: reads the reconciliation, has a file sent again, delivers past months."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from include.contract import load_contract
from include.ledger import Ledger
from include.window import period_window
from local.sample import planted_differences, unsent_day
from tests.local.running import Run

MONTHLY = "renault_sar_monthly"
# Back to the third month before the one that is due last, whatever day it is.
SAMPLE = ("--dealers", "6", "--days", "130", "--lines", "12000")
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Run]:
    """A system that is up, over a folder of its own."""
    run = Run(tmp_path_factory.mktemp("person") / "run", repository, *SAMPLE)
    try:
        run.wait_for("Ctrl-C stops everything.")
        yield run
    finally:
        if run.process.poll() is None:
            os.kill(run.process.pid, signal.SIGTERM)
            run.finish(60)


@pytest.fixture(scope="module")
def month(running: Run) -> date:
    """The month that is due last, by the files that went."""
    (found,) = {file["business_date"] for file in running.files(MONTHLY)}
    return date.fromisoformat(found)


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
    assert every - days == {(dealer, day)}


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


def test_backfill_of_three_months_twice_sends_each_file_once(running: Run, month: date) -> None:
    contract = load_contract(MONTHLY)
    months = [month]
    while len(months) < 3:
        months.insert(0, (months[0] - timedelta(days=1)).replace(day=1))
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
    assert len(files) == 3 * len(dealers)

    running.airflow("backfill", "create", "--dag-id", MONTHLY, *options, "--reprocess-behavior", "completed")
    running.wait_for_runs(MONTHLY, logical_dates, ended)
    assert running.at_partner("renault") == once
    state = {file["id"]: (file["state"], file["sha256"], file["sequence"]) for file in files}
    assert {file["id"]: (file["state"], file["sha256"], file["sequence"]) for file in running.files(MONTHLY)} == state
