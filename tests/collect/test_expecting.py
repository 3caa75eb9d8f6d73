"""What did not come: late, missing, come late; by the partner's clock, across weekends, holidays and summer time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.collect import Expectation, late, lateness
from include.feeds import Feed
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
