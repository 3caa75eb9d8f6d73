"""From landed to checked: what is accepted, what is rejected and why, and that no file keeps another from its turn."""

from __future__ import annotations

from pathlib import Path

import pytest

import include.inbound.check as inbound_check
from include.imports.taking import ATTEMPTS
from include.ledger import ArrivalRow
from include.ledger.chain import verify
from tests.imports.importing import Imports, file_of, sold


def now(imports: Imports, row: ArrivalRow) -> ArrivalRow:
    return imports.partner.ledger.arrival(row.id)


def test_rows_are_accepted_and_rejected_with_every_reason_and_both_are_staged(imports: Imports) -> None:
    good, bad = sold(), sold(SoldDate="01/01/1000", Term="700", Amount_Financed="10", LastName="Wrong")
    row = imports.bring("day_SL.csv", file_of(good, bad))
    assert imports.check() == {"checked": 1}
    row = now(imports, row)
    assert (row.state, row.rows_read, row.rows_accepted, row.rows_rejected) == ("CHECKED", 2, 1, 1)
    assert imports.staged(row, "accepted")["last_name"].to_list() == ["Sample"]
    rejected = imports.staged(row, "rejected").row(0, named=True)
    assert rejected["line"] == 3
    assert {"sold_date-notBefore", "term-maximum"} <= set(rejected["reasons"])
    assert rejected["raw"] == bad
    assert list((imports.folder / "reports" / "proresponse_sales").rglob("*")) != []
    told = imports.partner.ledger.arrival_events(row.id)[-1].detail
    assert told["failed"]["term-maximum"] == 1
    assert "Wrong" not in str(told)


def test_a_file_that_cannot_be_read_is_rejected_by_its_code_and_the_next_is_checked(imports: Imports) -> None:
    damaged = imports.bring("a_SL.csv", b"\xff\xfe" + file_of(sold()))
    renamed = imports.bring("b_SL.csv", file_of(sold()).replace(b"SoldDate", b"Sold On"))
    whole = imports.bring("c_SL.csv", file_of(sold()))
    assert imports.check() == {"rejected": 2, "checked": 1}
    assert [now(imports, row).reject_code for row in (damaged, renamed)] == ["ENCODING", "HEADER_MISSING"]
    assert "SoldDate" in str(now(imports, renamed).reason)
    assert now(imports, whole).state == "CHECKED"
    assert sorted(imports.partner.names()) == ["a_SL.csv", "b_SL.csv", "c_SL.csv"]
    assert verify(imports.partner.ledger.dsn).whole


def test_a_file_with_too_many_bad_rows_is_held_and_a_release_is_for_just_that(imports: Imports) -> None:
    lines = [sold(Term="700", Amount_Financed="10")] * 30
    row = imports.bring("day_SL.csv", file_of(sold(), *lines))
    assert imports.check() == {"held": 1}
    assert "rejectedRows" in str(now(imports, row).reason)
    assert imports.check() == {}
    imports.partner.ledger.release_arrival(row.id, reason="the dealer knows")
    assert imports.check() == {"checked": 1}
    assert now(imports, row).rows_rejected == 30


def test_a_header_without_rows_is_an_empty_file(imports: Imports) -> None:
    row = imports.bring("day_SL.csv", file_of())
    assert imports.check() == {"checked": 1}
    assert now(imports, row).rows_read == 0
    assert "nothing happened" in str(imports.partner.ledger.arrival_events(row.id)[-1].detail["warnings"])


def test_a_file_that_breaks_its_reader_is_held_after_some_attempts_and_the_others_go_on(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = imports.bring("poison_SL.csv", file_of(sold(LastName="Poison")))
    real = inbound_check.check_arrival

    def break_at_poison(contract: object, path: Path, **told: object) -> object:
        if b"Poison" in path.read_bytes():
            raise RecursionError("Poison of a row")
        return real(contract, path, **told)  # type: ignore[arg-type]

    monkeypatch.setattr(inbound_check, "check_arrival", break_at_poison)
    for number in range(ATTEMPTS):
        other = imports.bring(f"{number}_SL.csv", file_of(sold(DealNumber=f"D{number}")))
        counts = imports.check()
        assert (counts["failed"], counts["checked"]) == (1, 1)
        assert now(imports, other).state == "CHECKED"
    held = now(imports, poison)
    assert held.state == "HELD"
    assert "RecursionError" in str(held.reason)
    assert "Poison" not in str([event.detail for event in imports.partner.ledger.arrival_events(poison.id)])


def test_what_another_attempt_works_on_is_left_to_it(imports: Imports) -> None:
    row = imports.bring("day_SL.csv", file_of(sold()))
    token = imports.partner.ledger.take_arrival_lease(row.id, seconds=60)
    assert imports.check() == {}
    imports.partner.ledger.release_arrival_lease(row.id, token)
    assert imports.check() == {"checked": 1}


def test_an_attempt_that_lost_its_lease_says_nothing(imports: Imports) -> None:
    row = imports.bring("day_SL.csv", file_of(sold()))
    ledger = imports.partner.ledger

    def take_over(arrival_id: int, step: str) -> None:
        if step == "gated":
            with ledger.transaction() as cursor:
                cursor.execute("UPDATE ledger.arrival SET lease_until = clock_timestamp() WHERE id = %s", [arrival_id])
            ledger.take_arrival_lease(arrival_id, seconds=60)

    assert imports.check(on_step=take_over) == {}
    assert now(imports, row).state == "LANDED"
