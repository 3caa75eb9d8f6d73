"""A load that repeats claims: what says something new is written, and what cannot be the same claim is refused."""

from __future__ import annotations

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
