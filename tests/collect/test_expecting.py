"""What did not come: late, missing, come late; by the partner's clock, across weekends, holidays and summer time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.collect import Expectation, late, lateness, notice
from include.contract import load_contract
from include.feeds import Feed
from include.ledger import LedgerError
from include.ledger.chain import verify
from tests.collect.collecting import Partner, drop

ZONE = "America/Chicago"
DUE = Expectation(due=time(6), zone=ZONE, weekdays=frozenset(range(5)), holidays=frozenset({date(2026, 5, 25)}))


def at(text: str) -> datetime:
    """An instant by the partner's clock."""
    from zoneinfo import ZoneInfo

    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


@pytest.fixture
def feed(partner: Partner) -> Feed:
    return replace(partner.feed, changed_at=at("2026-01-01 00:00"))


def told(feed: Feed, now: str, *arrived: str) -> str | None:
    found = lateness([feed], {feed.id: [at(each) for each in arrived]}, DUE, now=at(now))
    return found[0].status if found else None


@pytest.mark.parametrize(
    ("now", "arrived", "expected"),
    [
        ("2026-03-20 05:59", (), None),
        ("2026-03-20 06:00", (), "LATE"),
        ("2026-03-20 11:59", (), "LATE"),
        ("2026-03-20 12:00", (), "MISSING"),
        ("2026-03-20 12:00", ("2026-03-20 05:10",), None),
        ("2026-03-20 12:00", ("2026-03-19 22:00",), None),
        ("2026-03-20 12:00", ("2026-03-20 09:00",), "LATE_ARRIVED"),
        ("2026-03-20 12:00", ("2026-03-19 09:00",), "MISSING"),
        ("2026-03-21 12:00", (), None),
        ("2026-05-25 12:00", (), None),
        ("2026-05-26 12:00", (), "MISSING"),
    ],
)
def test_a_day_is_judged_by_the_partners_clock(
    feed: Feed, now: str, arrived: tuple[str, ...], expected: str | None
) -> None:
    assert told(feed, now, *arrived) == expected


WEEKLY = Expectation(due=time(12), zone=ZONE, weekdays=frozenset({4}))  # on Fridays


@pytest.mark.parametrize(
    ("now", "arrived", "expected"),
    [
        ("2026-03-19 23:00", (), None),
        ("2026-03-20 12:00", (), "LATE"),
        ("2026-03-20 18:00", (), "MISSING"),
        # Any file of the week will do, from behind the Friday before on.
        ("2026-03-20 18:00", ("2026-03-17 09:00",), None),
        ("2026-03-20 18:00", ("2026-03-14 00:00",), None),
        ("2026-03-20 18:00", ("2026-03-13 23:59",), "MISSING"),
        ("2026-03-20 18:00", ("2026-03-20 13:00",), "LATE_ARRIVED"),
        ("2026-03-21 18:00", (), None),
    ],
)
def test_a_weekly_file_may_come_on_any_day_of_its_week(
    feed: Feed, now: str, arrived: tuple[str, ...], expected: str | None
) -> None:
    found = lateness([feed], {feed.id: [at(each) for each in arrived]}, WEEKLY, now=at(now))
    assert [each.status for each in found] == ([expected] if expected else [])


def test_a_contract_names_the_days_of_the_week(partner: Partner) -> None:
    payments = load_contract("renault_warranty_payments")
    assert Expectation.of(payments).weekdays == {4}
    assert Expectation.of(CONTRACT).weekdays == set(range(7))
    feed = replace(partner.feed, changed_at=datetime(2026, 3, 1, tzinfo=UTC))
    monday = datetime(2026, 3, 23, 9, 0, tzinfo=UTC)
    assert [f"{each.status} {each.day:%d}" for each in notice(payments, [feed], partner.ledger, now=monday)] == [
        "MISSING 20"
    ]


@pytest.mark.parametrize("day", ["2026-03-09", "2026-11-02"])
def test_the_day_after_a_change_of_clocks_is_a_day_like_others(feed: Feed, day: str) -> None:
    assert told(feed, f"{day} 05:59") is None
    assert told(feed, f"{day} 06:00") == "LATE"


