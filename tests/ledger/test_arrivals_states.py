"""Every step of an arrival: those in the table work, others are refused; what a person decides; what verify sees."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from include.feeds import Feed, pause_feed
from include.ledger import ARRIVAL_STATES, ARRIVAL_TRANSITIONS, ArrivalRow, LeaseHeldError, Ledger, TransitionError
from include.ledger.arrival_states import arrival_needs_reason, arrival_transitions_table
from include.ledger.chain import verify
from tests.ledger.arrival_cases import COUNTS, a_feed, arrive, bring, digest, entry, look
from tests.ledger.conftest import at_once, execute, scalar

# Steps that have verbs of their own, because they need facts or a person.
BY_VERB = {
    ("SEEN", "LANDED"),
    ("SEEN", "DUPLICATE"),
    ("HELD", "SEEN"),
    ("HELD", "LANDED"),
    ("REJECTED", "SEEN"),
    ("REJECTED", "LANDED"),
}
MOVES = [(before, to) for before, to in product(ARRIVAL_STATES, repeat=2)]


@pytest.fixture
def feed(ledger: Ledger) -> Feed:
    return a_feed(ledger)


def standing(ledger: Ledger, feed: Feed, state: str) -> ArrivalRow:
    """A new arrival of the feed in ``state``, brought there the way runs do."""
    if state in ("SEEN", "VANISHED"):
        (row,) = look(ledger, feed, entry())
        return row if state == "SEEN" else ledger.move_arrival(row.id, "VANISHED", reason="gone")
    row = arrive(ledger, feed, "a")
    if state == "DUPLICATE":
        return arrive(ledger, feed, "a", "b_SL.csv", 1)
    if state in ("CHECKED", "APPLIED", "REMOVED"):
        return bring(ledger, row, state)
    if state == "KEPT":
        return ledger.move_arrival(bring(ledger, row, "APPLIED").id, "KEPT", reason="left there")
    if state == "HELD":
        return ledger.move_arrival(row.id, "HELD", reason="too many rejected rows")
    if state == "REJECTED":
        return ledger.move_arrival(row.id, "REJECTED", reason="no header", reject_code="HEADER_MISSING")
    return row


def needed(to: str) -> dict[str, Any]:
    if to == "CHECKED":
        return dict(COUNTS)
    return {"reject_code": "NOT_CSV"} if to == "REJECTED" else {}


@pytest.mark.parametrize(("before", "to"), MOVES, ids=[f"{before}-{to}" for before, to in MOVES])
def test_a_step_is_taken_only_if_the_table_has_it(ledger: Ledger, feed: Feed, before: str, to: str) -> None:
    row = standing(ledger, feed, before)
    if to in ARRIVAL_TRANSITIONS[before] and (before, to) not in BY_VERB:
        moved = ledger.move_arrival(row.id, to, reason="so it is", **needed(to))
        assert (moved.state, moved.reason) == (to, "so it is")
        assert (moved.settled_at is not None) == (to in ("REMOVED", "KEPT", "REJECTED", "VANISHED"))
        (*_, last) = ledger.arrival_events(row.id)
        assert (last.kind, last.from_state, last.to_state, last.file_id) == (to, before, to, None)
        return
    with pytest.raises(TransitionError, match=f"is {before} and cannot b"):
        ledger.move_arrival(row.id, to, reason="so it is", **needed(to))
    assert ledger.arrival(row.id) == row


@pytest.mark.parametrize(
    ("before", "to"),
    [
        (before, to)
        for before, steps in ARRIVAL_TRANSITIONS.items()
        for to in steps
        if arrival_needs_reason(before, to) and (before, to) not in BY_VERB
    ],
)
def test_what_people_ask_about_needs_a_reason(ledger: Ledger, feed: Feed, before: str, to: str) -> None:
    row = standing(ledger, feed, before)
    for reason in (None, " "):
        with pytest.raises(TransitionError, match="needs a reason"):
            ledger.move_arrival(row.id, to, reason=reason, **needed(to))


def test_a_step_without_its_facts_is_refused(ledger: Ledger, feed: Feed) -> None:
    row = arrive(ledger, feed, "a")
    with pytest.raises(TransitionError, match="CHECKED without rows_read, rows_accepted, rows_rejected"):
        ledger.move_arrival(row.id, "CHECKED", rows_read=3)
    with pytest.raises(TransitionError, match="a reject_code goes with REJECTED"):
        ledger.move_arrival(row.id, "REJECTED", reason="it is no CSV")
    with pytest.raises(TransitionError, match="a reject_code goes with REJECTED"):
        ledger.move_arrival(row.id, "HELD", reason="it is no CSV", reject_code="NOT_CSV")
    with pytest.raises(TransitionError, match="applied_at goes with APPLIED"):
        ledger.move_arrival(row.id, "CHECKED", **COUNTS, applied_at=row.landed_at)
    with pytest.raises(Exception, match="no step writes sha256"):
        ledger.move_arrival(row.id, "CHECKED", **COUNTS, sha256=digest("b"))


def test_the_time_of_the_commit_stays_to_the_end(ledger: Ledger, feed: Feed) -> None:
    row = bring(ledger, arrive(ledger, feed, "a"), "CHECKED")
    applied = ledger.move_arrival(row.id, "APPLIED", applied_at=row.landed_at)
    assert applied.applied_at == row.landed_at
    assert ledger.move_arrival(row.id, "REMOVED").applied_at == row.landed_at


def test_attempts_are_those_since_the_state_began(ledger: Ledger, feed: Feed) -> None:
    (row,) = look(ledger, feed, entry())
    for _ in range(3):
        ledger.note_arrival(row.id, "ATTEMPT_FAILED", {"code": "STALLED"})
    ledger.note_arrival(row.id, "LOOKED_AT", {})
    assert (ledger.arrival(row.id).attempts, ledger.arrival_was_noted(row.id, "LOOKED_AT")) == (3, True)
    assert not ledger.arrival_was_noted(row.id, "REMOVE_REQUESTED")
    ledger.move_arrival(row.id, "HELD", reason="reading it failed 3 times")
    released = ledger.release_arrival(row.id, reason="the partner has mended its disk")
    assert (released.state, released.attempts) == ("SEEN", 0)
    for kind in ("LANDED", "LEASE", "noted"):
        with pytest.raises(Exception, match="use a word in capitals"):
            ledger.note_arrival(row.id, kind, {})


def test_a_release_says_what_it_waives_and_a_refusal_takes_it_back(ledger: Ledger, feed: Feed) -> None:
    held = standing(ledger, feed, "HELD")
    assert ledger.released_arrival(held.id) is None
    assert ledger.release_arrival(held.id, reason="the dealer confirmed it").state == "LANDED"
    release = ledger.released_arrival(held.id)
    assert release is not None
    assert (release.reason, release.held_for, release.content_hash) == (
        "the dealer confirmed it",
        "too many rejected rows",
        held.sha256,
    )
    ledger.move_arrival(held.id, "HELD", reason="another cause")
    refused = ledger.reject_arrival(held.id, reason="the dealer sends another")
    assert (refused.state, refused.reject_code, ledger.released_arrival(held.id)) == ("REJECTED", "REFUSED", None)
    assert ledger.reopen_arrival(held.id, reason="it was right after all").state == "LANDED"


@pytest.mark.parametrize("state", ARRIVAL_STATES)
@pytest.mark.parametrize("verb", ["release", "reject", "reopen"])
def test_a_decision_is_about_what_waits_for_it(ledger: Ledger, feed: Feed, verb: str, state: str) -> None:
    row = standing(ledger, feed, state)
    decide = getattr(ledger, f"{verb}_arrival")
    if state == ("REJECTED" if verb == "reopen" else "HELD"):
        with pytest.raises(TransitionError, match="needs a reason"):
            decide(row.id, reason=" ")
        token = ledger.take_arrival_lease(row.id, seconds=60)
        with pytest.raises(LeaseHeldError):
            decide(row.id, reason="now")
        ledger.release_arrival_lease(row.id, token)
        assert decide(row.id, reason="now").state != state
        return
    with pytest.raises(TransitionError, match=f"is {state}.*there is nothing to {verb}. Next: "):
        decide(row.id, reason="now")


def test_of_two_people_who_decide_one_does(ledger: Ledger, feed: Feed, dsn: str) -> None:
    row = standing(ledger, feed, "HELD")
    verbs = ["release_arrival", "reject_arrival"] * 4
    decided = at_once(dsn, lambda own, number: getattr(own, verbs[number])(row.id, reason="mine"))
    assert sum(isinstance(each, ArrivalRow) for each in decided) == 1
    assert sum(isinstance(each, TransitionError) for each in decided) == 7


def test_the_page_has_the_table_of_the_code() -> None:
    page = Path(__file__).parents[2] / "docs" / "feeds.md"
    assert arrival_transitions_table() in page.read_text()


EDITS = {
    "UPDATE ledger.arrival SET seen_count = 7, attempts = 2, version = 9 WHERE id = {arrival}": "version",
    "UPDATE ledger.arrival SET remote_name = 'other' WHERE id = {arrival}": "remote_name",
    "UPDATE ledger.arrival SET state = 'LANDED', applied_at = NULL WHERE id = {arrival}": "applied_at, state",
    "DELETE FROM ledger.arrival WHERE id = {arrival}": "the row is gone, so all columns",
    "UPDATE ledger.inbound_feed SET delete_from_server = true WHERE id = {feed}": "delete_from_server",
    "UPDATE ledger.inbound_feed SET state = 'LIVE' WHERE id = {feed}": "state",
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_row_changed_by_hand_is_noticed(fresh_dsn: str, edit: str) -> None:
    with Ledger(fresh_dsn, actor="test") as ledger:
        feed = a_feed(ledger)
        row = bring(ledger, arrive(ledger, feed, "a"), "APPLIED")
        pause_feed(ledger, feed.id, reason="for the test")
    assert verify(fresh_dsn).whole
    execute(fresh_dsn, edit.format(arrival=row.id, feed=feed.id))
    (drift,) = verify(fresh_dsn).drifts
    kind, number = ("feed", feed.id) if "inbound_feed" in edit else ("arrival", row.id)
    assert str(drift) == f"{kind} {number}: {EDITS[edit]} differ from what its events say"


@pytest.mark.parametrize(
    "edit",
    [
        "DELETE FROM ledger.arrival",
        "TRUNCATE ledger.arrival CASCADE",
        "UPDATE ledger.arrival SET remote_name = 'x'",
        "DELETE FROM ledger.inbound_feed",
        "UPDATE ledger.inbound_feed SET pattern = 'x$'",
    ],
)
def test_the_database_refuses_to_forget_or_to_rename(ledger: Ledger, feed: Feed, dsn: str, edit: str) -> None:
    arrive(ledger, feed, "a")
    with pytest.raises(Exception, match="is refused: it is a record"):
        execute(dsn, edit, autocommit=True)
    assert scalar(dsn, f"SELECT count(*) FROM ledger.arrival WHERE feed_id = {feed.id}") == 1
