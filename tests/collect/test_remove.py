"""What is removed at the partner: only what is committed, ours, and still the file that was read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from include.archive import Archive
from include.feeds import Feed
from include.ledger import Ledger
from local.partners import Behaviour, start_partner
from tests.collect.collecting import Clock, Partner, apply, drop, new_feed

THEN = 1_700_000_000


def landed(partner: Partner, name: str = "day_SL.csv", content: bytes = b"a,b\n1,2\n") -> int:
    drop(partner.home / name, content, mtime=THEN)
    return partner.collect().arrival_ids[-1]


def test_a_committed_file_is_removed_and_comes_back_as_nothing(partner: Partner) -> None:
    arrival = landed(partner)
    apply(partner.ledger, arrival)
    assert partner.remove([arrival]).counts == {"removed": 1}
    assert partner.names() == []
    assert partner.remove([arrival]).counts == {"settled": 1}
    assert partner.collect().counts["landed"] == 0
    assert partner.row().state == "REMOVED"


def test_without_ids_all_that_waits_of_the_feeds_is_settled(partner: Partner, make_feed: Callable[..., Feed]) -> None:
    other = make_feed(below="other")
    drop(partner.home / "other" / "x_SL.csv", b"x", mtime=THEN)
    for content in (b"one", b"two"):
        apply(partner.ledger, landed(partner, f"{content.decode()}_SL.csv", content))
    partner.collect(other)
    (elsewhere,) = partner.ledger.arrivals(feed_id=other.id)
    apply(partner.ledger, elsewhere.id)
    landed(partner, "three_SL.csv", b"three")
    assert partner.remove(None).counts == {"removed": 2}
    assert partner.names() == ["other", "three_SL.csv"]
    assert (partner.home / "other" / "x_SL.csv").exists(), "nobody named this feed"


@pytest.mark.parametrize("state", ["LANDED", "CHECKED", "HELD", "REJECTED"])
def test_what_is_not_committed_is_not_removed(partner: Partner, state: str) -> None:
    arrival = landed(partner)
    if state == "CHECKED":
        partner.ledger.move_arrival(arrival, "CHECKED", rows_read=1, rows_accepted=1, rows_rejected=0)
    elif state == "HELD":
        partner.ledger.move_arrival(arrival, "HELD", reason="too many rejected rows")
    elif state == "REJECTED":
        partner.ledger.move_arrival(arrival, "REJECTED", reason="no such header", reject_code="HEADER_MISSING")
    partner.remove([arrival])
    assert partner.names() == ["day_SL.csv"]
    assert partner.row().state == state


def other_bytes(path: Path) -> None:
    drop(path, b"a,b\n1,3\n", mtime=THEN)


def other_time(path: Path) -> None:
    os.utime(path, (THEN + 1, THEN + 1))


def a_link(path: Path) -> None:
    path.rename(path.with_name("kept"))
    path.symlink_to("kept")


@pytest.mark.parametrize("change", [other_bytes, other_time, a_link])
def test_what_is_not_the_file_that_was_read_is_kept(partner: Partner, change: Callable[[Path], None]) -> None:
    arrival = landed(partner)
    apply(partner.ledger, arrival)
    path = partner.home / "day_SL.csv"
    change(path)
    before = path.read_bytes()
    assert partner.remove([arrival]).counts == {"kept": 1}
    assert path.read_bytes() == before
    row = partner.row()
    assert row.state == "KEPT"
    assert "another file" in (row.reason or "")


def test_a_file_that_the_partner_took_away_is_settled(partner: Partner) -> None:
    arrival = landed(partner)
    apply(partner.ledger, arrival)
    (partner.home / "day_SL.csv").unlink()
    assert partner.remove([arrival]).counts == {"absent": 1}
    assert "partner had taken it away" in (partner.row().reason or "")


def test_a_large_file_goes_by_size_and_time(partner: Partner) -> None:
    partner.limits = replace(partner.limits, rehash_bytes=3)
    arrival = landed(partner)
    apply(partner.ledger, arrival)
    assert partner.remove([arrival]).counts == {"removed": 1}


@pytest.mark.parametrize("manner", [Behaviour(remove_refused=True), Behaviour(read_only=True)])
def test_f54_a_removal_that_is_refused_leaves_the_import_and_is_not_imported_again(
    tmp_path: Path, ledger: Ledger, archive: Archive, clock: Clock, manner: Behaviour
) -> None:
    with start_partner(tmp_path, ["merkle"], manner) as running:
        home = running["merkle"].home / tmp_path.name
        home.mkdir()
        partner = Partner(running["merkle"].endpoint(), home, new_feed(ledger, tmp_path.name), ledger, archive, clock)
        arrival = landed(partner)
        apply(ledger, arrival)
        assert partner.remove([arrival]).counts == {"kept": 1}
        row = partner.row()
        assert (row.state, row.applied_at is not None) == ("KEPT", True)
        assert "does not let us remove" in (row.reason or "")
        for _ in range(2):
            assert partner.collect().arrival_ids == ()
        assert len(partner.rows()) == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"delete_from_server": False}, "KEPT"), ({"state": "TERMINATED"}, "KEPT"), ({"state": "PAUSED"}, "APPLIED")],
)
def test_the_feed_decides_without_asking_the_partner(
    partner: Partner, change: dict[str, object], expected: str
) -> None:
    arrival = landed(partner)
    apply(partner.ledger, arrival)
    partner.feed = replace(partner.feed, **change)  # type: ignore[arg-type]
    partner.endpoint = replace(partner.endpoint, port=1)
    assert partner.remove([arrival]).failures == ()
    assert partner.row().state == expected
    assert partner.names() == ["day_SL.csv"]


def test_a_file_whose_bytes_we_do_not_have_is_kept(partner: Partner) -> None:
    arrival = landed(partner, content=os.urandom(20))
    apply(partner.ledger, arrival)
    sha256 = partner.row().sha256
    assert sha256
    partner.archive.remove(sha256, reason="test")
    assert partner.remove([arrival]).counts == {"kept": 1}
    assert partner.names() == ["day_SL.csv"]


def test_an_arrival_that_somebody_else_works_on_is_left_to_them(partner: Partner) -> None:
    arrival = landed(partner)
    apply(partner.ledger, arrival)
    token = partner.ledger.take_arrival_lease(arrival, seconds=60)
    assert partner.remove([arrival]).counts == {"busy": 1}
    partner.ledger.release_arrival_lease(arrival, token)
    assert partner.remove([arrival]).counts == {"removed": 1}


def test_one_that_fails_does_not_stop_the_next(partner: Partner, make_feed: Callable[..., Feed]) -> None:
    arrival = landed(partner)
    apply(partner.ledger, arrival)
    away = make_feed(below="away", conn_id="away_sftp")
    drop(partner.home / "away" / "x_SL.csv", b"x", mtime=THEN)
    partner.collect(away)
    (lost,) = (row.id for row in partner.ledger.arrivals(interface=away.interface) if row.feed_id == away.id)
    apply(partner.ledger, lost)
    from include.collect import remove

    done = remove(
        [away, partner.feed],
        [lost, arrival],
        lambda conn_id: replace(partner.endpoint, port=1) if conn_id == "away_sftp" else partner.endpoint,
        ledger=partner.ledger,
        archive=partner.archive,
        limits=partner.limits,
    )
    assert done.counts == {"failed": 1, "removed": 1}
    assert partner.ledger.arrival(lost).state == "APPLIED"
