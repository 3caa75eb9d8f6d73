"""Whose a line is: by number, by a number of before, or nobody's, with those that it could be of."""

from __future__ import annotations

from datetime import date

import pytest

from tests.warranty.books import VIN, Books, claim, line


def test_a_number_and_its_dealer_find_the_claim(books: Books) -> None:
    books.load(claim("C1"), claim("C2"), claim("C1", retail_code="R2", source_key="other dealer's"))
    books.pay("P1", line("C1"), line("C1", retail_code="R2"), line(" C2 ", vin=VIN, work_order="WO-C2"))
    assert books.outcomes() == {
        ("P1", 1): ("FULL", "K-C1", "NUMBER"),
        ("P1", 2): ("FULL", "other dealer's", "NUMBER"),
        ("P1", 3): ("FULL", "K-C2", "NUMBER"),
    }


def test_a_number_from_before_a_resubmission_still_finds_its_claim(books: Books) -> None:
    books.load(claim("C1"))
    books.load(claim("C9", source_key="K-C1", submission_number="S2", submitted_on="2026-03-10"))
    books.load(claim("C9", source_key="K-C1", submission_number="S3", submitted_on="2026-03-12"))
    books.pay("P1", line("C1", "40.00"), line("C9", "60.00"))
    assert books.outcomes() == {
        ("P1", 1): ("UNDER", "K-C1", "EARLIER_NUMBER"),
        ("P1", 2): ("FULL", "K-C1", "NUMBER"),
    }
    history = books.rows("SELECT seq, claim_number, submission_number FROM warranty.submission ORDER BY seq")
    assert history == [(1, "C1", "S1"), (2, "C9", "S2"), (3, "C9", "S3")]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"vin": "VF1AA000099999999"}, "VIN_DIFFERS"),
        ({"work_order": "WO-X"}, "WORK_ORDER_DIFFERS"),
        ({"repair_date": "2026-02-21"}, "REPAIR_DATE_DIFFERS"),
        ({"claim_number": "", "work_order": "WO-C1", "repair_date": "2026-02-20", "vin": VIN}, "BY_WORK_ORDER"),
        ({"claim_number": "C1X", "work_order": "WO-C1", "repair_date": "2026-02-20", "vin": VIN}, "BY_WORK_ORDER"),
    ],
)
def test_what_fits_but_not_wholly_is_a_candidate_and_its_money_is_on_account(
    books: Books, told: dict[str, str], reason: str
) -> None:
    books.load(claim("C1"))
    books.pay("P1", line("C1", **told))
    assert books.outcomes() == {("P1", 1): ("UNMATCHED", None, reason)}
    assert books.rows("SELECT cardinality(candidates) FROM warranty.assessment") == [(1,)]
    assert books.balances() == {("dealer_1", "MANUFACTURER"): 100, ("dealer_1", "ON_ACCOUNT"): -100}
    assert books.claims()["K-C1"][:2] == (20, 100)


def test_a_part_of_work_order_date_and_vin_is_no_candidate(books: Books) -> None:
    books.load(claim("C1"))
    books.pay("P1", line("", work_order="WO-C1", vin=VIN), line("C1", retail_code="R2"))
    assert set(books.outcomes().values()) == {("UNMATCHED", None, "NO_CLAIM")}
    assert books.rows("SELECT DISTINCT candidates FROM warranty.assessment") == [([],)]


def test_a_number_of_two_claims_is_guessed_for_neither(books: Books) -> None:
    books.load(claim("C1"), claim("C1", source_key="again", vin="", work_order="WO-2"))
    books.pay("P1", line("C1"), line("C1", work_order="WO-2"))
    assert books.outcomes() == {
        ("P1", 1): ("UNMATCHED", None, "AMBIGUOUS"),
        ("P1", 2): ("FULL", "again", "NUMBER"),
    }
    assert books.rows("SELECT cardinality(candidates) FROM warranty.assessment WHERE claim_id IS NULL") == [(2,)]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"submitted_on": "2026-03-21"}, "BEFORE_SUBMISSION"),
        ({"submitted_on": "", "status": "10"}, "BEFORE_SUBMISSION"),
        ({"status": "99", "completed_on": "2026-03-19"}, "CLAIM_COMPLETE"),
        ({"currency": "EUR"}, "OTHER_CURRENCY"),
    ],
)
def test_a_claim_that_cannot_be_paid_is_not(books: Books, told: dict[str, str], reason: str) -> None:
    books.load(claim("C1", **told))
    books.pay("P1", line("C1"))
    assert books.outcomes() == {("P1", 1): ("UNMATCHED", None, reason)}


def test_what_was_paid_before_a_claim_was_completed_is_its_payment(books: Books) -> None:
    books.load(claim("C1", status="99", completed_on="2026-03-20"))
    books.pay("P1", line("C1"))
    assert books.outcomes() == {("P1", 1): ("FULL", "K-C1", "NUMBER")}
    assert books.claims()["K-C1"][:2] == (99, 0)


def test_a_number_used_again_leads_to_the_claim_that_was_submitted_by_then(books: Books) -> None:
    books.load(claim("C1"))
    books.load(claim("C9", source_key="K-C1", submission_number="S2", submitted_on="2026-03-05"))
    books.load(claim("C1", source_key="later", work_order="WO-3", submitted_on="2026-04-01"))
    books.pay("P1", line("C1"))
    assert books.outcomes()["P1", 1] == ("FULL", "K-C1", "EARLIER_NUMBER")
    books.pay("P2", line("C1"), day=date(2026, 4, 2))
    assert books.outcomes()["P2", 1] == ("UNMATCHED", None, "AMBIGUOUS")


def test_money_on_account_finds_its_claim_when_that_appears(books: Books) -> None:
    books.pay("P1", line("C1"), line("C2"))
    assert books.balances() == {("dealer_1", "MANUFACTURER"): 200, ("dealer_1", "ON_ACCOUNT"): -200}
    loaded = books.load(claim("C1"))
    assert (loaded.created, loaded.changed) == (1, 0)
    assert loaded.journal_id is not None
    assert books.outcomes()["P1", 1] == ("FULL", "K-C1", "NUMBER")
    assert books.balances() == {
        ("dealer_1", "MANUFACTURER"): 200, ("dealer_1", "ON_ACCOUNT"): -100, ("dealer_1", "CLAIMS"): -100,
    }  # fmt: skip
    assert books.claims()["K-C1"] == (50, 0, 0, 0, 0)
