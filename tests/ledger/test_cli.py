"""The command line that the person on call and the Makefile use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from include.archive import Archive
from include.ledger import Ledger
from include.ledger.cli import main
from tests.ledger.conftest import DAY, bring, execute, intent

ROOT = Path(__file__).parents[2]
NEEDED = {
    "interface", "partner", "dealer", "window_start", "window_end", "business_date", "revision", "sequence", "state",
    "reason", "file_name", "sha256", "bytes", "rows", "rejected", "withheld", "control_total", "remote_path",
    "published_at",
}  # fmt: skip


@pytest.fixture
def here(fresh_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ledger and an archive that the command line finds by its environment."""
    monkeypatch.setenv("LEDGER_DSN", fresh_dsn)
    monkeypatch.setenv("ARCHIVE_URL", (tmp_path / "archive").as_uri())
    return fresh_dsn


@pytest.fixture
def three_files(here: str, archive: Archive) -> str:
    """A published, a held and a test file."""
    with archive.writer() as writer:
        writer.write(b"the bytes")
    with Ledger(here, actor="test") as ledger:
        done = {"sha256": writer.sha256, "bytes": writer.bytes}
        bring(ledger, ledger.plan(**intent("82600001")), "PUBLISHED", **done)
        held = ledger.plan(**intent("82600002", DAY + timedelta(days=1)))
        ledger.move(held.id, "HELD", reason="volume 3 rows [usual: 250] is outside the tolerance")
        ledger.plan(**intent("82600003", environment="test"))
    return here


def test_files_are_a_table_for_people(three_files: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["files"]) == 0
    said = capsys.readouterr().out
    assert "2 files" in said
    published, held = (line for line in said.splitlines() if "merkle_sar_daily" in line)
    assert re.split(r"\s*│\s*", published.strip("│ ")) == [
        "1", "merkle_sar_daily", "82600001", "2026-11-20", "0", "1", "10", "2", "1", "PUBLISHED", "/in/1.csv",
    ]  # fmt: skip
    assert "HELD" in held
    assert "volume 3 rows [usual: 250] is outside the tolerance" in held
    assert "82600003" not in said


def test_files_are_json_lines_for_programs(three_files: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["files", "--json", "--environment", "all"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["dealer"] for row in rows] == ["82600001", "82600003", "82600002"]
    first = rows[0]
    assert first.keys() >= NEEDED
    assert (first["window_start"], first["window_end"]) == ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
    assert (first["business_date"], first["control_total"], first["sequence"]) == ("2026-11-20", "1234.50", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", first["published_at"])
    assert rows[1]["published_at"] is None


@pytest.mark.parametrize(
    ("asked", "dealers"),
    [
        (["--dealer", "82600001"], ["82600001"]),
        (["--state", "HELD"], ["82600002"]),
        (["--state", "HELD", "--state", "PUBLISHED"], ["82600001", "82600002"]),
        (["--interface", "other"], []),
        (["--date", "2026-11-21"], ["82600002"]),
        (["--environment", "test"], ["82600003"]),
        (["--environment", "preview"], []),
        (["--since", "2026-11-21"], ["82600002"]),
        (["--until", "2026-11-20"], ["82600001"]),
        (["--since", "2026-11-20", "--until", "2026-11-21"], ["82600001", "82600002"]),
        (["--since", "2026-11-22"], []),
    ],
)
def test_files_can_be_chosen(
    three_files: str, capsys: pytest.CaptureFixture[str], asked: list[str], dealers: list[str]
) -> None:
    assert main(["files", "--json", *asked]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["dealer"] for line in out.splitlines()] == dealers
    assert ("No file matches" in err) == (dealers == [])


def test_an_empty_ledger_says_what_fills_it(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["files"]) == 0
    assert "holds no files yet; `make run`" in capsys.readouterr().out
    assert main(["files", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (out, "holds no files yet" in err) == ("", True)


def test_verify_says_how_far_it_looked(three_files: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"]) == 0
    assert re.match(r"11 events checked, the chain is whole; head [0-9a-f]{64}\n", capsys.readouterr().out)


def test_verify_names_the_first_broken_event(three_files: str, capsys: pytest.CaptureFixture[str]) -> None:
    execute(three_files, "UPDATE ledger.event SET reason = 'fine' WHERE id = 7")
    assert main(["verify"]) == 1
    assert "BROKEN at event 7: event 7 was changed after it was written" in capsys.readouterr().out


def test_verify_names_a_row_edited_by_hand(three_files: str, capsys: pytest.CaptureFixture[str]) -> None:
    execute(three_files, "UPDATE ledger.file SET rows = 11 WHERE id = 1")
    assert main(["verify"]) == 1
    said = capsys.readouterr().out
    assert "the chain is whole" in said
    assert "DRIFT file 1: rows differ" in said


def test_purge_shows_first_and_removes_when_told(
    three_files: str, archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    """Days come from the contract itself."""
    assert main(["purge", "--today", "2026-11-21"]) == 0
    assert "Nothing has outlived its retention on 2026-11-21" in capsys.readouterr().out
    assert main(["purge", "--today", "2030-01-01"]) == 0
    said = capsys.readouterr().out
    assert "Would remove 9 bytes of 1 files" in said
    assert "Nothing was changed" in said
    (stored,) = Path(archive.root).glob("*/*/*")
    assert main(["purge", "--today", "2030-01-01", "--apply"]) == 0
    assert "Removed 9 bytes of 1 files" in capsys.readouterr().out
    assert not stored.exists()
    assert main(["verify"]) == 0


def test_purge_keeps_what_no_contract_speaks_for(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Ledger(here, actor="test") as ledger:
        bring(ledger, ledger.plan(**intent(interface="gone_feed")), "PUBLISHED")
    assert main(["purge", "--today", "2030-01-01", "--apply"]) == 0
    out, err = capsys.readouterr()
    assert "gone_feed: kept, because its retention is not known" in err
    assert "Nothing has outlived" in out


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "include.ledger", *arguments],
        cwd=ROOT,
        env={**{key: value for key, value in os.environ.items() if key != "LEDGER_DSN"}, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_called_as_a_program_it_says_what_is_missing() -> None:
    done = run("files")
    assert (done.returncode, done.stdout) == (2, "")
    assert "LEDGER_DSN is not set" in done.stderr
    done = run("files", LEDGER_DSN="postgresql://app:correct-horse@127.0.0.1:1/books")
    assert done.returncode == 1
    assert "cannot reach the ledger at 127.0.0.1:1/books" in done.stderr
    assert "correct-horse" not in done.stderr
    assert "Traceback" not in done.stderr


def test_called_as_a_program_it_prints_the_table_whole(three_files: str) -> None:
    """Without a terminal nothing is folded at 80 columns."""
    done = run("files", LEDGER_DSN=three_files)
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if "merkle_sar_daily" in line]) == 2
    assert "/in/1.csv" in done.stdout
