"""What somebody with a superuser's rights does to the record, and that it shows."""

from __future__ import annotations

from collections.abc import Callable

import psycopg2
import pytest

from include.ledger import Ledger, LedgerError
from include.ledger.chain import verify
from include.ledger.events import GENESIS
from tests.ledger.conftest import bring, execute, intent, scalar


@pytest.fixture
def story(fresh_dsn: str) -> str:
    """A ledger in which one file was published and another is planned."""
    with Ledger(fresh_dsn, actor="test") as ledger:
        bring(ledger, ledger.plan(**intent("82600001")), "PUBLISHED")
        ledger.plan(**intent("82600002"))
        # What JSON could be read back as something else: big and small numbers, accents, an order of keys.
        ledger.note(None, "NOTE", {"z": 1e-7, "a": [10**20, "é\u2028\\", None], "nested": {"b": 1.0, "a": 1e300}})
        ledger.note(None, "NOTE", {})
    return fresh_dsn


def test_a_chain_left_alone_is_whole(story: str) -> None:
    report = verify(story)
    assert report.whole
    assert report.checked == 11
    assert report.head_hash == scalar(story, "SELECT hash FROM ledger.event ORDER BY id DESC LIMIT 1")


def test_an_empty_ledger_is_whole(fresh_dsn: str) -> None:
    report = verify(fresh_dsn)
    assert (report.whole, report.checked, report.head_hash) == (True, 0, GENESIS)


@pytest.mark.parametrize(
    ("damage", "broken", "why"),
    [
        ("UPDATE ledger.event SET detail = '{}' WHERE id = 3", 3, "event 3 was changed"),
        ("UPDATE ledger.event SET detail = (detail::text || ' ')::json WHERE id = 3", 3, "event 3 was changed"),
        ("UPDATE ledger.event SET actor = 'person:somebody else' WHERE id = 1", 1, "event 1 was changed"),
        ("UPDATE ledger.event SET at = at + interval '1 microsecond' WHERE id = 5", 5, "event 5 was changed"),
        ("UPDATE ledger.event SET to_state = 'HELD' WHERE id = 4", 4, "event 4 was changed"),
        ("UPDATE ledger.event SET file_id = 2 WHERE id = 4", 4, "event 4 was changed"),
        ("UPDATE ledger.event SET hash = repeat('a', 64) WHERE id = 6", 6, "event 6 was changed"),
        ("UPDATE ledger.event SET prev_hash = repeat('a', 64) WHERE id = 6", 6, "event 6 does not continue"),
        ("DELETE FROM ledger.event WHERE id = 1", 1, "event 1 is missing"),
        ("DELETE FROM ledger.event WHERE id = 7", 7, "event 7 is missing"),
        ("DELETE FROM ledger.event WHERE id = 11", 11, "event 11 is missing"),
        ("DELETE FROM ledger.event WHERE id >= 9", 9, "event 9 is missing"),
        ("DELETE FROM ledger.event", 1, "event 1 is missing"),
        ("UPDATE ledger.event SET id = 12 WHERE id = 11", 11, "event 11 is missing"),
        ("DELETE FROM ledger.chain_head", 12, "no event at all"),
    ],
)
def test_the_first_event_that_was_touched_is_named(story: str, damage: str, broken: int, why: str) -> None:
    execute(story, damage)
    report = verify(story)
    assert not report.whole
    assert report.first_broken_event_id == broken
    assert why in str(report.why)


def test_events_removed_and_numbered_anew_are_found(story: str) -> None:
    execute(
        story,
        "DELETE FROM ledger.event WHERE id = 5",
        "UPDATE ledger.event SET id = -id WHERE id > 5",
        "UPDATE ledger.event SET id = -id - 1 WHERE id < 0",
        "UPDATE ledger.chain_head SET id = id - 1",
    )
    assert verify(story).first_broken_event_id == 5


