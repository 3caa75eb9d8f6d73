"""Sums of days: what was read, what was rejected, what waited; each file once, each day by the partner's clock."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import pytest

from include.ledger import Ledger, QualityResult
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


def test_of_one_dealer_only_its_own_files_count(ledger: Ledger) -> None:
    for dealer in ("82600001", "82600002"):
        bring_file(ledger, ledger.plan(**intent(dealer)), "PUBLISHED")
    found = ledger.trend_out("merkle_sar_daily", since=DAY, dealer="82600002")
    assert [(each.files, each.rows) for each in found] == [(1, 13)]
    feeds = [a_feed(ledger), a_feed(ledger)]
    for number, feed in enumerate(feeds):
        bring(ledger, arrive(ledger, feed, f"of {number}"), "REMOVED")
    found = ledger.trend_in("proresponse_sales", since=NOW.date(), zone="UTC", dealer=feeds[0].dealer)
    assert [(each.files, each.rows) for each in found] == [(1, 3)]


def test_the_dealers_with_the_largest_share_rejected_come_first(ledger: Ledger) -> None:
    for dealer, rows in (("82600001", 10), ("82600002", 1), ("82600003", 100)):
        bring_file(ledger, ledger.plan(**intent(dealer)), "PUBLISHED", rows=rows)
    ledger.plan(**intent("82600004"))  # of which nothing is known yet
    found = ledger.worst_dealers("merkle_sar_daily", since=DAY, most=2)
    assert [(each.dealer, each.files, each.rows, each.rejected) for each in found] == [
        ("82600002", 1, 4, 2),
        ("82600001", 1, 13, 2),
    ]
    assert found[0].rejected_percent == 50
    feed = a_feed(ledger)
    bring(ledger, arrive(ledger, feed, "a"), "REMOVED")
    (worst,) = ledger.worst_dealers("proresponse_sales", since=NOW.date(), zone="UTC")
    assert (worst.dealer, worst.rows, worst.rejected) == (feed.dealer, 3, 1)
    assert ledger.worst_dealers("proresponse_sales", since=NOW.date() + timedelta(days=1), zone="UTC") == []


def test_readings_of_rules_are_counted_by_the_day_of_a_dealers_files(ledger: Ledger) -> None:
    def told(dealer: str, *statuses: Literal["pass", "fail", "error"]) -> None:
        file = bring_file(ledger, ledger.plan(**intent(dealer)), "CHECKED")
        ledger.replace_quality_results(
            file.id,
            [
                QualityResult("gate", f"rule_{number}", ("amount",), "validity", "error", status, 10, 0, None)
                for number, status in enumerate(statuses)
            ],
        )

    told("82600001", "pass", "pass", "fail", "error")
    told("82600002", "fail")
    (found,) = ledger.rules_of_dealer("merkle_sar_daily", "82600001", since=DAY)
    assert (found.day, found.checked, found.passed, found.passed_percent) == (DAY, 4, 2, 50)
