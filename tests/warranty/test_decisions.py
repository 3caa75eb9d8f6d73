"""What a person decides is posted, holds against what files bring later, and goes away by a counter-posting."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from include.warranty.connection import WarrantyError
from include.warranty.decisions import Difference, decide, decisions, move, reverse
from include.warranty.disputes import disputes
from tests.warranty.books import Books, claim, line

SAID: dict[str, Any] = {"reason": "seen with the manufacturer", "who": "sam"}
ONE = "dealer_1"


@pytest.fixture
def underpaid(books: Books) -> Books:
    """Claim K-C1 of 100 was paid 60; K-C2 of 100 was not paid."""
    books.load(claim("C1"), claim("C2"), claim("C3", retail_code="R2"))
    books.pay("P1", line("C1", "60.00"), day=date(2026, 3, 10))
    return books


def number(books: Books, key: str) -> int:
    [(found,)] = books.rows("SELECT claim_id FROM warranty.claim WHERE source_key = %s", (key,))
    return int(found)


@pytest.mark.parametrize(
    ("kind", "decided", "paid_later"),
    [
        ("WRITE_OFF", (99, 0, 0, 40, 0), (99, 0, 25, 40, 0)),
        ("WRITE_OFF_LEAVE_OPEN", (50, 0, 0, 40, 0), (50, 0, 0, 15, 0)),
        ("PART_PAY", (99, 0, 0, 0, 40), (99, 0, 0, 0, 15)),
        ("PART_PAY_LEAVE_OPEN", (50, 40, 0, 0, 0), (50, 15, 0, 0, 0)),
    ],
)
def test_a_difference_is_decided_and_a_later_payment_meets_the_decision(
    underpaid: Books, kind: Difference, decided: tuple[Any, ...], paid_later: tuple[Any, ...]
) -> None:
    before = underpaid.balances()
    which = decide(underpaid.dsn, number(underpaid, "K-C1"), kind, **SAID, expected=Decimal("40.00"))
    assert underpaid.claims()["K-C1"] == decided
    underpaid.load(claim("C1"))
    assert underpaid.claims()["K-C1"] == decided, "a load undid a decision"
    underpaid.pay("P2", line("C1", "25.00"))
    assert underpaid.claims()["K-C1"] == paid_later
    reverse(underpaid.dsn, which, **SAID)
    assert underpaid.claims()["K-C1"] == (50, 15, 0, 0, 0)
    assert underpaid.balances() == before | {(ONE, "MANUFACTURER"): 85, (ONE, "CLAIMS"): -85}
    [told] = decisions(underpaid.dsn)
    assert (told.kind, told.amount, told.decided_by, told.reversed_by) == (kind, Decimal(40), "sam", "sam")
    with pytest.raises(WarrantyError, match="was reversed already"):
        reverse(underpaid.dsn, which, **SAID)


def test_what_was_paid_too_much_is_written_off_as_a_gain(books: Books) -> None:
    books.load(claim("C1"))
    books.pay("P1", line("C1", "130.00"))
    with pytest.raises(WarrantyError, match=r"paid 30.00 too much"):
        decide(books.dsn, number(books, "K-C1"), "PART_PAY", **SAID)
    which = decide(books.dsn, number(books, "K-C1"), "WRITE_OFF", **SAID)
    assert books.claims()["K-C1"] == (99, 0, 0, -30, 0)
    reverse(books.dsn, which, **SAID)
    assert books.claims()["K-C1"] == (50, 0, 30, 0, 0)


@pytest.mark.parametrize(
    ("key", "kind", "told", "said"),
    [
        ("K-C1", "WRITE_OFF", {"expected": Decimal("39.99")}, r"is 40.00 now, not 39.99"),
        ("K-C1", "WRITE_OFF", {"reason": " "}, "names who made it and why"),
        ("K-C2", "PART_PAY", {}, "not paid at all"),
    ],
)
def test_a_decision_on_what_is_not_so_is_refused(
    underpaid: Books, key: str, kind: Difference, told: dict[str, Any], said: str
) -> None:
    with pytest.raises(WarrantyError, match=said):
        decide(underpaid.dsn, number(underpaid, key), kind, **(SAID | told))
    assert decisions(underpaid.dsn) == []


def test_a_line_is_moved_wholly_or_in_parts_and_comes_back(underpaid: Books) -> None:
    underpaid.pay("P2", line("X", "70.00"))
    [(which,)] = underpaid.rows("SELECT line_id FROM warranty.assessment WHERE claim_id IS NULL")
    first, second = number(underpaid, "K-C1"), number(underpaid, "K-C2")
    move(underpaid.dsn, first, line_id=which, amount=Decimal("40.00"), **SAID)
    again = move(underpaid.dsn, second, line_id=which, **SAID)
    assert underpaid.claims()["K-C1"][:3] == (50, 0, 0)
    assert underpaid.claims()["K-C2"][:3] == (20, 70, 0)
    assert underpaid.outcomes()["P2", 1] == ("UNMATCHED", None, "MOVED")
    # Its claim appears, but a person has decided by now.
    underpaid.load(claim("X"))
    assert underpaid.claims()["K-X"][:2] == (20, 100)
    with pytest.raises(WarrantyError, match=r"has 0.00 GBP that can be moved"):
        move(underpaid.dsn, second, line_id=which, **SAID)
    reverse(underpaid.dsn, again, **SAID)
    assert underpaid.balances()[ONE, "ON_ACCOUNT"] == -30
    reverse(underpaid.dsn, 1, **SAID)
    assert underpaid.outcomes()["P2", 1] == ("UNDER", "K-X", "NUMBER")
    assert underpaid.claims()["K-C1"][:2] == (50, 40)


def test_a_matched_line_is_moved_away_from_its_claim(underpaid: Books) -> None:
    [(which,)] = underpaid.rows("SELECT line_id FROM warranty.assessment")
    move(underpaid.dsn, number(underpaid, "K-C2"), line_id=which, **SAID)
    claims = underpaid.claims()
    assert (claims["K-C1"][:2], claims["K-C2"][:2]) == ((20, 100), (20, 40))
    underpaid.pay("P2", line("C2", "40.00"))
    assert underpaid.outcomes()["P2", 1][0] == "FULL", "what was moved to the claim does not count"


def test_what_is_too_much_is_moved_within_the_dealer_and_no_further(books: Books) -> None:
    books.load(claim("C1"), claim("C2"), claim("C3", retail_code="R2"))
    books.pay("P1", line("C1"), line("C1"))
    first, second, other = (number(books, f"K-C{each}") for each in (1, 2, 3))
    with pytest.raises(WarrantyError, match="stays with the dealer"):
        move(books.dsn, other, claim_id=first, **SAID)
    with pytest.raises(WarrantyError, match=r"has 100.00 GBP that can be moved, not 100.01"):
        move(books.dsn, second, claim_id=first, amount=Decimal("100.01"), **SAID)
    move(books.dsn, second, claim_id=first, **SAID)
    assert books.claims() == {"K-C1": (50, 0, 0, 0, 0), "K-C2": (20, 0, 0, 0, 0), "K-C3": (20, 100, 0, 0, 0)}
    assert books.outcomes()["P1", 2][0] == "DUPLICATE"
    assert books.balances() == {(ONE, "MANUFACTURER"): 200, (ONE, "CLAIMS"): -200}


def test_a_claim_that_is_owed_for_again_is_open_again_whatever_was_decided(underpaid: Books) -> None:
    decide(underpaid.dsn, number(underpaid, "K-C1"), "WRITE_OFF", **SAID)
    underpaid.pay("P2", line("C1", "-60.00"))
    assert underpaid.claims()["K-C1"][:2] == (20, 60), "what was taken back is owed, and no decision speaks of it"
    asked = disputes(underpaid.dsn, as_of=date(2026, 3, 31), unpaid_after_days=1).decode()
    assert "C1,S1" in asked
    underpaid.pay("P3", line("C1", "60.00"))
    assert underpaid.claims()["K-C1"] == (99, 0, 0, 40, 0)


def test_a_written_off_claim_that_shrinks_makes_no_money(books: Books) -> None:
    books.load(claim("C1"), claim("C2", "20.00"))
    decide(books.dsn, number(books, "K-C1"), "WRITE_OFF", **SAID)
    books.load(claim("C1", "80.00"))
    assert books.claims()["K-C1"] == (99, 0, 0, 80, 0)
    with pytest.raises(WarrantyError, match="can be moved"):
        move(books.dsn, number(books, "K-C2"), claim_id=number(books, "K-C1"), **SAID)


def test_a_gain_ends_with_the_surplus_that_it_was_of(books: Books) -> None:
    books.load(claim("C1"))
    books.pay("P1", line("C1", "130.00"))
    decide(books.dsn, number(books, "K-C1"), "WRITE_OFF", **SAID)
    assert books.claims()["K-C1"] == (99, 0, 0, -30, 0)
    books.pay("P2", line("C1", "-30.00"))
    assert books.claims()["K-C1"] == (99, 0, 0, 0, 0)


def test_a_loss_that_is_reversed_leaves_no_gain_of_what_was_owed(underpaid: Books) -> None:
    claim_id = number(underpaid, "K-C1")
    loss = decide(underpaid.dsn, claim_id, "WRITE_OFF", **SAID)
    underpaid.pay("P2", line("C1", "25.00"))
    decide(underpaid.dsn, claim_id, "WRITE_OFF", **SAID)
    reverse(underpaid.dsn, loss, **SAID)
    assert underpaid.claims()["K-C1"][1:] == (15, 0, 0, 0)


def test_what_a_part_payment_left_is_owed_until_it_is_paid_or_claimed_no_more(underpaid: Books) -> None:
    decide(underpaid.dsn, number(underpaid, "K-C1"), "PART_PAY", **SAID)
    underpaid.load(claim("C1", "80.00"))
    assert underpaid.claims()["K-C1"] == (99, 0, 0, 0, 20)
    underpaid.pay("P2", line("C1", "20.00"))
    assert underpaid.claims()["K-C1"] == (99, 0, 0, 0, 0)
