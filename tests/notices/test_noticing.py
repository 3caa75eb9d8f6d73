"""Late, missing, held: noticed once whoever runs or does not, ended once, and never ended by not being able to look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from include.collect import Expectation
from include.contract import load_contract
from include.feeds import add_feed, pause_feed
from include.ledger import Ledger, NoticeRow, SeenEntry, TransitionError
from include.notices import Digest, Kept, keep, look
from include.window import day_window
from local.sample import fill
from tests.ledger.arrival_cases import a_feed, arrive
from tests.ledger.conftest import bring as bring_file
from tests.ledger.conftest import execute, intent

MERKLE, SALES = load_contract("merkle_sar_daily"), load_contract("proresponse_sales")
DAY = date(2026, 11, 20)
DUE = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)  # London's winter clock
BEFORE, LATE, MISSING = DUE - timedelta(hours=1), DUE + timedelta(minutes=1), DUE + timedelta(hours=7)


@pytest.fixture(scope="module")
def filled_dms(dms_dsn: str) -> str:
    """A dealer group of two."""
    fill(dms_dsn, dealers=2, days=1, lines=50, seed=1, until=DAY, french=False)
    return dms_dsn


@pytest.fixture
def ledger(new_ledger_dsn: str) -> Iterator[Ledger]:
    with Ledger(new_ledger_dsn, actor="test:notices") as opened:
        yield opened


def around(ledger: Ledger, dms: str, now: datetime, *, contract: Any = MERKLE, since: datetime = BEFORE) -> Kept:
    """One look at one interface."""
    looked = look(contract, ledger, dms_dsn=dms, now=now, since=since, open_ones=ledger.open_notices())
    return keep(looked, ledger, now=now)


def kinds(ledger: Ledger) -> list[str]:
    return [row.kind for row in ledger.open_notices()]


def ends(ledger: Ledger) -> list[NoticeRow]:
    return ledger.ended_notices(limit=100)


def send(ledger: Ledger, dealer: str) -> None:
    window = day_window(DAY, "Europe/London")
    file = ledger.plan(
        **intent(dealer, window_start=window.start, window_end=window.end, zone=window.zone, business_date=DAY)
    )
    bring_file(ledger, file, "PUBLISHED")


def test_before_its_hour_nothing_is_noticed(ledger: Ledger, filled_dms: str) -> None:
    assert around(ledger, filled_dms, BEFORE) == Kept(0, 0)


def test_a_run_that_never_happened_is_late_once_then_missing_once_then_over_once(
    ledger: Ledger, filled_dms: str
) -> None:
    assert [around(ledger, filled_dms, LATE), around(ledger, filled_dms, LATE)] == [Kept(2, 0), Kept(0, 0)]
    assert kinds(ledger) == ["LATE", "LATE"]
    assert [around(ledger, filled_dms, MISSING), around(ledger, filled_dms, MISSING)] == [Kept(2, 2), Kept(0, 0)]
    assert kinds(ledger) == ["MISSING", "MISSING"]
    assert {row.outcome for row in ends(ledger)} == {"it is missing by now"}
    first, second = ledger.open_notices()
    send(ledger, str(first.dealer))
    assert around(ledger, filled_dms, MISSING) == Kept(0, 1)
    assert str(ends(ledger)[0].outcome).startswith("it is sent now, at ")
    assert [row.id for row in ledger.open_notices()] == [second.id]


def test_a_file_that_never_came_stays_noticed_when_the_next_day_is_due(ledger: Ledger, filled_dms: str) -> None:
    around(ledger, filled_dms, MISSING)
    one, other = ledger.open_notices()
    tomorrow = MISSING + timedelta(days=1)
    around(ledger, filled_dms, tomorrow, since=tomorrow - timedelta(minutes=1))
    assert [row.period for row in ledger.open_notices()] == [DAY, DAY, DAY + timedelta(1), DAY + timedelta(1)]
    send(ledger, str(one.dealer))
    around(ledger, filled_dms, tomorrow, since=tomorrow - timedelta(minutes=1))
    assert [row.id for row in ledger.open_notices() if row.period == DAY] == [other.id]


def test_days_on_which_nobody_looked_are_made_up_for(ledger: Ledger, filled_dms: str) -> None:
    around(ledger, filled_dms, MISSING + timedelta(days=3), since=BEFORE)
    assert sorted({str(row.period) for row in ledger.open_notices()}) == [
        "2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23",
    ]  # fmt: skip


def test_who_cannot_look_ends_nothing(ledger: Ledger, filled_dms: str) -> None:
    around(ledger, filled_dms, LATE)
    assert around(ledger, "host=/nowhere dbname=dms", LATE + timedelta(minutes=1)) == Kept(1, 0)
    assert kinds(ledger) == ["LATE", "LATE", "DMS"]
    assert around(ledger, filled_dms, LATE + timedelta(minutes=2)) == Kept(0, 1)
    assert kinds(ledger) == ["LATE", "LATE"]


def test_a_held_file_is_noticed_whatever_its_age_until_somebody_decides(ledger: Ledger, filled_dms: str) -> None:
    file = bring_file(ledger, ledger.plan(**intent("82600009")), "GATED")
    ledger.move(file.id, "HELD", reason="40 of 50 rows rejected")
    later = BEFORE + timedelta(days=90)
    around(ledger, filled_dms, later, since=later)
    (row,) = [row for row in ledger.open_notices() if row.kind == "HELD"]
    assert row.said.endswith("is HELD: 40 of 50 rows rejected")
    ledger.reject(file.id, reason="sold twice")
    around(ledger, filled_dms, later, since=later)
    assert "HELD" not in kinds(ledger)


def test_a_person_closes_what_is_not_to_come_and_it_stays_closed(ledger: Ledger, filled_dms: str) -> None:
    around(ledger, filled_dms, LATE)
    one, other = ledger.open_notices()
    with pytest.raises(TransitionError, match="needs a reason"):
        ledger.close_notice(one.id, reason=" ")
    ledger.close_notice(one.id, reason="closed for stocktaking")
    with pytest.raises(TransitionError, match="ended by now"):
        ledger.close_notice(one.id, reason="again")
    assert around(ledger, filled_dms, LATE + timedelta(minutes=1)) == Kept(0, 0)
    assert [row.id for row in ledger.open_notices()] == [other.id]


def test_only_a_promise_can_be_closed_by_hand(ledger: Ledger, filled_dms: str) -> None:
    around(ledger, "host=/nowhere dbname=dms", LATE)
    (row,) = ledger.open_notices()
    with pytest.raises(TransitionError, match="ends by itself"):
        ledger.close_notice(row.id, reason="I know")


def feed_since(ledger: Ledger, dealer: str) -> Any:
    """A feed that was live long before the day."""
    feed = add_feed(ledger, interface="proresponse_sales", dealer=dealer, directory=dealer, conn_id="proresponse_sftp")
    execute(ledger.dsn, "ALTER TABLE ledger.inbound_feed DISABLE TRIGGER USER")
    with psycopg2.connect(ledger.dsn) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE ledger.inbound_feed SET changed_at = '2026-11-20'")
    return feed


def test_a_feed_without_its_file_is_late_missing_and_came_late(ledger: Ledger) -> None:
    feed = feed_since(ledger, "lakeside_rv")
    due = Expectation.of(SALES).due_at(date(2026, 11, 22))
    since = due - timedelta(minutes=1)

    def kept(now: datetime) -> Kept:
        return around(ledger, "", now, contract=SALES, since=since)

    kept(due + timedelta(minutes=1))
    today = [row for row in ledger.open_notices() if row.period == date(2026, 11, 22)]
    assert [row.kind for row in today] == ["LATE"]
    kept(due + timedelta(hours=7))
    today = [row for row in ledger.open_notices() if row.period == date(2026, 11, 22)]
    assert [row.kind for row in today] == ["MISSING"]
    ledger.seen(feed.id, [SeenEntry("a_SL.csv", 10, due)], at=due + timedelta(hours=8))
    assert kept(due + timedelta(hours=8, minutes=1)).ended == 1
    assert str(ends(ledger)[0].outcome).startswith("it came late, at 2026-11-22 ")


def test_a_paused_feed_is_expected_no_more(ledger: Ledger) -> None:
    feed = feed_since(ledger, "lakeside_rv")
    now = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
    around(ledger, "", now, contract=SALES, since=now)
    assert ledger.open_notices()
    pause_feed(ledger, feed.id, reason="the dealer moves house")
    around(ledger, "", now, contract=SALES, since=now)
    assert not ledger.open_notices()
    assert "paused" in str(ends(ledger)[0].outcome)


def test_a_file_that_came_in_and_is_held_is_noticed(ledger: Ledger) -> None:
    row = arrive(ledger, a_feed(ledger), "one")
    ledger.move_arrival(row.id, "HELD", reason="30 of 31 rows rejected")
    now = datetime.now(UTC)
    around(ledger, "", now, contract=SALES, since=now)
    assert "HELD" in kinds(ledger)


def test_a_channel_is_told_of_each_beginning_and_each_end_once(ledger: Ledger, filled_dms: str) -> None:
    around(ledger, filled_dms, LATE)
    digest = Digest.of(ledger.untold_notices("a"), "http://127.0.0.1/plugin/notices")
    assert digest.subject == "Dealer exchange: 2 need a person"
    ledger.notices_told("a", digest.told)
    assert not Digest.of(ledger.untold_notices("a"), "")
    around(ledger, filled_dms, MISSING)
    # Missing is told; that late is over is no news beside it.
    told = Digest.of(ledger.untold_notices("a"), "")
    assert ([row.kind for row in told.opened], list(told.ended)) == (["MISSING", "MISSING"], [])
    ledger.notices_told("a", told.told)
    send(ledger, str(told.opened[0].dealer))
    around(ledger, filled_dms, MISSING)
    over = Digest.of(ledger.untold_notices("a"), "")
    assert (list(over.opened), len(over.ended)) == ([], 1)
    # A channel that was away meanwhile is told of what is so, and not of what is over.
    other = Digest.of(ledger.untold_notices("b"), "")
    assert ([row.kind for row in other.opened], list(other.ended)) == (["MISSING"], [])


def test_a_message_shows_a_hostile_name_as_text_and_counts_what_is_too_much(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    row = NoticeRow(1, "HELD", "file 1", "x", "x", "d", None, "a <script>b</script>\r\nBcc: all", now, None, None, None)
    digest = Digest([row] * 60, [], "http://127.0.0.1/?a=1&b=2")
    assert "<script>" not in digest.html()
    assert "a &lt;script&gt;b&lt;/script&gt; Bcc: all" in digest.html()
    assert "and 10 more" in digest.html()
    assert "and 10 more" in digest.payload()["text"]
    assert "\n" not in digest.subject


def test_one_looks_and_another_stands_by_until_the_first_has_gone(ledger: Ledger) -> None:
    assert ledger.last_beat() is None
    assert ledger.beat("one", seconds=60)
    assert not ledger.beat("two", seconds=60)
    assert ledger.beat("one", seconds=60)
    execute(ledger.dsn, "UPDATE ledger.heartbeat SET at = at - interval '181 s'")
    beat = ledger.last_beat()
    assert beat is not None
    assert beat.is_stale(datetime.now(UTC))
    assert ledger.beat("two", seconds=60)
    assert not ledger.beat("one", seconds=60)
    ledger.end_beats("one")
    assert not ledger.beat("one", seconds=60)
    ledger.end_beats("two")
    assert ledger.beat("one", seconds=60)
