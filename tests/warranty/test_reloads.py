"""A load that repeats claims: what says something new is written, and what cannot be the same claim is refused."""

from __future__ import annotations

from datetime import date

import pytest

from include.warranty.claims import set_retail_dealer
from include.warranty.connection import WarrantyError
from tests.warranty.books import Books, claim, line


def test_a_submissions_day_that_is_told_later_lets_its_payment_find_it(books: Books) -> None:
    books.load(claim("C1", submitted_on="", status="20"))
    books.pay("P1", line("C1"))
    assert books.outcomes()["P1", 1] == ("UNMATCHED", None, "BEFORE_SUBMISSION")
    loaded = books.load(claim("C1", submitted_on="2026-03-02"))
    assert (loaded.created, loaded.changed) == (0, 1)
    assert books.outcomes()["P1", 1] == ("FULL", "K-C1", "NUMBER")


@pytest.mark.parametrize("other", [{"currency": "EUR"}, {"retail_code": "R3"}])
def test_a_claim_with_another_currency_or_code_is_refused_with_its_load(books: Books, other: dict[str, str]) -> None:
    """R1 and R3 are of one dealer, so that its key alone would say that it is the same claim."""
    set_retail_dealer(books.dsn, "R3", dealer_code="M1", dealer="dealer_1")
    books.load(claim("C1"))
    with pytest.raises(WarrantyError, match="claim K-C1 has another retail dealer code or currency than before"):
        books.load(claim("C1", **other), claim("C2"))
    assert list(books.claims()) == ["K-C1"]


def test_a_load_that_says_nothing_new_writes_no_row(books: Books) -> None:
    told = claim("C1"), claim("C2", job="1"), claim("C2", job="2")
    books.load(*told)
    where = "SELECT 'c', ctid::text, xmax::text FROM warranty.claim UNION ALL "
    where += "SELECT 's', ctid::text, xmax::text FROM warranty.submission UNION ALL "
    where += "SELECT 'j', ctid::text, xmax::text FROM warranty.claim_job ORDER BY 1, 2"
    before = books.rows(where)
    loaded = books.load(*told)
    assert (loaded.created, loaded.changed) == (0, 0)
    assert books.rows(where) == before


def test_numbers_that_come_back_keep_their_place_and_new_ones_get_the_next(books: Books) -> None:
    again = {"source_key": "K-C1", "work_order": "WO-C1"}
    books.load(claim("C1"))
    books.load(claim("C2", submission_number="S2", **again))
    books.load(claim("C1"))
    books.load(claim("C3", submission_number="S3", **again), claim("C9"))
    assert books.rows("SELECT seq, claim_number FROM warranty.submission WHERE claim_number <> 'C9' ORDER BY 1") == [
        (1, "C1"), (2, "C2"), (3, "C3"),
    ]  # fmt: skip
    books.pay("P1", line("C3"))
    assert books.outcomes()["P1", 1] == ("FULL", "K-C1", "NUMBER")


@pytest.mark.parametrize(("paid", "told"), [("0.00", "20"), ("60.00", "20"), ("0.00", "40")])
def test_a_claim_that_is_taken_back_for_rework_stops_no_other(books: Books, paid: str, told: str) -> None:
    books.load(claim("C1", status=told))
    books.pay("P1", line("C1", paid, reject_code="7B"))
    books.load(claim("C1", status="10"), claim("C9"))
    assert books.claims()["K-C1"][0] == 10
    assert "K-C9" in books.claims()


def test_an_order_of_load_and_payment_makes_no_difference_to_a_claim_that_is_taken_back(books: Books) -> None:
    books.load(claim("C1"), claim("C2"))
    books.load(claim("C1", status="10"))
    books.pay("P1", line("C1"), line("C2"))
    books.load(claim("C2", status="10"))
    assert books.claims()["K-C1"] == books.claims()["K-C2"]


def test_the_same_numbers_submitted_again_keep_what_was_paid_for_them(books: Books) -> None:
    books.load(claim("C1"))
    books.pay("P1", line("C1", "60.00"), day=date(2026, 3, 20))
    books.load(claim("C1", submitted_on="2026-04-01"))
    assert books.outcomes()["P1", 1] == ("UNDER", "K-C1", "NUMBER")
    assert books.claims()["K-C1"][:2] == (20, 40), "an answer from before the last submission is none to it"
