"""What wakes a run: each new file once, when it stands still, and nothing that a run has seen."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from include.collect.watch import Watch
from include.feeds import Feed, pause_feed
from include.sftp import Endpoint
from tests.collect.collecting import Partner, apply, drop


def look(watch: Watch, partner: Partner, *more: Feed) -> int:
    return watch.look([partner.feed, *more], lambda conn_id: partner.endpoint, partner.ledger)


def test_a_file_is_told_once_when_two_looks_have_found_it_alike(partner: Partner) -> None:
    watch = Watch()
    assert look(watch, partner) == 0
    drop(partner.home / "day_SL.csv")
    drop(partner.home / "another.txt")
    assert [look(watch, partner) for _ in range(4)] == [0, 1, 0, 0]


def test_a_file_that_grows_wakes_nobody_until_it_stands_still(partner: Partner) -> None:
    watch = Watch()
    told = []
    for number in range(1, 4):
        drop(partner.home / "day_SL.csv", b"x" * number)
        told.append(look(watch, partner))
    assert [*told, look(watch, partner), look(watch, partner)] == [0, 0, 0, 1, 0]


def test_what_a_run_has_seen_is_not_told_whoever_asks(partner: Partner) -> None:
    drop(partner.home / "day_SL.csv")
    partner.collect()
    # As after a restart of the triggerer: nothing is remembered but what the ledger has.
    assert [look(Watch(), partner) for _ in range(2)] == [0, 0]
    watch = Watch()
    assert [look(watch, partner) for _ in range(3)] == [0, 0, 0]


def test_the_same_name_again_is_told_again(partner: Partner) -> None:
    watch = Watch()
    path = drop(partner.home / "day_SL.csv", mtime=1_700_000_000)
    assert [look(watch, partner), look(watch, partner)] == [0, 1]
    partner.collect()
    apply(partner.ledger, partner.row().id)
    partner.remove([partner.row().id])
    assert not path.exists()
    assert look(watch, partner) == 0
    drop(path, b"a,b\n3,4\n", mtime=1_700_000_100)
    assert [look(watch, partner), look(watch, partner), look(watch, partner)] == [0, 1, 0]


def test_a_name_that_no_run_will_read_and_a_paused_feed_wake_nobody(partner: Partner) -> None:
    (partner.home / "link_SL.csv").symlink_to(partner.home)
    (partner.home / "folder_SL.csv").mkdir()
    watch = Watch()
    assert [look(watch, partner) for _ in range(3)] == [0, 0, 0]
    drop(partner.home / "day_SL.csv")
    partner.feed = pause_feed(partner.ledger, partner.feed.id, reason="until somebody has looked")
    assert [look(watch, partner) for _ in range(3)] == [0, 0, 0]


def test_a_directory_that_is_not_there_is_said_once_and_the_others_are_watched(
    partner: Partner, make_feed: Callable[..., Feed], caplog: pytest.LogCaptureFixture
) -> None:
    gone = make_feed(below="never_made", make_directory=False)
    drop(partner.home / "day_SL.csv")
    watch = Watch()
    with caplog.at_level(logging.WARNING):
        assert [look(watch, partner, gone) for _ in range(3)] == [0, 1, 0]
    assert len([record for record in caplog.records if "cannot be watched" in record.message]) == 1


def test_a_connection_that_cannot_be_used_is_said_once_and_asked_again(
    partner: Partner, caplog: pytest.LogCaptureFixture
) -> None:
    drop(partner.home / "day_SL.csv")
    usable = False

    def endpoint_for(conn_id: str) -> Endpoint:
        if not usable:
            raise KeyError(conn_id)
        return partner.endpoint

    watch = Watch()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert watch.look([partner.feed], endpoint_for, partner.ledger) == 0
        assert len(caplog.records) == 1
        usable = True
        assert [watch.look([partner.feed], endpoint_for, partner.ledger) for _ in range(2)] == [0, 1]