def test_a_feed_that_rests_or_has_just_begun_is_not_late(feed: Feed) -> None:
    assert told(replace(feed, state="PAUSED"), "2026-03-20 12:00") is None
    assert told(replace(feed, changed_at=at("2026-03-20 08:00")), "2026-03-20 12:00") is None


def test_the_ledger_is_asked_and_a_rejected_file_is_no_delivery(partner: Partner) -> None:
    now = datetime.now(UTC) + timedelta(days=3)
    now = now.replace(hour=13, minute=0)
    always = Expectation(due=time(6), zone="UTC")
    (missing,) = late([partner.feed], partner.ledger, always, now=now)
    assert (missing.status, missing.dealer) == ("MISSING", partner.feed.dealer)
    partner.clock.at = now - timedelta(hours=9)
    (partner.home / "folder_SL.csv").mkdir()
    partner.collect()
    assert [row.state for row in partner.rows()] == ["REJECTED"]
    assert [each.status for each in late([partner.feed], partner.ledger, always, now=now)] == ["MISSING"]
    drop(partner.home / "day_SL.csv")
    partner.collect()
    assert late([partner.feed], partner.ledger, always, now=now) == []


@given(st.integers(0, 730 * 86_400), st.times(), st.integers(1, 23))
def test_every_instant_belongs_to_one_day(moment: int, due: time, ahead: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=moment)
    expectation = Expectation(due=due.replace(fold=0), zone="Europe/Berlin", ahead=timedelta(hours=ahead))
    day = expectation.day_at(now)
    assert expectation.opens(day) <= now < expectation.opens(day + timedelta(days=1))


CONTRACT = load_contract("proresponse_sales")  # Due at 07:00 in New York each day, six hours later missing.


def noticed(partner: Partner, feed: Feed, now: datetime) -> list[str]:
    return [f"{each.status} {each.day:%d}" for each in notice(CONTRACT, [feed], partner.ledger, now=now)]


def test_each_thing_is_told_once_and_days_on_which_nobody_looked_are_made_up_for(partner: Partner) -> None:
    feed = replace(partner.feed, changed_at=datetime(2026, 3, 17, 0, 0, tzinfo=UTC))
    seven = datetime(2026, 3, 20, 11, 0, tzinfo=UTC)
    assert noticed(partner, feed, seven - timedelta(seconds=1)) == ["MISSING 17", "MISSING 18", "MISSING 19"]
    assert noticed(partner, feed, seven) == ["LATE 20"]
    assert noticed(partner, feed, seven + timedelta(hours=5)) == []
    assert noticed(partner, feed, seven + timedelta(hours=6)) == ["MISSING 20"]
    partner.clock.at = seven + timedelta(hours=7)
    drop(partner.home / "day_SL.csv")
    partner.collect()
    assert noticed(partner, feed, partner.clock.at) == ["LATE_ARRIVED 20"]
    assert noticed(partner, feed, partner.clock.at + timedelta(hours=1)) == []
    kinds = [event.kind for event in partner.ledger.inbound_feed_events(feed.id)]
    assert kinds.count("FEED_MISSING") == 4
    assert verify(partner.ledger.dsn).whole


def test_a_sentence_names_feed_day_hour_and_what_to_do(partner: Partner) -> None:
    feed = replace(partner.feed, changed_at=datetime(2026, 3, 19, 20, 0, tzinfo=UTC))
    [missing] = notice(CONTRACT, [feed], partner.ledger, now=datetime(2026, 3, 20, 20, 0, tzinfo=UTC))
    assert str(missing) == (
        f"proresponse_sales, dealer {feed.dealer}: the file of 2026-03-20, due 2026-03-20 11:00 UTC, has not come; ask "
        "the dealer or the partner, or pause the feed with a reason if none is to come"
    )


def test_only_known_words_are_written_down(partner: Partner) -> None:
    with pytest.raises(LedgerError, match="EARLY"):
        partner.ledger.note_punctuality(partner.feed.id, "EARLY", date(2026, 3, 20))
