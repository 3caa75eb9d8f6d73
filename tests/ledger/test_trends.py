"""Sums of days: what was read, what was rejected, what waited; each file once, each day by the partner's clock."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from include.ledger import Ledger
from tests.ledger.arrival_cases import NOW, a_feed, arrive, bring
from tests.ledger.conftest import bring as bring_file
from tests.ledger.conftest import intent

DAY = date(2026, 11, 20)


@pytest.fixture
def ledger(fresh_dsn: str) -> Ledger:
    return Ledger(fresh_dsn, actor="test:trends")


def test_files_that_go_out_are_summed_by_business_day(ledger: Ledger) -> None:
    for day in (DAY, DAY, DAY - timedelta(days=1)):
        bring_file(ledger, ledger.plan(**intent(day=day)), "PUBLISHED")
    ledger.move(ledger.plan(**intent()).id, "HELD", reason="too many")
    ledger.move(ledger.plan(**intent()).id, "CANCELLED", reason="given up")
    ledger.plan(**intent(environment="preview"))
    ledger.plan(**intent(day=DAY - timedelta(days=60)))
    found = ledger.trend_out("merkle_sar_daily", since=DAY - timedelta(days=30))
    # Each published file has ten rows, two more were rejected and one withheld.
    assert [(each.day, each.files, each.waiting, each.rows, each.rejected) for each in found] == [
        (DAY - timedelta(days=1), 1, 0, 13, 2),
        (DAY, 3, 1, 26, 4),
    ]
    assert found[1].rejected_percent == pytest.approx(400 / 26)
    assert ledger.trend_out("renault_sar_monthly", since=DAY) == []


def test_files_that_come_in_are_summed_by_the_partners_day(ledger: Ledger) -> None:
    feed = a_feed(ledger)
    bring(ledger, arrive(ledger, feed, "a", "a_SL.csv"), "REMOVED")
    ledger.move_arrival(arrive(ledger, feed, "b", "b_SL.csv").id, "REJECTED", reason="no text", reject_code="ENCODING")
    bring(ledger, arrive(ledger, feed, "c", "c_SL.csv", minutes=13 * 60), "REMOVED")  # 01:00 UTC, New York's evening
    found = ledger.trend_in("proresponse_sales", since=NOW.date(), zone="America/New_York")
    assert [(each.day, each.files, each.waiting, each.rows, each.rejected) for each in found] == [
        (NOW.date(), 3, 1, 6, 2)
    ]
    utc = ledger.trend_in("proresponse_sales", since=NOW.date(), zone="UTC")
    assert [(each.day, each.files) for each in utc] == [(NOW.date(), 2), (NOW.date() + timedelta(days=1), 1)]
