"""The commands: what is listed, decided and exported, and what is told to one who asks for nonsense."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from include.warranty.cli import main
from include.warranty.disputes import COLUMNS, disputes, figures
from tests.warranty.books import VIN, Books, claim, line

AS_OF = date(2026, 4, 30)
NONE = (0, Decimal("0.00"))


@pytest.fixture(scope="module")
def shared(dms_dsn: str) -> Books:
    """One claim of each kind, of which the command tests decide only ``K-C6``."""
    books = Books(dms_dsn).open()
    books.load(
        claim("C1", submitted_on="2026-01-05"),
        claim("=C2", submitted_on="2026-02-20"),
        claim("C3"),
        claim("C4", submitted_on="2026-04-20"),
        claim("C5", status="10", submitted_on=""),
        claim("C6"),
        claim("C7", retail_code="R2"),
    )
    books.pay("P1", line("C1", "60.00"), line("=C2", "0.00", reject_code="+7B"), line("C6", "99.00"), line("X"))
    books.pay("P2", line("C7", "100.00", retail_code="R2"), line("C8", "5.00", retail_code="X9"))
    return books


def test_disputes_are_what_is_owed_with_its_age_and_no_formula(shared: Books) -> None:
    told = disputes(shared.dsn, as_of=AS_OF, dealer="dealer_1").decode("utf-8-sig")
    rows = list(csv.DictReader(told.splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert [
        (row["kind"], row["claim_number"], row["age_days"], row["age_band"], row["reject_code"], row["outstanding"])
        for row in rows if row["claim_number"] != "C6"
    ] == [
        ("REJECTED", "'=C2", "69", "61-90", "'+7B", "100.00"),
        ("UNDER_PAID", "C1", "115", "over 90", "", "40.00"),
        ("UNPAID", "C3", "60", "31-60", "", "100.00"),
    ]  # fmt: skip
    assert VIN not in told
    later = disputes(shared.dsn, as_of=AS_OF, unpaid_after_days=9).decode()
    assert "C4" in later
    assert "C5" not in later, "what was never submitted is not the manufacturer's fault"


def test_figures_are_by_dealer_and_age(shared: Books) -> None:
    found = {each.dealer: each for each in figures(shared.dsn, as_of=AS_OF)}
    assert set(found) == {"UNKNOWN", "dealer_1", "dealer_2"}
    one = found["dealer_1"]
    aged = dict(one.aged)
    assert aged.pop("31-60")[0] >= 1
    assert aged == {"0-30": (1, Decimal(100)), "61-90": (1, Decimal(100)), "over 90": (1, Decimal(40))}
    assert (one.lines, one.matched, one.on_account) == (4, 3, Decimal(100))
    assert set(found["dealer_2"].aged.values()) == {NONE}
    assert (found["UNKNOWN"].matched, found["UNKNOWN"].on_account) == (0, Decimal(5))


def test_a_difference_is_decided_by_command_and_the_disputes_are_written(
    shared: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DMS_DSN", shared.dsn)
    [(which,)] = shared.rows("SELECT claim_id FROM warranty.claim WHERE source_key = 'K-C6'")
    assert main(["differences", "--dealer", "dealer_1"]) == 0
    assert f"{which:>8}  dealer_1  claim C6  status 50  claimed 100.00 GBP  open 1.00" in capsys.readouterr().out
    said = ["--reason", "too small", "--actor", "sam"]
    assert main(["decide", str(which), "write-off", "--expect", "2.00", *said]) == 1
    assert "is 1.00 now, not 2.00" in capsys.readouterr().err
    assert main(["decide", str(which), "write-off", *said]) == 0
    number = capsys.readouterr().out.split()[1]
    assert main(["decisions"]) == 0
    assert f"write-off  claim {which}  1.00" in capsys.readouterr().out
    assert main(["reverse", number, *said]) == 0
    assert f"decision {number} holds no longer" in capsys.readouterr().out
    assert shared.claims()["K-C6"][:2] == (50, 1)
    assert main(["lines"]) == 0
    listed = capsys.readouterr().out
    assert "P1 line 4  100.00 GBP  claim X of R1  NO_CLAIM: nobody" in listed
    assert "UNKNOWN_RETAIL_DEALER" in listed
    assert main(["figures", "--as-of", "2026-04-30"]) == 0
    assert "lines matched 3 of 4; on account 100.00" in capsys.readouterr().out
    file = tmp_path / "disputes.csv"
    assert main(["disputes", "--to", str(file), "--as-of", "2026-04-30"]) == 0
    assert file.read_bytes() == disputes(shared.dsn, as_of=AS_OF)
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def test_who_calls_it_wrongly_is_told(
    shared: Books, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DMS_DSN", raising=False)
    assert main(["lines"]) == 2
    monkeypatch.setenv("DMS_DSN", shared.dsn)
    for wrong in (["move", "--to", "1", "--reason", "r"], ["tolerance", "d", "--since", "x"], ["decide", "1", "sell"]):
        with pytest.raises(SystemExit):
            main(wrong)
    said = ["--reason", "r", "--actor", "sam"]
    assert main(["move", "--line", "999", "--to", "1", *said]) == 1
    assert main(["reverse", "999", *said]) == 1
    assert main(["retail-dealer", "R1", "--main", "M1", "--dealer", "dealer_9"]) == 1
    assert "another dealer's" in capsys.readouterr().err
    tolerance = ["tolerance", "dealer_1", "--amount", "1", "--percent", "1", "--since"]
    assert main([*tolerance, "2026-01-01"]) == 1
    assert main([*tolerance, "2027-01-01"]) == 0
