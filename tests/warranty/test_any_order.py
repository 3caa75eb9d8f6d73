"""Random claims and payments in any order, some of them twice, end in the books of a simple model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import parse_dsn

from include.migrations.run import Name
from include.warranty.payments import Posted
from local.postgres import Postgres
from tests.warranty import books as real
from tests.warranty import model

START = date(2026, 3, 1)
days = st.integers(0, 6).map(lambda number: START + timedelta(number))
numbers = st.sampled_from(["N1", "N2", "N3"])
vins = st.sampled_from(["VF1AA000012345678", "VF1AA000012345679"])
# Near each other, so that tolerances, full payments and duplicates come about.
amounts = st.sampled_from(["0.00", "0.50", "40.00", "60.00", "99.00", "100.00", "101.01"])
money = amounts.map(Decimal)


@st.composite
def submissions(draw: st.DrawFn) -> list[model.Load]:
    """Of up to three claims, each with up to three submissions under numbers that others may have as well."""
    loads = []
    for claim in range(draw(st.integers(1, 3))):
        retail, vin = draw(st.sampled_from(["R1", "R1", "R1", "R2"])), draw(vins)
        told = draw(st.lists(st.tuples(numbers, days, money), min_size=1, max_size=3, unique_by=lambda each: each[0]))
        ordered = sorted(told, key=lambda each: each[1])
        loads += [
            model.Load(f"K{claim}", retail, number, seq, day, vin, claimed)
            for seq, (number, day, claimed) in enumerate(ordered, 1)
        ]
    return loads


lines = st.builds(
    model.Line,
    retail=st.sampled_from(["R1", "R1", "R1", "R1", "R2", "X9"]),
    number=numbers,
    vin=st.one_of(st.just(""), st.just(""), vins),
    paid=st.one_of(money, money, money.map(lambda amount: -amount)),
    reject_code=st.sampled_from(["", "", "7B"]),
)
payments = st.lists(st.tuples(days, st.lists(lines, min_size=1, max_size=5).map(tuple)), min_size=2, max_size=4).map(
    lambda told: [model.Payment(f"P{number}", day, each) for number, (day, each) in enumerate(told)]
)


@pytest.fixture(scope="module")
def fresh(postgres: Postgres, new_database: Callable[[Name], str]) -> Iterator[Callable[[], real.Books]]:
    made: list[str] = []

    def make() -> real.Books:
        if made:
            postgres.drop_database(parse_dsn(made.pop())["dbname"])
        made.append(new_database("dms"))
        books = real.Books(made[0]).open()
        for dealer in ("dealer_1", "dealer_2"):
            books.tolerate(str(model.TOLERATED), str(model.PERCENT), dealer)
        return books

    yield make
    for dsn in made:
        postgres.drop_database(parse_dsn(dsn)["dbname"])


@settings(max_examples=10, deadline=None, phases=[Phase.generate])  # Making an example small would take minutes.
@given(loads=submissions(), paid=payments, order=st.randoms(use_true_random=False))
def test_any_order_and_any_replay_ends_in_the_books_of_the_model(
    fresh: Callable[[], real.Books], loads: list[model.Load], paid: list[model.Payment], order: Random
) -> None:
    books = fresh()
    for step in _shuffled(loads, paid, order):
        if isinstance(step, model.Load):
            load(books, step)
        else:
            pay(books, step)
            require_balance(books)
    wanted = model.books(loads, paid)
    assert {place: told[:2] for place, told in books.outcomes().items()} == wanted.outcomes
    assert {key: told[:4] for key, told in books.claims().items()} == wanted.claims
    assert books.balances() == wanted.balances
    entries = books.rows("SELECT count(*) FROM warranty.entry")
    for payment in paid:
        assert pay(books, payment).already
    assert books.rows("SELECT count(*) FROM warranty.entry") == entries


def _shuffled(loads: list[model.Load], paid: list[model.Payment], order: Random) -> list[model.Load | model.Payment]:
    """Any order in which the loads of one claim keep theirs; some payments twice."""
    steps: list[model.Load | model.Payment] = [*loads, *paid, *paid[:2]]
    order.shuffle(steps)
    coming = {key: iter([each for each in loads if each.key == key]) for key in {each.key for each in loads}}
    return [next(coming[step.key]) if isinstance(step, model.Load) else step for step in steps]


def load(books: real.Books, each: model.Load) -> None:
    told = {"source_key": each.key, "retail_code": each.retail, "vin": each.vin, "work_order": f"W{each.key}"}
    day = each.submitted_on.isoformat()
    books.load(real.claim(each.number, str(each.claimed), submitted_on=day, **told))


def pay(books: real.Books, payment: model.Payment) -> Posted:
    return books.pay(
        payment.document,
        *(
            real.line(each.number, str(each.paid), retail_code=each.retail, vin=each.vin, reject_code=each.reject_code)
            for each in payment.lines
        ),
        day=payment.day,
    )


def require_balance(books: real.Books) -> None:
    """Each payment is in the books with all its money, and for each dealer debits are credits."""
    assert (
        books.rows(
            "SELECT payment_id, sum(amount) FROM warranty.entry WHERE account = 'MANUFACTURER' GROUP BY 1 "
            "EXCEPT SELECT payment_id, labour + parts + subcontract + handling + vat FROM warranty.payment"
        )
        == []
    )
    assert books.rows("SELECT dealer FROM warranty.entry GROUP BY dealer HAVING sum(amount) <> 0") == []
