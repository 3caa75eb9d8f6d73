"""Where the money of a payment goes: outcomes, tolerance, corrections, suspense."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from include.warranty.claims import set_retail_dealer
from include.warranty.connection import WarrantyError
from include.warranty.open_items import open_lines
from include.warranty.payments import post_payment
from tests.warranty.books import Books, claim, line, payment

ONE = "dealer_1"


def outcomes(books: Books) -> dict[tuple[str, int], str]:
    return {place: told[0] for place, told in books.outcomes().items()}


def test_each_outcome_stands_where_its_money_is(books: Books) -> None:
    books.load(*(claim(f"C{number}") for number in range(1, 6)))
    posted = books.pay(
        "P1",
        line("C1"),
        line("C2", "60.00"),
        line("C3", "130.00"),
        line("C4", "0.00", reject_code="7B"),
        line("C5"),
        line("C5"),
        line("C6", "12.34"),
    )
    assert posted.outcomes == {"FULL": 2, "UNDER": 1, "OVER": 1, "REJECTED": 1, "DUPLICATE": 1, "UNMATCHED": 1}
    assert books.claims() == {
        "K-C1": (50, 0, 0, 0, 0),
        "K-C2": (50, 40, 0, 0, 0),
        "K-C3": (50, 0, 30, 0, 0),
        "K-C4": (40, 100, 0, 0, 0),
        "K-C5": (50, 0, 100, 0, 0),
    }
    assert books.balances() == {
        (ONE, "MANUFACTURER"): Decimal("502.34"),
        (ONE, "CLAIMS"): Decimal("-360.00"),
        (ONE, "ON_ACCOUNT"): Decimal("-142.34"),
    }


@pytest.mark.parametrize(
    ("amount", "percent", "paid", "outcome", "opened", "written_off"),
    [
        ("1.00", "1.00", "99.00", "FULL", "0", "1.00"),
        ("1.00", "1.00", "98.99", "UNDER", "1.01", "0"),
        ("5.00", "1.00", "98.99", "UNDER", "1.01", "0"),
        ("0.50", "9.00", "99.49", "UNDER", "0.51", "0"),
        ("1.00", "1.00", "101.00", "FULL", "0", "-1.00"),
        ("1.00", "1.00", "101.01", "OVER", "0", "0"),
        ("100.00", "100.00", "0.00", "UNDER", "100.00", "0"),
    ],
)
def test_a_difference_within_both_limits_is_written_off(
    books: Books, amount: str, percent: str, paid: str, outcome: str, opened: str, written_off: str
) -> None:
    books.tolerate(amount, percent)
    books.load(claim("C1"))
    books.pay("P1", line("C1", paid))
    assert outcomes(books) == {("P1", 1): outcome}
    _, is_open, on_account, is_written_off, _ = books.claims()["K-C1"]
    assert (is_open, is_written_off) == (Decimal(opened), Decimal(written_off))
    assert is_open - on_account + is_written_off == Decimal("100.00") - Decimal(paid)


def test_a_tolerance_is_the_dealers_own_and_of_its_day(books: Books) -> None:
    books.tolerate("1.00", "100", since=date(2026, 3, 1))
    books.tolerate("0.10", "100", since=date(2026, 3, 20))
    books.load(claim("C1"), claim("C2"), claim("C3", retail_code="R2"))
    books.pay("P1", line("C1", "99.50"), day=date(2026, 3, 19))
    books.pay("P2", line("C2", "99.50"), line("C3", "99.50", retail_code="R2"))
    assert outcomes(books) == {("P1", 1): "FULL", ("P2", 1): "UNDER", ("P2", 2): "UNDER"}
    with pytest.raises(WarrantyError, match="dealer_1 has payments of 2026-03-15 or later"):
        books.tolerate("9.00", "100", since=date(2026, 3, 15))


def test_partial_payments_add_up_over_files_and_corrections_take_back(books: Books) -> None:
    books.load(claim("C1", "60.00"), claim("C1", "40.00", job="2", vat="20.00"))
    books.pay("P1", line("C1", "50.00"), day=date(2026, 3, 10))
    assert books.claims()["K-C1"][:2] == (50, 70)
    books.pay("P2", line("C1", "50.00", vat="20.00"), day=date(2026, 3, 11))
    assert books.claims()["K-C1"][:2] == (50, 0)
    books.pay("P3", line("C1", "-30.00"), day=date(2026, 3, 12))
    assert books.claims()["K-C1"][:2] == (50, 30)
    assert outcomes(books) == {("P1", 1): "UNDER", ("P2", 1): "FULL", ("P3", 1): "UNDER"}


def test_a_file_that_comes_late_is_read_in_its_place(books: Books) -> None:
    books.load(claim("C1"))
    books.pay("P2", line("C1"), day=date(2026, 3, 11))
    assert outcomes(books) == {("P2", 1): "FULL"}
    late = books.pay("P1", line("C1", "60.00"), day=date(2026, 3, 10))
    assert late.outcomes == {"UNDER": 1}
    assert outcomes(books) == {("P1", 1): "UNDER", ("P2", 1): "OVER"}
    assert books.claims()["K-C1"] == (50, 0, 60, 0, 0)


def test_a_correction_takes_a_duplicate_back_before_the_claim(books: Books) -> None:
    books.load(claim("C1"))
    books.pay("P1", line("C1"), line("C1"), day=date(2026, 3, 10))
    books.pay("P2", line("C1", "-100.00"), day=date(2026, 3, 11))
    assert books.claims()["K-C1"] == (50, 0, 0, 0, 0)
    assert outcomes(books)["P2", 1] == "FULL"


def test_all_taken_back_with_a_code_is_a_rejection_and_the_claim_is_open(books: Books) -> None:
    books.load(claim("C1"))
    books.pay("P1", line("C1"), day=date(2026, 3, 10))
    books.pay("P2", line("C1", "-100.00", reject_code="7B"), day=date(2026, 3, 11))
    assert outcomes(books)["P2", 1] == "REJECTED"
    assert books.claims()["K-C1"][1] == 100


def test_another_vat_is_said_and_its_difference_is_one(books: Books) -> None:
    books.load(claim("C1", vat="20.00"), claim("C2", vat="20.00"))
    books.pay("P1", line("C1", vat="17.50"), line("C2", "102.50", vat="17.50"))
    assert books.rows("SELECT vat_differs, outcome FROM warranty.assessment ORDER BY line_id") == [
        (True, "UNDER"),
        (False, "FULL"),
    ]
    assert books.claims()["K-C1"][1] == Decimal("2.50")


def test_an_unknown_code_holds_its_own_part_until_it_is_somebodys(books: Books) -> None:
    books.load(claim("C1"))
    posted = books.pay("P1", line("C1"), line("C7", "7.00", retail_code="R7"), line("C1", "1.00", dealer_code="M9"))
    assert (posted.suspense, posted.unknown_codes) == (Decimal("8.00"), ("R1", "R7"))
    assert books.balances() == {
        (ONE, "MANUFACTURER"): 100, (ONE, "CLAIMS"): -100,
        ("UNKNOWN", "MANUFACTURER"): 8, ("UNKNOWN", "SUSPENSE"): -8,
    }  # fmt: skip
    assert set_retail_dealer(books.dsn, "R7", dealer_code="M1", dealer="dealer_7") is not None
    assert books.balances() == {
        (ONE, "MANUFACTURER"): 100, (ONE, "CLAIMS"): -100,
        ("UNKNOWN", "MANUFACTURER"): 1, ("UNKNOWN", "SUSPENSE"): -1,
        ("dealer_7", "MANUFACTURER"): 7, ("dealer_7", "ON_ACCOUNT"): -7,
    }  # fmt: skip
    books.load(claim("C7", "7.00", retail_code="R7"))
    assert books.balances()["dealer_7", "CLAIMS"] == -7
    with pytest.raises(WarrantyError, match="another dealer's"):
        set_retail_dealer(books.dsn, "R7", dealer_code="M1", dealer="dealer_8")


def test_a_payment_comes_once_and_not_with_other_content(books: Books) -> None:
    books.load(claim("C1"), claim("C2"))
    first = books.pay("P1", line("C1"), line("C2"))
    entries = books.rows("SELECT * FROM warranty.entry")
    header, lines = payment("P1", line("C1"), line("C2"))
    again = post_payment(books.dsn, header, lines.reverse().with_columns(labour=pl.lit("100")))
    assert again.already
    assert (again.payment_id, again.outcomes, again.applied_at) == (first.payment_id, first.outcomes, first.applied_at)
    with pytest.raises(WarrantyError, match=r"posted as payment \d+ with other content"):
        books.pay("P1", line("C1"), line("C2", "99.00"))
    assert books.rows("SELECT * FROM warranty.entry") == entries


def test_a_payment_without_lines_or_money_is_posted_and_moves_nothing(books: Books) -> None:
    books.pay("P0")
    books.pay("P1", line("C1", "0.00", reject_code="7B"))
    assert books.rows("SELECT count(*) FROM warranty.journal") == [(0,)]
    assert books.pay("P0").already


def test_a_status_goes_by_its_steps_and_each_is_kept(books: Books) -> None:
    books.load(claim("C1", status="10", submitted_on=""))
    books.load(claim("C1"))
    books.pay("P1", line("C1", "0.00", reject_code="7B"), day=date(2026, 3, 5))
    books.load(claim("C1"))  # The dealer's system does not know yet.
    assert books.claims()["K-C1"][0] == 40
    books.load(claim("C2", source_key="K-C1", submission_number="S2", submitted_on="2026-03-10", work_order="WO-C1"))
    assert books.claims()["K-C1"][0] == 20, "an old rejection rejected what was submitted again"
    books.pay("P2", line("C2"))
    books.load(
        claim("C2", source_key="K-C1", submission_number="S2", submitted_on="2026-03-10", status="99",
              completed_on="2026-03-30", work_order="WO-C1"),
    )  # fmt: skip
    steps = books.rows("SELECT from_status, to_status FROM warranty.status_change ORDER BY status_change_id")
    assert steps == [(10, 20), (20, 40), (40, 20), (20, 50), (50, 99)]


def test_a_load_that_comes_again_changes_nothing(books: Books) -> None:
    books.load(claim("C1"), claim("C1", "5.00", job="2"))
    books.pay("P1", line("C1", "105.00"))
    again = books.load(claim("C1"), claim("C1", "5.00", job="2"))
    assert (again.created, again.changed, again.journal_id) == (0, 0, None)
    less = books.load(claim("C1"))
    assert (less.created, less.changed) == (0, 1)
    assert books.claims()["K-C1"][1:3] == (0, 5), "a job that is gone is still paid for"


def test_a_late_rejection_of_the_earlier_number_does_not_reject_what_was_submitted_since(books: Books) -> None:
    books.load(claim("C1"))
    again = {"source_key": "K-C1", "work_order": "WO-C1", "submitted_on": "2026-03-10"}
    books.load(claim("C2", submission_number="S2", **again))
    books.pay("P1", line("C1", "0.00", reject_code="7B"), day=date(2026, 3, 13))
    assert books.claims()["K-C1"][0] == 20
    books.pay("P2", line("C2", "0.00", reject_code="7B"), day=date(2026, 3, 14))
    assert books.claims()["K-C1"][0] == 40


def test_what_was_taken_back_wholly_is_rejected_and_not_credited(books: Books) -> None:
    books.load(claim("C1"))
    books.pay("P1", line("C1"), day=date(2026, 3, 5))
    assert books.claims()["K-C1"][0] == 50
    books.pay("P2", line("C1", "-100.00", reject_code="7B"), day=date(2026, 3, 12))
    assert books.claims()["K-C1"][:2] == (40, 100)


def test_a_line_of_nothing_brings_no_tolerance_with_it(books: Books) -> None:
    books.load(claim("C1"))
    books.pay("P1", line("C1", "97.00"), day=date(2026, 3, 10))
    books.tolerate("5.00", "5.00", since=date(2026, 3, 15))
    books.pay("P2", line("C1", "0.00", reject_code="7B"))
    assert books.claims()["K-C1"][1:4] == (3, 0, 0)


def test_a_line_that_names_no_main_dealer_is_its_retail_dealers(books: Books) -> None:
    books.load(claim("C1"), claim("C2"))
    books.pay(
        "P1", line("C1", dealer_code=""), line("C2", dealer_code="M9"), line("C2", dealer_code="", retail_code="X9")
    )
    assert books.outcomes()["P1", 1] == ("FULL", "K-C1", "NUMBER")
    assert books.outcomes()["P1", 2] == ("UNMATCHED", None, "OTHER_MAIN_DEALER")
    assert books.outcomes()["P1", 3] == ("UNMATCHED", None, "UNKNOWN_RETAIL_DEALER")


def test_a_rejection_of_a_claim_that_is_not_found_waits_in_the_list(books: Books) -> None:
    books.load(claim("C1"))
    books.pay("P1", line("lost", "0.00", reject_code="7B"), line("lost", "0.00"), line("C1", "0.00", reject_code="7B"))
    assert [(each.line_no, each.amount) for each in open_lines(books.dsn)] == [(1, Decimal("0.00"))]
