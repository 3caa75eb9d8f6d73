"""Decisions by the command line: what it says, what comes next, and what it refuses."""

from __future__ import annotations

import getpass
import json
import re
import shlex
from datetime import date
from typing import Any

import pytest

from include.ledger import FileRow, Ledger
from include.ledger.cli import main
from tests.ledger.conftest import bring, execute, intent, monthly, window


@pytest.fixture
def here(fresh_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A ledger that the command line finds by its environment."""
    monkeypatch.setenv("LEDGER_DSN", fresh_dsn)
    with Ledger(fresh_dsn, actor="test") as opened:
        yield opened


def conf(said: str) -> tuple[str, dict[str, Any]]:
    """The DAG and the parameters of the command that was printed as the next step."""
    command = shlex.split(said.strip().splitlines()[-1])
    assert command[:3] == ["airflow", "dags", "trigger"]
    assert command[4] == "--conf"
    return command[3], json.loads(command[5])


def held(ledger: Ledger, **changes: Any) -> FileRow:
    file = ledger.plan(**{**intent(), **changes})
    return ledger.move(bring(ledger, file, "RENDERED").id, "HELD", reason="the gate failed")


def test_a_release_says_what_happened_and_what_comes_next(here: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    file = held(here)
    assert main(["release", str(file.id), "--reason", "the dealer says so", "--actor", "ann"]) == 0
    said = capsys.readouterr().out
    assert f"dealer {file.dealer}, 2026-11-20): HELD → GATED (release, by person:ann). It was: the gate failed." in said
    assert conf(said) == ("merkle_sar_daily", {"business_date": "2026-11-20", "dealers": [file.dealer]})
    event = here.events(file.id)[-1]
    assert (event.actor, event.reason) == ("person:ann", "the dealer says so")


def test_a_month_is_run_as_a_month(here: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    file = held(here, **monthly("82600077"))
    assert main(["release", str(file.file_name), "--reason", "x"]) == 0
    assert conf(capsys.readouterr().out) == ("renault_sar_monthly", {"month": "2026-10", "dealers": ["82600077"]})
    assert here.events(file.id)[-1].actor == f"person:{getpass.getuser()}"


def test_several_days_are_run_by_their_last(here: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    three = {**window(date(2026, 11, 20)), "window_end": window(date(2026, 11, 22))["window_end"]}
    file = held(here, **three)
    assert main(["release", str(file.id), "--reason", "x"]) == 0
    said = capsys.readouterr().out
    assert "2026-11-20 to 2026-11-22): HELD → GATED" in said
    assert conf(said) == ("merkle_sar_daily", {"business_date": "2026-11-22", "dealers": [file.dealer]})


def test_a_withheld_file_is_shown_with_its_reason_and_not_released(
    here: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here.move(here.plan(**intent()).id, "CHECKED", rows=9, records={"customer": 4})
    here.move(file.id, "WITHHELD", reason="no service contract")
    assert main(["files", "--state", "WITHHELD", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["reason"], told["records"]) == ("WITHHELD", "no service contract", {"customer": 4})
    assert main(["release", str(file.id), "--reason", "x"]) == 1
    assert "is WITHHELD (no service contract): there is nothing to release. Next: only a signature changes it" in (
        capsys.readouterr().err
    )
    assert main(["reject", str(file.id), "--reason", "the dealer has left"]) == 0
    assert "WITHHELD → CANCELLED" in capsys.readouterr().out


def test_a_redelivery_by_its_remote_path(here: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    file = bring(here, here.plan(**intent()), "PUBLISHED")
    assert main(["redeliver", f"/inbound/{file.file_name}", "--reason", "lost", "--actor", "airflow:x"]) == 0
    assert "PUBLISHED → GATED (redeliver, by airflow:x)" in capsys.readouterr().out
    assert main(["reject", str(file.file_name), "--reason", "found"]) == 0
    assert f"Next: nothing: the partner has it, as {file.remote_path}" in capsys.readouterr().out


def test_a_rejection_and_second_thoughts(here: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    file = held(here)
    assert main(["reject", str(file.id), "--reason", "not wanted"]) == 0
    assert "Next: nothing: no run takes it up again (reopen would)" in capsys.readouterr().out
    assert main(["reopen", str(file.id), "--reason", "wanted"]) == 0
    assert "CANCELLED → PLANNED" in capsys.readouterr().out


def test_a_refusal_is_one_sentence_and_exit_code_1(here: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    file = held(here)
    assert main(["redeliver", str(file.id), "--reason", "x"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "is HELD (the gate failed): there is nothing to redeliver. Next: release it" in err
    assert main(["release", str(file.id), "--reason", "  "]) == 1
    assert "needs a reason" in capsys.readouterr().err
    assert here.file(file.id) == file


@pytest.mark.parametrize("verb", ["release", "reject", "redeliver", "reopen"])
def test_no_decision_without_saying_why(here: Ledger, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "1"])
    assert ended.value.code == 2
    assert "--reason" in capsys.readouterr().err


def test_a_name_must_be_one_files(here: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "SAR_nobody.csv", "--reason", "x"]) == 1
    assert "no file named SAR_nobody.csv" in capsys.readouterr().err
    one, other = (held(here, environment=environment) for environment in ("live", "test"))
    preview = held(here, environment="preview")
    execute(here.dsn, "UPDATE ledger.file SET file_name = 'same.csv'")
    assert main(["release", "same.csv", "--reason", "x"]) == 1
    err = capsys.readouterr().err
    assert "2 files are named same.csv" in err
    assert f"{one.id} (merkle_sar_daily, live, HELD), {other.id} (merkle_sar_daily, test, HELD)" in err
    execute(here.dsn, f"UPDATE ledger.file SET file_name = 'x' WHERE id = {other.id}")
    assert main(["reject", "same.csv", "--reason", "x"]) == 0, "a preview's name is not meant"
    assert (here.file(one.id).state, here.file(preview.id).state) == ("CANCELLED", "HELD")
    execute(here.dsn, f"UPDATE ledger.file SET file_name = 'only.csv' WHERE id = {preview.id}")
    capsys.readouterr()
    assert main(["release", "only.csv", "--reason", "x"]) == 1
    assert "is a preview, which is never sent" in capsys.readouterr().err


# --- numbers that the partner does not see


def test_verify_explains_each_number_that_the_partner_has_not_seen(
    here: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    dealer = intent()["dealer"]
    delivered = bring(here, here.plan(**intent(dealer)), "PUBLISHED")
    cancelled = held(here, **monthly(dealer))
    here.reject(cancelled.id, reason="Renault does not want October")
    waiting = held(here, **monthly(dealer, environment="test"))
    preview = held(here, **monthly(dealer, environment="preview"))
    assert main(["verify"]) == 0
    said = capsys.readouterr().out
    assert "2 sequence number(s) that the partner has not seen, each explained by a row:" in said
    what = f"renault_sar_monthly, dealer {dealer}"
    assert [line for line in said.splitlines() if line.startswith("GAP")] == [
        f"GAP {what}, live: number 1 (file {cancelled.id}, 2026-10-01) is CANCELLED: Renault does not want October",
        f"GAP {what}, test: number 1 (file {waiting.id}, 2026-10-01) is HELD: the gate failed",
    ]
    here.redeliver(delivered.id, reason="lost")
    assert [gap.file_id for gap in here.sequence_gaps()] == [cancelled.id, waiting.id], "the partner has seen it"
    assert preview.sequence == 1


def test_verify_fails_for_a_number_that_no_file_has(here: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    file = bring(here, here.plan(**intent()), "PUBLISHED")
    execute(here.dsn, "UPDATE ledger.sequence SET last_number = 3")
    assert main(["verify"]) == 1
    said = capsys.readouterr().out
    assert re.findall(r"LOST .*number (\d) was given out and no file has it", said) == ["2", "3"]
    assert f"dealer {file.dealer}, live" in said
    assert "the chain is whole" in said
