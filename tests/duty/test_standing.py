"""How each dealer stands this morning, from the ledger and from what is expected; and whether anybody must act."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from include.contract import load_contract
from include.duty import InterfaceStanding, standing
from include.ledger import FileRow, Ledger
from include.outbound.dealers import Dealer
from include.window import day_window
from tests.ledger.arrival_cases import a_feed, arrive, bring
from tests.ledger.conftest import bring as bring_file
from tests.ledger.conftest import intent

MERKLE, SALES = load_contract("merkle_sar_daily"), load_contract("proresponse_sales")
DAY = date(2026, 11, 20)
DUE = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)  # London's winter clock
BEFORE, BEHIND, MUCH_LATER = DUE - timedelta(hours=1), DUE + timedelta(minutes=1), DUE + timedelta(hours=7)


def dealer(number: int, code: str | None) -> Dealer:
    return Dealer(number, code, f"Dealer {number} (sample)", "Europe/London", None)


def planned(ledger: Ledger, code: str, day: date = DAY, **told: Any) -> FileRow:
    window = day_window(day, "Europe/London")
    asked = {"window_start": window.start, "window_end": window.end, "zone": window.zone, "business_date": day, **told}
    return ledger.plan(**{**intent(code), **asked})


def statuses(found: InterfaceStanding) -> dict[str, str]:
    return {each.dealer: each.status for each in found.dealers}


def merkle(ledger: Ledger, now: datetime, *dealers: Dealer) -> InterfaceStanding:
    return standing(MERKLE, ledger, now=now, dealers=dealers)


@pytest.mark.parametrize(("now", "status"), [(BEFORE, "NOT_YET_DUE"), (BEHIND, "LATE"), (MUCH_LATER, "MISSING")])
def test_a_dealer_without_a_file_is_seen_although_no_run_happened(ledger: Ledger, now: datetime, status: str) -> None:
    found = merkle(ledger, now, dealer(1, "82600001"))
    assert statuses(found) == {"82600001": status}
    assert found.needs_a_person is (status != "NOT_YET_DUE")
    assert (found.period, found.due_at) == ("2026-11-20", DUE)


@pytest.mark.parametrize(
    ("state", "now", "status", "needs"),
    [
        ("CHECKED", BEFORE, "UNDER_WAY", False),
        ("CHECKED", BEHIND, "LATE", True),
        ("UPLOADED", MUCH_LATER, "MISSING", True),
        ("PUBLISHED", MUCH_LATER, "SENT", False),
    ],
)
def test_a_file_on_its_way_is_judged_by_the_promised_hour(
    ledger: Ledger, state: str, now: datetime, status: str, needs: bool
) -> None:
    file = bring_file(ledger, planned(ledger, "82600001"), state)
    found = merkle(ledger, now, dealer(1, "82600001"))
    assert statuses(found) == {"82600001": status}
    assert found.dealers[0].files == (file.id,)
    assert found.needs_a_person is needs


def test_what_waits_for_a_person_is_told_with_its_reason_also_of_older_days(ledger: Ledger) -> None:
    ledger.move(planned(ledger, "82600001").id, "HELD", reason="40 of 50 rows rejected")
    ledger.move(planned(ledger, "82600002", DAY - timedelta(days=9)).id, "HELD", reason="long ago")
    ledger.move(planned(ledger, "82600003").id, "WITHHELD", reason="no agreement")
    found = merkle(ledger, BEFORE, dealer(3, "82600003"))
    assert statuses(found) == {"82600001": "HELD", "82600003": "WITHHELD"}
    assert [each.reason for each in found.dealers if each.needs_a_person] == ["40 of 50 rows rejected"]
    assert found.waiting == {"HELD": 1}


def test_a_span_over_an_outage_counts_for_each_of_its_days_and_a_neighbouring_day_for_none(ledger: Ledger) -> None:
    window = day_window(DAY, "Europe/London")
    since = day_window(DAY - timedelta(days=20), "Europe/London").start
    bring_file(
        ledger,
        planned(ledger, "82600001", DAY - timedelta(days=20), window_start=since, window_end=window.end),
        "PUBLISHED",
    )
    bring_file(ledger, planned(ledger, "82600002", DAY - timedelta(days=1)), "PUBLISHED")
    found = merkle(ledger, BEHIND, dealer(1, "82600001"), dealer(2, "82600002"))
    assert statuses(found) == {"82600001": "SENT", "82600002": "LATE"}


def test_two_dealers_with_one_number_stand_under_their_own_ids(ledger: Ledger) -> None:
    ledger.move(planned(ledger, "dms:4").id, "HELD", reason="one number for two")
    found = merkle(ledger, BEHIND, dealer(4, "82600001"), dealer(12, "82600001"), dealer(5, None))
    assert statuses(found) == {"dms:4": "HELD", "dms:12": "LATE", "dms:5": "LATE"}


def test_a_paused_feed_is_not_late(ledger: Ledger) -> None:
    ledger.set_feed("merkle_sar_daily", "82600001", "live", "paused", reason="stock-taking")
    found = merkle(ledger, MUCH_LATER, dealer(1, "82600001"))
    assert [(each.status, each.reason) for each in found.dealers] == [("PAUSED", "stock-taking")]
    assert not found.needs_a_person


def test_without_the_dms_the_ledger_is_told_of_and_that_it_is_not_all(ledger: Ledger) -> None:
    bring_file(ledger, planned(ledger, "82600001"), "PUBLISHED")
    found = standing(MERKLE, ledger, now=BEHIND, trouble="the DMS does not answer")
    assert statuses(found) == {"82600001": "SENT"}
    assert found.needs_a_person


def test_of_a_feed_what_needs_a_person_is_told_rather_than_what_went_well(ledger: Ledger) -> None:
    # arrival_cases' listings are of noon on 20 November.
    good, bad, idle = a_feed(ledger), a_feed(ledger), a_feed(ledger)
    bring(ledger, arrive(ledger, good, "a"), "REMOVED")
    bring(ledger, arrive(ledger, bad, "b", "b_SL.csv"), "REMOVED")
    held = arrive(ledger, bad, "c", "c_SL.csv", minutes=5)
    ledger.move_arrival(held.id, "HELD", reason="30 of 31 rows rejected")
    now = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)
    found = standing(SALES, ledger, now=now)
    told = {each.dealer: (each.status, each.files, each.reason) for each in found.dealers}
    assert told[bad.dealer] == ("HELD", (held.id,), "30 of 31 rows rejected")
    assert told[good.dealer][0] == "IMPORTED"
    # The feeds were added after that day's hour, so nothing was due of them yet.
    assert told[idle.dealer][0] == "NOT_YET_DUE"
    assert found.needs_a_person
    assert found.period == "2026-11-20"


def test_a_feed_that_brought_nothing_is_late_and_then_missing(ledger: Ledger) -> None:
    feed = a_feed(ledger)
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    seven = tomorrow.replace(hour=12, minute=1)
    assert statuses(standing(SALES, ledger, now=seven)) == {feed.dealer: "LATE"}
    assert statuses(standing(SALES, ledger, now=seven + timedelta(hours=7))) == {feed.dealer: "MISSING"}
    ledger.move_inbound_feed(feed.id, "PAUSED", reason="the dealer has closed")
    found = standing(SALES, ledger, now=seven)
    assert [(each.status, each.reason) for each in found.dealers] == [("PAUSED", "the dealer has closed")]
    assert found.next_due_at > seven
