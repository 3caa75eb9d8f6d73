"""The commands as people type them: what they print, what they refuse and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.feeds import feeds
from include.feeds.cli import main
from include.ledger import Ledger
from tests.ledger.arrival_cases import arrive

ROOT = Path(__file__).parents[2]
ADD = ["add", "--interface", "proresponse_sales", "--directory", "out", "--conn-id", "proresponse_sftp"]


@pytest.fixture(autouse=True)
def _its_ledger(ledger_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_DSN", ledger_dsn)


def add(dealer: str, *more: str) -> int:
    return main([*ADD, "--dealer", dealer, "--directory", f"{dealer}/out", "--actor", "ops", *more])


def test_a_feed_is_added_changed_and_listed(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert add("lakeside_rv", "--encoding", "cp1252", "--delete-from-server") == 0
    said = capsys.readouterr().out
    (made,) = feeds(ledger, dealer="lakeside_rv")
    assert f"feed {made.id} (proresponse_sales, dealer lakeside_rv) is LIVE" in said
    assert "cp1252 with dates like %m/%d/%Y; files are removed there once their import is committed" in said
    for verb, state in (("pause", "PAUSED"), ("resume", "LIVE"), ("terminate", "TERMINATED")):
        assert main([verb, str(made.id), "--reason", "so it is", "--actor", "ops"]) == 0
        assert f"is {state} ({verb}, by person:ops)" in capsys.readouterr().out
    assert main(["list", "--dealer", "lakeside_rv"]) == 0
    assert "No feed matches" in capsys.readouterr().out
    assert main(["list", "--dealer", "lakeside_rv", "--all"]) == 0
    table = capsys.readouterr().out
    assert table.startswith("1 feed ")
    assert r"_SL\.csv$" in table
    assert main(["list", "--dealer", "lakeside_rv", "--all", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["state"], told["reason"], told["changed_by"]) == ("TERMINATED", "so it is", "person:ops")


def test_a_refusal_is_a_letter_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert add("harbor_marine") == 0
    capsys.readouterr()
    for arguments, why in (
        (
            [*ADD, "--dealer", "x", "--directory", "harbor_marine/out"],
            "would eat the other's file",
        ),
        ([*ADD, "--dealer", "x", "--directory", "/out"], "relative to the partner's home"),
        (["pause", "99999", "--reason", "x"], "`python -m include.feeds list --all` lists them"),
        (["release", "99999", "--reason", "x"], "the ledger has no arrival 99999"),
    ):
        assert main(arguments) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert why in told.err


def test_arrivals_are_listed_and_decided(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert add("dunes_rv") == 0
    (made,) = feeds(ledger, dealer="dunes_rv")
    row = arrive(ledger, made, "a", "[red]x_SL.csv")
    ledger.move_arrival(row.id, "HELD", reason="too many rejected rows")
    capsys.readouterr()
    assert main(["arrivals", "--dealer", "dunes_rv", "--state", "HELD", "--since", "2026-11-20"]) == 0
    table = capsys.readouterr().out
    assert "[red]x_SL.csv" in table
    assert "too many rejected rows" in table
    assert main(["release", str(row.id), "--reason", "the dealer confirmed it", "--actor", "ops"]) == 0
    said = capsys.readouterr().out
    assert "HELD → LANDED (release, by person:ops). It was: too many rejected rows." in said
    assert main(["reject", str(row.id), "--reason", "no"]) == 1
    assert "is LANDED" in capsys.readouterr().err
    assert main(["arrivals", "--feed", str(made.id), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sha256"] == row.sha256
    assert main(["arrivals", "--feed", str(made.id), "--since", "2027-01-01", "--json"]) == 0
    assert capsys.readouterr().out == ""


def test_called_wrongly_it_says_how(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["pause", "1"], ["add"], [*ADD, "--dealer", "x", "--date-format", "%d"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    monkeypatch.delenv("LEDGER_DSN")
    assert main(["list"]) == 2
    assert "LEDGER_DSN is not set" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [[], ["list"], ["add"], ["probe"], ["pause"], ["terminate"], ["arrivals"], ["release"]]
)
def test_every_command_explains_itself(command: list[str]) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "include.feeds", *command, "--help"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.startswith("usage: python -m include.feeds")
