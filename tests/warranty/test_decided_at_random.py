"""Whatever people decide in between, and take back: the books balance all the time, and end as if they had not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from include.warranty.connection import WarrantyError
from include.warranty.decisions import DIFFERENCES, decide, decisions, move, reverse
from tests.warranty import books as real
from tests.warranty import model
from tests.warranty.test_any_order import START, fresh, load, pay, require_balance

__all__ = ["fresh"]
AMOUNTS = tuple(map(Decimal, ("0.00", "0.50", "40.00", "60.00", "99.00", "100.00", "101.01")))
WHY, WHO = "looked at", "sam"


def loads_of(rnd: Random) -> list[model.Load]:
    """Four claims, some of which are submitted a second time under a number of their own."""
    return [
        model.Load(
            f"K{claim}", retail, f"N{claim + 1}" if seq == 1 else f"M{claim}", seq, START + timedelta(seq),
            "VF1AA000012345678", rnd.choice(AMOUNTS),
        )
        for claim, retail in enumerate(rnd.choices(["R1", "R2"], [3, 1], k=4))
        for seq in range(1, rnd.randint(1, 2) + 1)
    ]  # fmt: skip


def payments_of(rnd: Random) -> list[model.Payment]:
    def line() -> model.Line:
        number = rnd.choice(["N1", "N2", "N3", "N4", "M0", "M1", "X"])
        paid = rnd.choice(AMOUNTS) * rnd.choice([1, 1, 1, -1])
        return model.Line(rnd.choice(["R1", "R1", "R2", "X9"]), number, "", paid, rnd.choice(["", "", "7B"]))

    return [
        model.Payment(
            f"P{number}", START + timedelta(rnd.randint(0, 6)), tuple(line() for _ in range(rnd.randint(1, 5)))
        )
        for number in range(6)
    ]


def decide_something(books: real.Books, rnd: Random) -> None:
    """One decision or reversal; one that makes no sense is refused in words of ours, not in the database's."""
    claims = [number for (number,) in books.rows("SELECT claim_id FROM warranty.claim")]
    lines = [number for (number,) in books.rows("SELECT line_id FROM warranty.payment_line")]
    standing = [each.id for each in decisions(books.dsn) if each.reversed_by is None]
    amount = rnd.choice([None, Decimal("10.00")])
    try:
        match rnd.choice(["decide", "decide", "move a line", "move a claim", "reverse"]):
            case "decide" if claims:
                decide(books.dsn, rnd.choice(claims), rnd.choice(DIFFERENCES), reason=WHY, who=WHO)
            case "move a line" if claims and lines:
                move(books.dsn, rnd.choice(claims), line_id=rnd.choice(lines), amount=amount, reason=WHY, who=WHO)
            case "move a claim" if claims:
                move(books.dsn, rnd.choice(claims), claim_id=rnd.choice(claims), amount=amount, reason=WHY, who=WHO)
            case "reverse" if standing:
                reverse(books.dsn, rnd.choice(standing), reason=WHY, who=WHO)
    except WarrantyError as error:
        if "PostgreSQL" in str(error):
            raise


@pytest.mark.parametrize("seed", range(6))
def test_decisions_that_are_all_taken_back_leave_no_trace_in_the_books(
    fresh: Callable[[], real.Books], seed: int
) -> None:
    rnd, books = Random(seed), fresh()
    loads, payments = loads_of(rnd), payments_of(rnd)
    coming: list[model.Load | model.Payment] = [*loads, *payments]
    rnd.shuffle(coming)
    told = iter(loads)
    for step in coming:
        if isinstance(step, model.Load):
            load(books, next(told))
        else:
            pay(books, step)
        for _ in range(rnd.randint(0, 3)):
            decide_something(books, rnd)
        require_balance(books)
    decided = [each.id for each in decisions(books.dsn) if each.reversed_by is None]
    assert decided or seed, "nothing stood that could be taken back"
    for number in reversed(decided):
        reverse(books.dsn, number, reason=WHY, who=WHO)
        require_balance(books)
    wanted = model.books(loads, payments)
    assert {place: said[:2] for place, said in books.outcomes().items()} == wanted.outcomes
    assert {key: said[:4] for key, said in books.claims().items()} == wanted.claims
    assert books.balances() == wanted.balances