@pytest.mark.parametrize(
    ("damage", "drift"),
    [
        (
            "UPDATE ledger.file SET state = 'HELD', published_at = NULL WHERE id = 1",
            "file 1: published_at, state differ",
        ),
        ("UPDATE ledger.file SET rows = 9 WHERE id = 1", "file 1: rows differ"),
        ("UPDATE ledger.file SET control_total = 1234.51 WHERE id = 1", "file 1: control_total differ"),
        ("UPDATE ledger.file SET sha256 = repeat('0', 64) WHERE id = 1", "file 1: sha256 differ"),
        ("UPDATE ledger.file SET sequence = 7 WHERE id = 1", "file 1: sequence differ"),
        ("UPDATE ledger.file SET dealer = '82600009' WHERE id = 2", "file 2: dealer differ"),
        ("UPDATE ledger.file SET reason = 'fine' WHERE id = 2", "file 2: reason differ"),
        ("DELETE FROM ledger.file WHERE id = 2", "file 2: the row is gone"),
        (
            "INSERT INTO ledger.file (interface, partner, dealer, environment, window_start, window_end, "
            "zone, business_date, revision, state, contract_version) SELECT interface, partner, 'x', environment, "
            "window_start, window_end, zone, "
            "business_date, 0, 'PLANNED', '1' FROM ledger.file WHERE id = 2",
            "file 3: the whole row has no event",
        ),
    ],
)
def test_a_row_edited_by_hand_leaves_the_chain_whole_and_is_reported(story: str, damage: str, drift: str) -> None:
    execute(story, damage)
    report = verify(story)
    assert (report.first_broken_event_id, report.whole) == (None, False)
    assert [str(found).startswith(drift) for found in report.drifts] == [True]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.event SET actor = 'x'",
        "DELETE FROM ledger.event",
        "TRUNCATE ledger.event",
        "DELETE FROM ledger.file",
        "TRUNCATE ledger.file CASCADE",
        "UPDATE ledger.file SET dealer = 'x'",
        "UPDATE ledger.file SET revision = 5",
    ],
)
def test_the_database_refuses_to_rewrite_history(story: str, statement: str) -> None:
    with (
        psycopg2.connect(story) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege, match="is a record of what happened"),
    ):
        cursor.execute(statement)
    assert verify(story).whole


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.file SET state = 'SENT'",
        "UPDATE ledger.file SET environment = 'prod'",
        "UPDATE ledger.file SET window_end = window_start",
        "UPDATE ledger.file SET published_at = NULL WHERE state = 'PUBLISHED'",
        "UPDATE ledger.file SET published_at = now(), remote_path = '/x' WHERE state = 'PLANNED'",
        "UPDATE ledger.file SET state = 'RENDERED' WHERE state = 'PLANNED'",
        "UPDATE ledger.file SET sequence = 0",
    ],
)
def test_the_database_refuses_a_row_that_cannot_be(story: str, statement: str) -> None:
    with psycopg2.connect(story) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        with pytest.raises(psycopg2.errors.CheckViolation):
            cursor.execute(statement)


def test_without_the_head_nothing_is_written(story: str) -> None:
    execute(story, "DELETE FROM ledger.chain_head")
    with Ledger(story, actor="test") as ledger, pytest.raises(LedgerError, match="chain_head is empty"):
        ledger.plan(**intent("82600003"))
    assert scalar(story, "SELECT count(*) FROM ledger.file") == 2


def test_events_that_arrive_while_verifying_do_not_disturb_it(story: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row at a time, with a writer between the portions: the snapshot must hold still."""
    from include.ledger import chain, events

    with Ledger(story, actor="test") as ledger:
        hashed: Callable[..., str] = events.event_hash

        def write_then_hash(*given: object) -> str:
            ledger.note(None, "NOTE", {})
            return hashed(*given)

        monkeypatch.setattr(chain, "ROWS_AT_A_TIME", 3)
        monkeypatch.setattr(chain, "event_hash", write_then_hash)
        report = verify(story)
    assert (report.whole, report.checked) == (True, 11)
