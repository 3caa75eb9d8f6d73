"""Windows of one dealer in a row: where the last one ended, which covers a period, which still wait."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from include.ledger import FileRow, Ledger
from include.window import Window, day_window
from tests.ledger.conftest import DEALERS, bring, intent, monthly
from tests.ledger.test_revisions import propose

ZONE = "Europe/Paris"
FIRST = date(2026, 11, 20)


def days(first: date, last: date | None = None) -> dict[str, Any]:
    """The window from the first day's midnight to the one after the last day, as ``plan`` takes it."""
    start, end = day_window(first, ZONE).start, day_window(last or first, ZONE).end
    return {"window_start": start, "window_end": end, "zone": ZONE, "business_date": first}


class Feed:
    """One dealer's files, by the day their windows begin."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.dealer = ledger, str(next(DEALERS))

    def file(self, day: int, state: str = "PUBLISHED", *, until: int | None = None) -> FileRow:
        first = FIRST.replace(day=day)
        asked = intent(self.dealer, **days(first, FIRST.replace(day=until) if until else None))
        row = self.ledger.plan(**asked)
        if state in ("WITHHELD", "HELD", "CANCELLED"):
            return self.ledger.move(row.id, state, reason="no service contract")
        if state in ("UNKNOWN", "ACKED"):
            bring(self.ledger, row, "UPLOADED" if state == "UNKNOWN" else "PUBLISHED")
            return self.ledger.move(row.id, state, reason="asked the partner")
        return row if state == "PLANNED" else bring(self.ledger, row, state)

    def before(self, day: int) -> FileRow | None:
        return self.ledger.window_before(*self.key, day_window(FIRST.replace(day=day), ZONE).start)

    def covering(self, first: int, last: int | None = None) -> FileRow | None:
        start = day_window(FIRST.replace(day=first), ZONE).start
        return self.ledger.window_covering(*self.key, start, day_window(FIRST.replace(day=last or first), ZONE).end)

    def waiting(self, day: int) -> list[int]:
        found = self.ledger.waiting_before(*self.key, day_window(FIRST.replace(day=day), ZONE).start)
        return [row.business_date.day for row in found]

    @property
    def key(self) -> tuple[str, str, str]:
        return "merkle_sar_daily", self.dealer, "live"


@pytest.fixture
def feed(ledger: Ledger) -> Feed:
    return Feed(ledger)


def test_the_window_before_is_the_one_that_ended_last(feed: Feed) -> None:
    assert feed.before(20) is None
    second, third = feed.file(21), feed.file(22, "GATED")
    feed.file(24)
    assert feed.before(21) is None
    assert feed.before(22) == second
    assert feed.before(23) == third
    assert feed.before(24) == third, "a day without a file is bridged"


def test_the_window_before_ends_at_the_very_moment_or_earlier(feed: Feed) -> None:
    file = feed.file(20)
    key = feed.key
    assert feed.ledger.window_before(*key, file.window_end) == file
    assert feed.ledger.window_before(*key, file.window_end - timedelta(microseconds=1)) is None


@pytest.mark.parametrize("state", ["CANCELLED", "WITHHELD"])
def test_a_window_that_was_given_up_or_withheld_is_not_where_the_next_begins(feed: Feed, state: str) -> None:
    sent = feed.file(20)
    feed.file(21, state)
    assert feed.before(22) == sent


def test_the_revision_that_speaks_is_found(feed: Feed) -> None:
    sent = feed.file(20)
    proposed = propose(feed.ledger, sent)
    assert feed.before(21) == sent == feed.covering(20)
    feed.ledger.release(proposed.id, reason="right")
    found = feed.before(21)
    assert found is not None
    assert (found.id, found.state) == (proposed.id, "PLANNED")
    assert feed.covering(20) == found


def test_other_dealers_interfaces_and_environments_are_not_this_feed(feed: Feed) -> None:
    ledger = feed.ledger
    ledger.plan(**intent(**days(FIRST)))
    ledger.plan(**intent(feed.dealer, **days(FIRST), environment="test"))
    ledger.plan(**{**monthly(feed.dealer), **days(FIRST)})
    assert (feed.before(30), feed.covering(20), feed.waiting(30)) == (None, None, [])


def test_a_window_covers_what_lies_in_it(feed: Feed) -> None:
    span = feed.file(20, "GATED", until=22)
    assert feed.covering(20) == feed.covering(21) == feed.covering(22) == feed.covering(20, 22) == span
    assert feed.covering(19) is None
    assert feed.covering(22, 23) is None


def test_a_withheld_window_covers_unless_another_does(feed: Feed) -> None:
    withheld = feed.file(20, "WITHHELD")
    assert feed.covering(20) == withheld
    span = feed.file(19, "PLANNED", until=20)
    assert feed.covering(20) == span
    feed.ledger.move(span.id, "CANCELLED", reason="not wanted")
    assert feed.covering(20) == withheld


@pytest.mark.parametrize(
    "state", ["PLANNED", "CHECKED", "RENDERED", "GATED", "UPLOADING", "UPLOADED", "UNKNOWN", "HELD"]
)
def test_what_the_partner_has_not_got_waits(feed: Feed, state: str) -> None:
    feed.file(20, state)
    feed.file(21, state)
    assert feed.waiting(20) == []
    assert feed.waiting(21) == [20]
    assert feed.waiting(22) == [20, 21], "oldest first"


@pytest.mark.parametrize("state", ["PUBLISHED", "ACKED", "CANCELLED", "WITHHELD"])
def test_what_went_was_given_up_or_is_withheld_does_not_wait(feed: Feed, state: str) -> None:
    feed.file(20, state)
    assert feed.waiting(22) == []


def test_a_proposal_does_not_wait_and_its_release_does(feed: Feed) -> None:
    proposed = propose(feed.ledger, feed.file(20))
    assert feed.waiting(21) == []
    feed.ledger.release(proposed.id, reason="right")
    assert feed.waiting(21) == [20]


def test_a_redelivery_lets_the_later_ones_go_first(feed: Feed) -> None:
    sent = feed.file(20)
    feed.ledger.redeliver(sent.id, reason="lost there")
    assert feed.waiting(21) == []


@pytest.mark.parametrize(
    ("window", "period", "is_month"),
    [
        (days(date(2026, 11, 20)), "2026-11-20", False),
        (days(date(2026, 11, 20), date(2026, 11, 22)), "2026-11-20 to 2026-11-22", False),
        (days(date(2026, 11, 20), date(2026, 11, 21)), "2026-11-20 to 2026-11-21", False),
        (days(date(2026, 11, 1), date(2026, 11, 30)), "2026-11", True),
        (days(date(2028, 2, 1), date(2028, 2, 29)), "2028-02", True),
        (days(date(2028, 2, 1), date(2028, 2, 28)), "2028-02-01 to 2028-02-28", False),
        (days(date(2026, 10, 2), date(2026, 11, 1)), "2026-10-02 to 2026-11-01", False),
        (days(date(2026, 10, 1), date(2026, 11, 30)), "2026-10-01 to 2026-11-30", False),
        (days(date(2026, 10, 25)), "2026-10-25", False),
        (days(date(2026, 3, 28), date(2026, 3, 29)), "2026-03-28 to 2026-03-29", False),
    ],
)
def test_a_window_is_called_what_it_is(ledger: Ledger, window: dict[str, Any], period: str, is_month: bool) -> None:
    row = ledger.plan(**intent(**window))
    assert (row.period, row.is_month) == (period, is_month)
    assert f"dealer {row.dealer}, {period})" in row.label


def test_a_month_is_one_by_its_own_clock(ledger: Ledger) -> None:
    row = ledger.plan(**monthly(zone="Europe/Lisbon", business_date=date(2026, 9, 30)))
    assert row.window == Window(row.window_start, row.window_end, "Europe/Lisbon")
    assert row.window_start == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert row.period == "2026-09-30 to 2026-10-31"
