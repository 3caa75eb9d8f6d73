"""What a listing makes of arrivals: a set difference by name, size, time, and by content once the bytes are ours."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.feeds import Feed, pause_feed, terminate_feed
from include.ledger import LeaseHeldError, LeaseLostError, Ledger, LedgerError, SeenEntry, TransitionError
from include.ledger.chain import verify
from tests.ledger.arrival_cases import COUNTS, NOW, a_feed, arrive, bring, digest, entry, look
from tests.ledger.conftest import at_once, execute, scalar


@pytest.fixture
def feed(ledger: Ledger) -> Feed:
    return a_feed(ledger)


@pytest.fixture(autouse=True)
def _the_record_is_whole(dsn: str) -> Iterator[None]:
    yield
    assert verify(dsn).whole


def test_the_same_listing_ten_times_changes_nothing(ledger: Ledger, feed: Feed, dsn: str) -> None:
    listing = [entry("a_SL.csv"), entry("b_SL.csv", None, None), entry("c_SL.csv", 0, -10_000_000)]
    first = look(ledger, feed, *listing)
    assert [(row.state, row.seen_count, row.first_seen_at) for row in first] == [("SEEN", 1, NOW)] * 3
    events = scalar(dsn, "SELECT count(*) FROM ledger.event")
    for minute in range(1, 10):
        again = look(ledger, feed, *listing, after=minute)
        assert [row.id for row in again] == [row.id for row in first]
        assert {row.last_seen_at for row in again} == {NOW + timedelta(minutes=minute)}
    assert scalar(dsn, "SELECT count(*) FROM ledger.event") == events
    assert [row.seen_count for row in ledger.arrivals(feed_id=feed.id)] == [10] * 3


@pytest.mark.parametrize("minutes", [-30_000_000, -1, 0, 10_000_000], ids=["1969", "before", "now", "future"])
def test_an_mtime_says_which_file_it_is_and_never_how_new(ledger: Ledger, feed: Feed, minutes: int) -> None:
    bring(ledger, arrive(ledger, feed, "a", "newest_SL.csv"), "APPLIED")
    rows = look(ledger, feed, entry("newest_SL.csv"), entry("kept_times_SL.csv", 10, minutes), after=1)
    assert [(row.remote_name, row.state) for row in rows] == [
        ("newest_SL.csv", "APPLIED"),
        ("kept_times_SL.csv", "SEEN"),
    ]


@pytest.mark.parametrize("changed", [entry(size=11), entry(minutes=1), entry(size=None), entry(minutes=None)])
def test_another_size_or_time_is_another_file(ledger: Ledger, feed: Feed, changed: SeenEntry) -> None:
    (old,) = look(ledger, feed, entry())
    (new,) = look(ledger, feed, changed, after=1)
    assert new.id != old.id
    assert (new.state, new.first_seen_at) == ("SEEN", NOW + timedelta(minutes=1)), "its stability is reckoned anew"
    gone = ledger.arrival(old.id)
    assert gone.state == "VANISHED"
    assert "still being written, or replaced" in (gone.reason or "")


def test_what_is_landed_is_its_entry_for_ever_and_its_successor_is_new(ledger: Ledger, feed: Feed) -> None:
    kept = ledger.move_arrival(
        bring(ledger, arrive(ledger, feed, "a"), "APPLIED").id, "KEPT", reason="the feed leaves its files"
    )
    assert [row.id for row in look(ledger, feed, entry(), after=500)] == [kept.id]
    (new,) = look(ledger, feed, entry(minutes=3), after=501)
    assert (new.state, ledger.arrival(kept.id).state) == ("SEEN", "KEPT")


def test_what_is_gone_claims_no_entry_and_its_content_decides(ledger: Ledger, feed: Feed) -> None:
    removed = bring(ledger, arrive(ledger, feed, "a"), "REMOVED")
    (back,) = look(ledger, feed, entry(), after=60)
    assert (back.id != removed.id, back.state) == (True, "SEEN")
    landed = ledger.land(back.id, sha256=digest("a"), size=10)
    assert (landed.state, landed.duplicate_of, landed.version) == ("DUPLICATE", removed.id, 1)
    assert ledger.arrival(removed.id) == removed


def test_seen_and_gone_before_it_was_read_is_vanished_and_may_come_back(ledger: Ledger, feed: Feed) -> None:
    (row,) = look(ledger, feed, entry())
    assert look(ledger, feed, after=1) == []
    assert (ledger.arrival(row.id).state, ledger.arrival(row.id).reason) == ("VANISHED", "it is not listed any more")
    (back,) = look(ledger, feed, entry(), after=2)
    assert (back.id > row.id, back.first_seen_at) == (True, NOW + timedelta(minutes=2))


def test_what_somebody_is_reading_does_not_vanish_under_them(ledger: Ledger, feed: Feed) -> None:
    (row,) = look(ledger, feed, entry())
    token = ledger.take_arrival_lease(row.id, seconds=60)
    look(ledger, feed, after=1)
    assert ledger.land(row.id, sha256=digest("a"), size=10, token=token).state == "LANDED"


def test_a_renamed_copy_is_a_duplicate_and_points_at_the_first(ledger: Ledger, feed: Feed) -> None:
    first = arrive(ledger, feed, "a", "a_SL.csv")
    second = arrive(ledger, feed, "a", "b_SL.csv", 1)
    third = arrive(ledger, feed, "a", "c_SL.csv", 2)
    assert [(row.state, row.duplicate_of) for row in (first, second, third)] == [
        ("LANDED", None),
        ("DUPLICATE", first.id),
        ("DUPLICATE", first.id),
    ]
    assert second.reason == f"the same content as arrival {first.id}"


def test_the_same_name_with_other_content_is_a_new_version(ledger: Ledger, feed: Feed) -> None:
    rows = [arrive(ledger, feed, content, minutes=minute) for minute, content in enumerate("aabbba")]
    assert [(row.state, row.version) for row in rows] == [
        ("LANDED", 1),
        ("DUPLICATE", 1),
        ("LANDED", 2),
        ("DUPLICATE", 2),
        ("DUPLICATE", 2),
        ("LANDED", 3),
    ]
    assert rows[-1].reason == f"the content of arrival {rows[0].id} again, after another under the same name"


def test_feeds_and_dealers_have_contents_of_their_own(ledger: Ledger, feed: Feed) -> None:
    arrive(ledger, feed, "a")
    other_kind = a_feed(ledger, interface="proresponse_service", dealer=feed.dealer, pattern=r"_SV\.csv$")
    assert arrive(ledger, other_kind, "a", "a_SV.csv").state == "LANDED"
    assert arrive(ledger, a_feed(ledger), "a").state == "LANDED"


def test_a_new_feed_of_the_dealer_knows_what_the_old_one_landed(ledger: Ledger, feed: Feed) -> None:
    first = bring(ledger, arrive(ledger, feed, "a"), "APPLIED")
    terminate_feed(ledger, feed.id, reason="the directory moved")
    successor = a_feed(ledger, dealer=feed.dealer)
    again = arrive(ledger, successor, "a", "a_SL.csv", 5)
    assert (again.state, again.duplicate_of) == ("DUPLICATE", first.id)


def test_a_rejected_content_gets_another_chance_and_takes_its_copies_along(ledger: Ledger, feed: Feed) -> None:
    first, copy = arrive(ledger, feed, "a"), arrive(ledger, feed, "a", "b_SL.csv", 1)
    ledger.move_arrival(first.id, "REJECTED", reason="no header", reject_code="HEADER_MISSING")
    with_it = ledger.arrival(copy.id)
    assert (with_it.state, with_it.reject_code) == ("REJECTED", "HEADER_MISSING")
    assert arrive(ledger, feed, "a", "c_SL.csv", 2).state == "LANDED"
    again = ledger.reopen_arrival(copy.id, reason="the contract knows the header now")
    assert (again.state, again.duplicate_of, again.reject_code, again.settled_at) == ("LANDED", None, None, None)
    bring(ledger, again, "REMOVED")


def test_landing_twice_is_landing_once_and_other_bytes_are_refused(ledger: Ledger, feed: Feed) -> None:
    (row,) = look(ledger, feed, entry())
    with pytest.raises(LedgerError, match="11 bytes were read of a file listed with 10"):
        ledger.land(row.id, sha256=digest("a"), size=11)
    landed = ledger.land(row.id, sha256=digest("a"), size=10)
    assert ledger.land(row.id, sha256=digest("a"), size=10) == landed
    with pytest.raises(TransitionError, match="is LANDED and cannot become"):
        ledger.land(row.id, sha256=digest("b"), size=10)
    (unsized,) = [r for r in look(ledger, feed, entry(), entry("u_SL.csv", None, None), after=1) if r.size is None]
    assert ledger.land(unsized.id, sha256=digest("c"), size=77).bytes == 77


def test_an_unsafe_name_is_one_rejected_row_however_often_it_is_listed(ledger: Ledger, feed: Feed) -> None:
    unsafe = SeenEntry(r"..\x2fa_SL.csv", 5, NOW, "NAME_UNSAFE", "the name holds a path separator")
    (row,) = look(ledger, feed, unsafe)
    assert (row.state, row.reject_code) == ("REJECTED", "NAME_UNSAFE")
    assert [again.id for again in look(ledger, feed, unsafe, after=1)] == [row.id]
    with pytest.raises(TransitionError, match="stays unsafe"):
        ledger.reopen_arrival(row.id, reason="let me")


@pytest.mark.parametrize("name", ["a\n_SL.csv", "a\x00_SL.csv", "a\x1b[2J_SL.csv", "a\u202e_SL.csv", "\udce9_SL.csv"])
def test_a_hostile_name_is_never_stored_raw(ledger: Ledger, feed: Feed, name: str) -> None:
    with pytest.raises(LedgerError, match="cannot be printed") as refused:
        look(ledger, feed, SeenEntry(name, 1, NOW))
    assert str(refused.value).isascii()
    assert ledger.arrivals(feed_id=feed.id) == []


def test_what_cannot_be_a_listing_is_refused(ledger: Ledger, feed: Feed) -> None:
    with pytest.raises(LedgerError, match="listed twice alike"):
        look(ledger, feed, entry(), entry())
    with pytest.raises(LedgerError, match="no time zone"):
        ledger.seen(feed.id, [], at=datetime(2026, 11, 20))  # noqa: DTZ001 -- the fault under test
    with pytest.raises(LedgerError, match="no inbound feed 987654"):
        ledger.seen(987654, [], at=NOW)
    assert ledger.arrivals(feed_id=feed.id) == []


def test_new_names_are_taken_in_portions(ledger: Ledger, feed: Feed) -> None:
    listing = [entry(f"{number}_SL.csv") for number in range(5)]
    assert [len(look(ledger, feed, *listing, after=minute, limit=2)) for minute in range(4)] == [2, 4, 5, 5]


def test_of_a_feed_that_is_not_live_nothing_is_noted(ledger: Ledger, feed: Feed) -> None:
    (row,) = look(ledger, feed, entry())
    pause_feed(ledger, feed.id, reason="the dealer moves")
    assert look(ledger, feed, entry("b_SL.csv"), after=1) == []
    assert [row.state for row in ledger.arrivals(feed_id=feed.id)] == ["SEEN"]
    terminate_feed(ledger, feed.id, reason="the dealer left")
    assert ledger.arrival(row.id).state == "VANISHED"


def test_two_listings_at_once_make_each_file_one_row(ledger: Ledger, feed: Feed, dsn: str) -> None:
    listing = [entry(f"{number}_SL.csv") for number in range(40)]

    def list_it(own: Ledger, number: int) -> int:
        shuffled = random.Random(number).sample(listing, len(listing))
        return len(own.seen(feed.id, shuffled, at=NOW))

    assert at_once(dsn, list_it) == [40] * 8
    assert [row.seen_count for row in ledger.arrivals(feed_id=feed.id)] == [8] * 40


def test_copies_that_land_at_once_have_one_original(ledger: Ledger, feed: Feed, dsn: str) -> None:
    rows = look(ledger, feed, *(entry(f"{number}_SL.csv") for number in range(8)))
    landed = at_once(dsn, lambda own, number: own.land(rows[number].id, sha256=digest("one"), size=10))
    originals = [row for row in landed if row.state == "LANDED"]
    assert len(originals) == 1
    assert {row.duplicate_of for row in landed if row.state == "DUPLICATE"} == {originals[0].id}


def test_of_two_attempts_one_has_the_arrival_and_the_late_one_stops(ledger: Ledger, feed: Feed, dsn: str) -> None:
    (row,) = look(ledger, feed, entry())
    taken = at_once(dsn, lambda own, _: own.take_arrival_lease(row.id, seconds=60))
    (first,) = [token for token in taken if isinstance(token, int)]
    assert sum(isinstance(token, LeaseHeldError) for token in taken) == 7
    execute(dsn, f"UPDATE ledger.arrival SET lease_until = now() - interval '1 s' WHERE id = {row.id}")
    second = ledger.take_arrival_lease(row.id, seconds=60)
    assert second > first
    for late in (
        lambda: ledger.land(row.id, sha256=digest("a"), size=10, token=first),
        lambda: ledger.move_arrival(row.id, "VANISHED", reason="gone", token=first),
        lambda: ledger.note_arrival(row.id, "REMOVE_REQUESTED", {}, token=first),
        lambda: ledger.renew_arrival_lease(row.id, first, seconds=60),
        lambda: ledger.assert_arrival_lease(row.id, first),
    ):
        with pytest.raises(LeaseLostError):
            late()
    ledger.release_arrival_lease(row.id, first)
    ledger.assert_arrival_lease(row.id, second)
    assert ledger.arrival(row.id).state == "SEEN"


NAMES = st.sampled_from(["a_SL.csv", "b_SL.csv", "c_SL.csv"])
PLACES = st.tuples(NAMES, st.sampled_from([1, 2, None]), st.sampled_from([-1_000_000, 0, 5, None]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sets(PLACES, max_size=5), st.booleans()), min_size=1, max_size=6))
def test_whatever_is_listed_is_known_once_and_by_its_entry(
    ledger: Ledger, listings: list[tuple[set[tuple[str, int | None, int | None]], bool]]
) -> None:
    """Against a model: an entry is the standing row with its three values, or a new one."""
    feed = a_feed(ledger)
    standing: dict[tuple[str, int | None, int | None], int] = {}
    settled: set[int] = set()
    for minute, (places, apply_all) in enumerate(listings):
        rows = look(ledger, feed, *(entry(*place) for place in places), after=minute)
        found = {
            (r.remote_name, r.size, None if r.mtime is None else int((r.mtime - NOW).total_seconds() // 60)): r
            for r in rows
        }
        assert found.keys() == places
        for place, row in found.items():
            assert standing.setdefault(place, row.id) == row.id
            if apply_all and row.state == "SEEN":
                landed = ledger.land(row.id, sha256=digest(f"{feed.id} {place}"), size=row.size or 1)
                if landed.state == "LANDED":
                    bring(ledger, landed, "APPLIED")
                settled.add(row.id)
        standing = {place: known for place, known in standing.items() if place in places or known in settled}
    states = {row.id: row.state for row in ledger.arrivals(feed_id=feed.id)}
    assert {known for known, state in states.items() if state != "VANISHED"} == set(standing.values())


def test_counts_that_do_not_add_up_are_refused_by_the_database_too(ledger: Ledger, feed: Feed, dsn: str) -> None:
    row = arrive(ledger, feed, "a")
    with pytest.raises(TransitionError, match="9 rows read are not 2 accepted and 1 rejected"):
        ledger.move_arrival(row.id, "CHECKED", **{**COUNTS, "rows_read": 9})
    with pytest.raises(Exception, match="arrival_counts"):
        execute(dsn, f"UPDATE ledger.arrival SET rows_read = 9, rows_accepted = 2, rows_rejected = 1 WHERE id={row.id}")
