"""`make release` and the other decisions without Airflow: recorded, with the next step; or one sentence."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from include.ledger import Ledger
from include.migrations.run import Name, migrate
from include.window import day_window, period_window
from local.postgres import Postgres
from local.settings import Settings
from tests.local.test_outcome import deliver

DEALER = "82690001"
NAMES: tuple[Name, ...] = ("dms", "ledger")
Decide = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def settings(postgres: Postgres) -> Iterator[Settings]:
    """The test process's own run folder, in which no `make run` is up."""
    made = Settings(postgres.data_dir.parents[1])
    for name in NAMES:
        migrate(name, postgres.create_database(name, replace=True))
    yield made
    for name in NAMES:
        postgres.drop_database(name)


@pytest.fixture
def decide(settings: Settings, repository: Path) -> Decide:
    """Run a decision as the Makefile does."""

    def run(verb: str, file: str, reason: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "local.verbs", verb],
            cwd=repository,
            env={**os.environ, "RUN_DIR": str(settings.run_dir), "DECIDE_FILE": file, "DECIDE_REASON": reason},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def names(settings: Settings) -> dict[str, str]:
    """A day's file and a month's, both with their partners, by name; and the number of one that is held."""
    day = day_window(date(2026, 10, 31), "Europe/London")
    month = period_window("month", date(2026, 10, 1), "Europe/London")
    with Ledger(settings.dsn("ledger"), actor="test") as ledger:
        deliver(ledger, DEALER, day, file_name="day.csv")
        deliver(ledger, DEALER, month, interface="renault_sar_monthly", partner="renault", file_name="month.csv")
        deliver(ledger, "82690008", day, up_to="HELD", reason="no dealer number")
        (held,) = ledger.files(states=["HELD"])
    return {"day": "day.csv", "month": "month.csv", "held": str(held.id)}


@pytest.mark.parametrize(
    ("which", "dag_id", "parameters"),
    [
        ("day", "merkle_sar_daily", {"business_date": "2026-10-31", "dealers": [DEALER]}),
        ("month", "renault_sar_monthly", {"month": "2026-10", "dealers": [DEALER]}),
    ],
)
def test_without_airflow_it_is_recorded_and_the_run_to_start_is_said(
    decide: Decide, settings: Settings, names: dict[str, str], which: str, dag_id: str, parameters: dict[str, object]
) -> None:
    reason = """the partner's "disk" was full; it cost them $5"""
    done = decide("redeliver", names[which], reason)
    assert done.returncode == 0, done.stderr
    assert "PUBLISHED → GATED" in done.stdout
    # What a person pastes goes through their shell, through make, and through make's shell.
    _, command = done.stdout.split("then: ")
    make, airflow, arguments = shlex.split(command)
    assert (make, airflow) == ("make", "airflow")
    triggered = shlex.split(arguments.removeprefix("ARGS="))
    assert triggered[:4] == ["dags", "trigger", dag_id, "--conf"]
    assert json.loads(triggered[4]) == parameters
    with Ledger(settings.dsn("ledger"), actor="test") as ledger:
        (file,) = [file for file in ledger.files() if file.file_name == names[which]]
        last = ledger.events(file.id)[-1]
    assert last.reason == reason
    assert last.actor.startswith("person:")


def test_what_needs_no_run_says_so_and_ends(decide: Decide, names: dict[str, str]) -> None:
    done = decide("reject", names["held"], "the dealer's test sales")
    assert (done.returncode, done.stderr) == (0, "")
    assert "HELD → CANCELLED" in done.stdout
    assert "make run" not in done.stdout


@pytest.mark.parametrize(
    ("verb", "file", "reason", "said"),
    [
        ("release", "", "why not", 'make release FILE=<number or name> REASON="<one sentence>"'),
        ("redeliver", "day.csv", "  ", "say why"),
        ("redeliver", "nobody.csv", "they lost it", "0 files named nobody.csv"),
        ("release", "4711", "why not", "4711"),
        ("release", "month.csv", "why not", "GATED"),
    ],
)
def test_a_refusal_is_one_sentence(
    decide: Decide, names: dict[str, str], verb: str, file: str, reason: str, said: str
) -> None:
    done = decide(verb, file, reason)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reason_goes_on_record_as_it_was_written_through_make(
    settings: Settings, names: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    reason = f'it\'s $(shell touch {tmp_path}/ran) $$5 $HOME "twice" `date`; a\\b'
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    with Ledger(settings.dsn("ledger"), actor="test") as ledger:
        for file in ledger.files(states=["GATED"]):
            ledger.reject(file.id, reason="as it was before")
    for verb in ("redeliver", "reject"):
        done = subprocess.run(
            ["make", verb, f"FILE={names['day']}", f"REASON={reason}"],
            cwd=repository,
            env={**inherited, "RUN_DIR": str(settings.run_dir)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    with Ledger(settings.dsn("ledger"), actor="test") as ledger:
        (file,) = [file for file in ledger.files() if file.file_name == names["day"]]
        assert file.state == "PUBLISHED"
        assert [event.reason for event in ledger.events(file.id)][-2:] == [reason, reason]
    assert not (tmp_path / "ran").exists(), "make ran what stands in the sentence"
