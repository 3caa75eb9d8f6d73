"""Readers that follow the events: nothing missed, nothing twice, a position of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from include.ledger import Happening, Ledger, LedgerError
from tests.ledger.arrival_cases import a_feed, arrive
from tests.ledger.arrival_cases import bring as bring_arrival
from tests.ledger.conftest import bring, execute, intent

RUN = "airflow:merkle_sar_daily/scheduled__2026-11-21T02:30:00+00:00"


def everything(ledger: Ledger, limit: int, after: int = 0) -> list[Happening]:
    found: list[Happening] = []
    while more := ledger.events_after(found[-1].id if found else after, limit=limit):
        assert len(more) <= limit
        found += more
    return found


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_portions_give_every_event_once_and_in_order(new_ledger_dsn: str, limit: int) -> None:
    with Ledger(new_ledger_dsn, actor="test:one") as ledger:
        bring(ledger, ledger.plan(**intent()), "PUBLISHED")
        bring_arrival(ledger, arrive(ledger, a_feed(ledger), "x"), "REMOVED")
        assert [each.id for each in everything(ledger, limit)] == [event.id for event in ledger.events()]
        assert everything(ledger, limit, after=ledger.events()[-1].id) == []


def test_each_event_comes_with_its_file_and_what_came_before(new_ledger_dsn: str) -> None:
    with Ledger(new_ledger_dsn, actor=f"{RUN}/extract/try 1") as ledger:
        file = ledger.plan(**intent())
        other = ledger.plan(**intent())
    with Ledger(new_ledger_dsn, actor="person:oncall") as ledger:
        ledger.move(other.id, "HELD", reason="a reason")
        ledger.note(file.id, "ATTEMPT_STARTED", {"endpoint": "sftp://us@sftp.partner.example:2222"})
        ledger.move(file.id, "CHECKED", rejected=2, withheld=1)
        events = ledger.events(file.id)
        planned, held, noted, checked = (
            each for each in everything(ledger, 100) if each.kind != "PLANNED" or each.id == 1
        )
    assert (planned.file, planned.state_since, planned.begun_at) == (checked.file, None, events[0].at)
    assert planned.endpoint is None
    assert held.file is not None
    assert (held.file.id, held.state_since) == (other.id, held.begun_at)
    assert (noted.to_state, noted.state_since, noted.run_actor, noted.endpoint) == (None, None, None, None)
    assert checked.file is not None
    assert (checked.file.id, checked.file.state) == (file.id, "CHECKED")
    assert (checked.state_since, checked.begun_at) == (events[0].at, events[0].at)
    assert (checked.actor, checked.run_actor) == ("person:oncall", f"{RUN}/extract/try 1")
    assert checked.endpoint == "sftp://us@sftp.partner.example:2222"
    assert checked.columns == {"rejected": 2, "withheld": 1}


def test_an_arrivals_events_come_with_the_arrival_and_its_feeds_connection(new_ledger_dsn: str) -> None:
    with Ledger(new_ledger_dsn, actor="airflow:proresponse_sales/run/collect/try 1") as ledger:
        feed = a_feed(ledger, conn_id="proresponse_sftp")
        row = bring_arrival(ledger, arrive(ledger, feed, "x"), "APPLIED")
        found = everything(ledger, 100)
        assert [(each.kind, each.arrival, each.conn_id) for each in found if each.arrival] == [
            (kind, ledger.arrival(row.id), "proresponse_sftp") for kind in ("SEEN", "LANDED", "CHECKED", "APPLIED")
        ]
        landed = next(each for each in found if each.kind == "LANDED")
        seen = next(each for each in found if each.kind == "SEEN")
        assert (landed.state_since, landed.run_actor) == (seen.at, seen.actor)
        assert [each.file for each in found if each.kind.startswith("FEED")] == [None]


def test_an_event_is_not_seen_before_the_one_that_was_numbered_first(new_ledger_dsn: str) -> None:
    """A reader that came to n while n-1 was still being committed would never read n-1."""
    writing, go_on = Event(), Event()
    with Ledger(new_ledger_dsn, actor="test:slow") as slow, Ledger(new_ledger_dsn, actor="test:quick") as quick:
        files = [quick.plan(**intent()) for _ in range(2)]
        head = quick.events()[-1].id

        def write_and_wait() -> None:
            with slow.transaction() as cursor:
                slow._record(cursor, files[0].id, "SLOW")
                writing.set()
                assert go_on.wait(20)

        with ThreadPoolExecutor(2) as pool, Ledger(new_ledger_dsn, actor="test:reader") as reader:
            first = pool.submit(write_and_wait)
            assert writing.wait(20)
            second = pool.submit(quick.note, files[1].id, "QUICK", {})
            assert reader.events_after(head) == []
            go_on.set()
            first.result(20)
            second.result(20)
            assert [each.kind for each in reader.events_after(head)] == ["SLOW", "QUICK"]


def test_a_reader_begins_at_the_end_or_at_the_start_and_only_once(new_ledger_dsn: str) -> None:
    with Ledger(new_ledger_dsn, actor="test") as ledger:
        assert ledger.begin_position("early") == 0
        bring(ledger, ledger.plan(**intent()), "CHECKED")
        head = ledger.events()[-1].id
        assert ledger.position("late") is None
        assert ledger.begin_position("late") == head == ledger.position("late")
        assert ledger.begin_position("late", from_start=True) == head
        assert ledger.begin_position("all", from_start=True) == 0
        assert ledger.begin_position("early") == 0


def test_a_position_never_goes_back_and_never_beyond_the_end(new_ledger_dsn: str) -> None:
    with Ledger(new_ledger_dsn, actor="test") as ledger:
        ledger.plan(**intent())
        bring(ledger, ledger.plan(**intent()), "CHECKED")
        assert ledger.move_position("reader", 2) == 2
        assert ledger.move_position("reader", 1) == 2
        with pytest.raises(LedgerError, match=r"cannot be done with event 999: the last one is 3"):
            ledger.move_position("reader", 999)
        assert ledger.position("reader") == 2
        assert ledger.position("another") is None


def test_reading_on_writes_nothing_that_the_chain_knows_of(new_ledger_dsn: str) -> None:
    with Ledger(new_ledger_dsn, actor="test") as ledger:
        bring(ledger, ledger.plan(**intent()), "CHECKED")
        before = ledger.events()
        ledger.begin_position("reader")
        ledger.move_position("reader", 1)
        assert ledger.events() == before


def test_what_lies_before_an_event_is_found_by_index(new_ledger_dsn: str) -> None:
    """Without the indexes each of 500 events would read the whole chain, four times."""
    from include.ledger.following import _EVENTS

    with Ledger(new_ledger_dsn, actor="test") as ledger:
        for _ in range(40):
            bring(ledger, ledger.plan(**intent()), "PUBLISHED")
            bring_arrival(ledger, arrive(ledger, a_feed(ledger), "x"), "REMOVED")
        execute(new_ledger_dsn, "ANALYZE ledger.event", autocommit=True)
        with ledger.transaction() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {_EVENTS}", {"after": 100, "limit": 50})
            plan = "\n".join(row["QUERY PLAN"] for row in cursor.fetchall())
    assert plan.count("event_by_arrival") == 3
    assert plan.count("event_by_file") == 4
    assert "Seq Scan" not in plan
