"""The ledger page by page: every file once, newest first, whatever is filtered, also while new ones come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from include.ledger import Choice, Ledger, Page
from tests.ledger.arrival_cases import NOW, a_feed, entry, look
from tests.ledger.conftest import intent

DAY = date(2026, 11, 20)
EVERY = Choice(interfaces=("merkle_sar_daily", "proresponse_sales"))


@pytest.fixture
def ledger(fresh_dsn: str) -> Ledger:
    return Ledger(fresh_dsn, actor="test:browsing")


def all_pages(read: Callable[..., Page[Any]], choice: Choice, limit: int) -> list[int]:
    found: list[int] = []
    after = None
    while True:
        page = read(choice, after=after, limit=limit)
        assert len(page.rows) <= limit
        found += [row.id for row in page.rows]
        if page.next_key is None:
            return found
        after = page.next_key


def fill(ledger: Ledger) -> list[tuple[date, int]]:
    """Files of five days, several on each; returns day and number."""
    return [
        (
            DAY - timedelta(days=number % 5),
            ledger.plan(**intent(f"826{number:05}", DAY - timedelta(days=number % 5))).id,
        )
        for number in range(17)
    ]


@pytest.mark.parametrize("limit", [1, 4, 17, 50])
def test_each_file_stands_on_one_page_newest_first(ledger: Ledger, limit: int) -> None:
    made = fill(ledger)
    assert all_pages(ledger.page_of_files, EVERY, limit) == [number for _, number in sorted(made, reverse=True)]


def test_filters_leave_what_they_say(ledger: Ledger) -> None:
    made = fill(ledger)
    ledger.move(made[3][1], "HELD", reason="looked at")
    preview = ledger.plan(**intent("82609999", DAY, environment="preview"))

    def chosen(**told: object) -> list[int]:
        return all_pages(ledger.page_of_files, Choice(**{"interfaces": EVERY.interfaces, **told}), 3)  # type: ignore[arg-type]

    assert chosen(state="HELD") == [made[3][1]]
    assert chosen(dealer="82600004") == [made[4][1]]
    assert set(chosen(since=DAY - timedelta(days=1), until=DAY)) == {
        number for day, number in made if day >= DAY - timedelta(days=1)
    }
    assert chosen(interfaces=()) == []
    assert chosen(interfaces=("renault_sar_monthly",)) == []
    assert preview.id not in chosen()
    assert chosen(dealer="'; DROP TABLE ledger.file; --") == []


def test_a_file_that_comes_meanwhile_moves_no_other(ledger: Ledger) -> None:
    made = fill(ledger)
    first = ledger.page_of_files(EVERY, limit=10)
    ledger.plan(**intent("82699999", DAY))
    rest = ledger.page_of_files(EVERY, after=first.next_key, limit=10)
    assert [row.id for row in first.rows + rest.rows] == [number for _, number in sorted(made, reverse=True)]


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_arrivals_go_by_when_they_were_seen(ledger: Ledger, limit: int) -> None:
    feed, other = a_feed(ledger), a_feed(ledger)
    for minutes in (0, 0, 5, 9):
        look(ledger, feed, entry(f"{minutes}_SL.csv"), after=minutes)
    look(ledger, other, entry("b_SL.csv"), entry("c_SL.csv"), after=5)
    ids = all_pages(ledger.page_of_arrivals, EVERY, limit)
    rows = {row.id: row for row in ledger.arrivals()}
    assert ids == sorted(rows, key=lambda number: (rows[number].first_seen_at, number), reverse=True)
    assert all_pages(ledger.page_of_arrivals, Choice(EVERY.interfaces, dealer=other.dealer), limit) == [
        number for number in ids if rows[number].dealer == other.dealer
    ]
    assert all_pages(ledger.page_of_arrivals, Choice(EVERY.interfaces, until=NOW.date()), limit) == ids
    assert all_pages(ledger.page_of_arrivals, Choice(EVERY.interfaces, since=NOW.date() + timedelta(days=1)), 5) == []
