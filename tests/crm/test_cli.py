"""The commands, as a person calls them."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from include.crm.cli import main
from tests.crm.dealing import DEALER, Dealing, sold
from tests.crm.test_lead_export import ask, speak

WRONG = sold(DealNumber="D9", SoldDate="1000-01-01", LastName="Marker")
Call = Callable[..., tuple[int, str, str]]
RIGHT = WRONG.replace("1000-01-01", "03/17/2026")


@pytest.fixture
def call(crm: Dealing, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    monkeypatch.setenv("DMS_DSN", crm.dsn)

    def call(*arguments: str, given: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(given)))
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_a_rejected_row_is_listed_without_its_text_shown_and_corrected(
    crm: Dealing, call: Call, tmp_path: Path
) -> None:
    crm.sales(sold(), WRONG)
    code, out, err = call("rejected", "--dealer", DEALER)
    assert (code, err) == (0, "1 rows\n")
    assert "arrival 1 line 3  OPEN  sold_date-notBefore" in out
    assert "Marker" not in out
    row = out.split()[0]
    _, out, _ = call("rejected", row)
    assert out.splitlines()[1] == WRONG
    code, _, err = call("correct", row, "--reason", "asked", given=WRONG.encode())
    assert code == 1
    assert "still breaks sold_date-notBefore" in err
    code, out, _ = call("correct", row, "--reason", "asked", "--actor", "kim", given=RIGHT.encode() + b"\r\n")
    assert code == 0
    assert "1 created" in out
    _, out, _ = call("rejected", "--state", "CORRECTED")
    assert "kim: asked" in out


def test_what_would_steer_a_terminal_is_shown_as_text_there(
    crm: Dealing, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = WRONG.replace("Marker", "\x9b31m\u202eMarker\x7f")
    crm.sales(hostile)
    assert call("rejected", "1")[1].splitlines()[1] == hostile
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    shown = call("rejected", "1")[1]
    assert r"\x9b31m\x202eMarker\x7f" in shown
    assert shown.count("\n") == 2


def test_a_row_is_discarded_and_what_is_not_there_is_said(crm: Dealing, call: Call, tmp_path: Path) -> None:
    crm.sales(WRONG)
    assert call("discard", "1", "--reason", "no")[0] == 0
    assert "DISCARDED already" in call("discard", "1", "--reason", "no")[2]
    assert "there is no rejected row 77" in call("rejected", "77")[2]
    assert "not UTF-8" in call("correct", "1", "--reason", "x", given=b"\xff")[2]
    crm.sales(WRONG)
    assert "not UTF-8" in call("discard", "2", "--reason", "caf\udce9")[2]
    missing = tmp_path / "nothing"
    assert str(missing) in call("correct", "1", "--reason", "x", "--text", str(missing))[2]


def test_a_doubt_is_listed_shown_and_decided(crm: Dealing, call: Call) -> None:
    crm.sales(sold())
    crm.sales(sold(DealNumber="D2", CustomerNumber="", FirstName="Averil", CellPhone="5550100199", Email=""))
    _, out, err = call("review")
    assert "Averil" not in out + err
    item, candidate = out.split()[0], out.split()[-1]
    assert "Averil" in call("review", item)[1]
    assert "who took it and why" in call("review", item, "--dismiss")[2]
    assert "name the item" in call("review", "--dismiss", "--reason", "x")[2]
    assert call("review", item, "--link", candidate, "--reason", "x")[0] == 0
    assert "not open" in call("review", item)[2]
    assert crm.rows("SELECT DISTINCT contact_id FROM crm.activity") == [(int(candidate),)]


def test_contacts_are_merged(crm: Dealing, call: Call) -> None:
    crm.sales(sold(), sold(DealNumber="D2", CustomerNumber="C2", LastName="Other", Email="o@example.org"))
    keep, goes = (str(row) for (row,) in crm.rows("SELECT contact_id FROM crm.contact ORDER BY 1"))
    assert "1 activities came along" in call("merge", keep, goes, "--reason", "one")[1]
    assert "nothing was merged" in call("merge", keep, goes, "--reason", "one")[2]


def test_leads_are_written_once_and_again_on_request(crm: Dealing, call: Call, tmp_path: Path) -> None:
    crm.sales(sold())
    contact = crm.value("SELECT contact_id FROM crm.contact")
    speak(crm, contact, "NOTE", "marker")
    ask(crm, contact)
    assert call("rule", DEALER, "NOTE", "--include", "--reason", "agreed")[0] == 0
    assert "never goes out" in call("rule", DEALER, "SOLD_UNIT", "--include", "--reason", "x")[2]
    folder = tmp_path / "leads"
    assert "1 leads written" in call("export", "--dealer", DEALER, "--to", str(folder))[1]
    [file] = folder.iterdir()
    content = file.read_bytes()
    assert b"marker" in content
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.unlink()
    assert "0 leads written" in call("export", "--dealer", DEALER, "--to", str(folder))[1]
    assert "1 leads written" in call("export", "--dealer", DEALER, "--to", str(folder), "--again")[1]
    assert file.read_bytes() == content


def test_without_a_database_it_says_what_is_missing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMS_DSN", "host=/nowhere dbname=x password=secret")
    code, _, err = call("review")
    assert code == 1
    assert "cannot be reached" in err
    assert "secret" not in err
    monkeypatch.setenv("DMS_DSN", "")
    assert call("review")[0] == 2
