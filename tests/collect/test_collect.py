"""Collecting from a real server: what is landed, what is not yet, what never, and that nothing disturbs the next."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from include.archive import Archive
from include.collect import CollectLimits
from include.feeds import Feed
from include.ledger import Ledger
from include.sftp import Endpoint, ListingLimits, open_sessions
from local.partners import Behaviour, PartnerEndpoint, start_partner
from tests.collect.collecting import SHORT, Clock, Partner, apply, drop, new_feed
from tests.faults.proxy import FaultProxy

MakeFeed = Callable[..., Feed]


@pytest.fixture(autouse=True)
def _no_connection_is_left() -> Iterator[None]:
    yield
    assert open_sessions() == 0


def test_a_file_that_stands_still_is_landed_as_it_is(partner: Partner) -> None:
    drop(partner.home / "day_SL.csv", b"some,rows\n" * 1000)
    done = partner.collect()
    row = partner.row()
    assert (row.state, row.size, row.remote_name) == ("LANDED", 10_000, "day_SL.csv")
    assert partner.bytes_of(row) == b"some,rows\n" * 1000
    assert done.arrival_ids == (row.id,)
    assert (done.counts["landed"], done.failures) == (1, ())
    assert partner.clock.waited == 60
    assert partner.names() == ["day_SL.csv"], "collecting takes nothing away"


def test_the_two_sightings_may_lie_in_two_calls(partner: Partner) -> None:
    drop(partner.home / "day_SL.csv")
    assert partner.collect(wait=None).counts["waiting"] == 1
    partner.clock.wait(59)
    partner.collect(wait=None)
    assert partner.row().state == "SEEN"
    partner.clock.wait(1)
    partner.collect(wait=None)
    assert partner.row().state == "LANDED"


def test_f36_a_file_that_still_grows_is_left_until_it_stands_still(partner: Partner) -> None:
    path = drop(partner.home / "day_SL.csv", b"half", mtime=1_700_000_000)
    partner.clock.meanwhile.append(lambda: drop(path, b"half and more", mtime=1_700_000_030))
    assert partner.collect().arrival_ids == ()
    assert "LANDED" not in {row.state for row in partner.rows()}
    partner.collect()
    (landed,) = (row for row in partner.rows() if row.state == "LANDED")
    assert partner.bytes_of(landed) == b"half and more"


def test_f37_a_writer_that_pauses_too_long_brings_a_second_version_and_loses_nothing(partner: Partner) -> None:
    path = drop(partner.home / "day_SL.csv", b"a,b\n1,", mtime=1_700_000_000)
    (half,) = partner.collect().arrival_ids
    drop(path, b"a,b\n1,2\n", mtime=1_700_000_500)
    partner.collect()
    first, second = partner.rows()
    assert (first.state, second.state, second.version) == ("LANDED", "LANDED", 2)
    assert partner.bytes_of(second) == b"a,b\n1,2\n"
    apply(partner.ledger, half)
    partner.remove([half])
    assert partner.ledger.arrival(half).state == "KEPT"
    assert path.read_bytes() == b"a,b\n1,2\n", "the whole file is not imported yet"


def test_f38_a_file_that_goes_between_listing_and_reading_is_not_landed(partner: Partner) -> None:
    path = drop(partner.home / "day_SL.csv")
    other = drop(partner.home / "night_SL.csv")
    partner.collect(on_step=lambda _, step: path.unlink(missing_ok=True) if step == "before_download" else None)
    assert dict(partner.states()) == {"day_SL.csv": "VANISHED", other.name: "LANDED"}


def test_f38_a_file_that_is_replaced_between_listing_and_reading_is_looked_at_anew(partner: Partner) -> None:
    path = drop(partner.home / "day_SL.csv", b"old", mtime=1_700_000_000)

    def replace_it(_: int, step: str) -> None:
        if step == "before_download":
            drop(path, b"new", mtime=1_700_000_100)

    done = partner.collect(on_step=replace_it)
    assert [(failure.code, failure.transient) for failure in done.failures] == [("REMOTE_CHANGED", True)]
    assert partner.row().state == "SEEN"
    partner.collect()
    (landed,) = (row for row in partner.rows() if row.state == "LANDED")
    assert partner.bytes_of(landed) == b"new"


def test_a_file_that_another_call_lands_between_our_sighting_and_our_lease_is_left_alone(partner: Partner) -> None:
    drop(partner.home / "day_SL.csv")
    others: list[int | None] = []

    def overtake(_: int, step: str) -> None:
        if step == "before_lease" and not others:
            others.append(None)
            others.append(partner.collect(stable_seconds=0.0).counts["landed"])

    done = partner.collect(on_step=overtake)
    assert others == [None, 1]
    assert (done.counts["landed"], done.counts["settled"], done.counts["duplicate"]) == (0, 1, 0)
    assert partner.row().state == "LANDED"


def test_f39_the_same_file_again_is_a_duplicate_and_is_tidied_away_once_the_first_is_committed(
    partner: Partner,
) -> None:
    path = drop(partner.home / "day_SL.csv", mtime=1_700_000_000)
    (first,) = partner.collect().arrival_ids
    for _ in range(3):
        partner.collect()
    assert partner.row().state == "LANDED", "what lies there is known"
    drop(path, mtime=1_700_000_100)
    partner.collect()
    again = partner.rows()[1]
    assert (again.state, again.duplicate_of) == ("DUPLICATE", first)
    assert partner.remove([first, again.id]).counts["removed"] == 0
    assert path.exists(), "the only file at the partner, and its import is not committed"
    apply(partner.ledger, first)
    partner.remove([first, again.id])
    assert [row.state for row in partner.rows()] == ["KEPT", "REMOVED"]
    assert not path.exists()


def test_f40_the_same_name_with_other_content_is_a_new_version(partner: Partner) -> None:
    path = drop(partner.home / "day_SL.csv", b"one", mtime=1_700_000_000)
    partner.collect()
    drop(path, b"two", mtime=1_700_000_000 + 86_400)
    partner.collect()
    assert [(row.state, row.version) for row in partner.rows()] == [("LANDED", 1), ("LANDED", 2)]


def test_f41_one_content_under_two_names_and_names_in_two_spellings(partner: Partner) -> None:
    drop(partner.home / "a_SL.csv", b"same", mtime=1_700_000_000)
    drop(partner.home / "b_SL.csv", b"same", mtime=1_700_000_000)
    drop(partner.home / "A_SL.csv", b"other", mtime=1_700_000_000)
    partner.collect()
    rows = {row.remote_name: row for row in partner.rows()}
    assert rows["A_SL.csv"].state == "LANDED"
    pair = [rows["a_SL.csv"], rows["b_SL.csv"]]
    assert sorted(row.state for row in pair) == ["DUPLICATE", "LANDED"]
    (copy,) = (row for row in pair if row.state == "DUPLICATE")
    assert copy.duplicate_of in {row.id for row in pair} - {copy.id}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin"])
def test_f42_no_time_is_too_old_too_new_or_in_another_zone(
    partner: Partner, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    times = {"old": 5, "future": 4_000_000_000, "autumn": 1_792_890_000, "spring": 1_806_110_000}
    for name, at in times.items():
        drop(partner.home / f"{name}_SL.csv", name.encode(), mtime=at)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        partner.collect()
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        partner.collect()
    finally:
        monkeypatch.undo()
        time.tzset()
    found = {row.remote_name: row for row in partner.rows()}
    assert len(partner.rows()) == len(times)
    assert {row.state for row in found.values()} == {"LANDED"}
    for name, at in times.items():
        mtime = found[f"{name}_SL.csv"].mtime
        assert mtime is not None
        assert int(mtime.timestamp()) == at


def test_f43_files_that_come_in_another_order_are_all_landed(partner: Partner) -> None:
    for day in (22, 20, 23, 21):
        drop(partner.home / f"202603{day}_SL.csv", str(day).encode(), mtime=1_700_000_000 + day)
        partner.collect()
    assert [row.state for row in partner.rows()] == ["LANDED"] * 4


def test_f50_hostile_names_are_listed_and_never_opened(
    tmp_path: Path, ledger: Ledger, archive: Archive, clock: Clock
) -> None:
    names = ("../../x_SL.csv", "a/b_SL.csv", "/etc/y_SL.csv", "caf\xe9_SL.csv", "n\x00_SL.csv", "l" * 300 + "_SL.csv")
    with start_partner(tmp_path, ["merkle"], Behaviour(lists_also=names)) as running:
        home = running["merkle"].home / tmp_path.name
        home.mkdir()
        drop(home / "day_SL.csv")
        drop(home / "line\nbreak_SL.csv")
        (home / "link_SL.csv").symlink_to(home / "day_SL.csv")
        (home / "folder_SL.csv").mkdir()
        partner = Partner(running["merkle"].endpoint(), home, new_feed(ledger, tmp_path.name), ledger, archive, clock)
        for _ in range(2):
            partner.collect()
    rows = partner.rows()
    assert len(rows) == len(names) + 4, "each is listed once, however often it is seen"
    assert [row.remote_name for row in rows if row.state == "LANDED"] == ["day_SL.csv"]
    refused = [row for row in rows if row.state != "LANDED"]
    assert {(row.state, row.reject_code) for row in refused} == {("REJECTED", "NAME_UNSAFE")}
    assert all(row.remote_name.isprintable() for row in refused)
    assert all(row.sha256 is None for row in refused)


@pytest.mark.parametrize("fault", ["missing directory", "too many names", "unusable connection"])
def test_one_feed_that_fails_does_not_stop_the_next(partner: Partner, make_feed: MakeFeed, fault: str) -> None:
    good = make_feed(below="good")
    drop(partner.home / "good" / "day_SL.csv")
    if fault == "missing directory":
        bad = make_feed(below="absent", make_directory=False)
    elif fault == "too many names":
        bad = make_feed(below="crowded")
        for number in range(12):
            drop(partner.home / "crowded" / str(number))
    else:
        bad = make_feed(below="elsewhere", conn_id="elsewhere_sftp")

    def endpoint_for(conn_id: str) -> Endpoint:
        if conn_id == "elsewhere_sftp":
            raise KeyError("no such connection")
        return partner.endpoint

    limits = replace(partner.limits, listing=ListingLimits(entries=10))
    from include.collect import collect

    done = collect(
        bad.interface,
        [bad, good],
        endpoint_for,
        ledger=partner.ledger,
        archive=partner.archive,
        now=partner.clock.now,
        wait=partner.clock.wait,
        limits=limits,
    )
    assert {failure.feed_id for failure in done.failures} == {bad.id}
    assert done.counts["landed"] == 1


def test_all_feeds_of_a_connection_share_one_session_and_directories_one_listing(
    partner: Partner, make_feed: MakeFeed, merkle: PartnerEndpoint
) -> None:
    others = [make_feed(below=f"d{number}") for number in range(3)]
    for number in range(3):
        drop(partner.home / f"d{number}" / "day_SL.csv", str(number).encode())
    with FaultProxy((merkle.host, merkle.port)) as proxy:
        partner.endpoint = merkle.endpoint(port=proxy.port)
        assert partner.collect(*others).counts["landed"] == 3
        assert proxy.connections == 1


def test_feeds_of_one_directory_share_its_listing_and_no_file(make_feed: MakeFeed, partner: Partner) -> None:
    first = make_feed(below="both", pattern=r"^a.*_SL\.csv$")
    second = make_feed(below="both", pattern=r"^b.*_SL\.csv$")
    for name in ("a1_SL.csv", "b1_SL.csv", "b2_SL.csv", "c_SL.csv"):
        drop(partner.home / "both" / name, name.encode())
    partner.feed = first
    done = partner.collect(second, stable_seconds=0.0)
    assert (done.counts["listed"], done.counts["landed"]) == (4, 3)
    assert partner.states() == [("a1_SL.csv", "LANDED")]


def test_a_partner_that_is_away_or_changed_its_key_is_a_failure_of_its_feeds_asked_once(
    partner: Partner, make_feed: MakeFeed, merkle: PartnerEndpoint
) -> None:
    other = make_feed(below="d")
    with FaultProxy((merkle.host, merkle.port)) as proxy:
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFKxVEVUsE4TSLHAkUvFlXc8ktuDuLFkBmbN0Yx1nxX5"
        partner.endpoint = replace(merkle.endpoint(port=proxy.port), host_keys=(key,))
        done = partner.collect(other)
        assert proxy.connections == 1
    assert {(failure.code, failure.transient) for failure in done.failures} == {("HOST_KEY_CHANGED", False)}
    assert {failure.feed_id for failure in done.failures} == {partner.feed.id, other.id}


def test_f55_a_file_that_kills_every_reading_is_held_after_some_attempts_and_the_others_come(
    tmp_path: Path, ledger: Ledger, archive: Archive, clock: Clock
) -> None:
    with start_partner(tmp_path, ["merkle"], Behaviour(drops_readers_of="poison_SL.csv")) as running:
        home = running["merkle"].home / tmp_path.name
        home.mkdir()
        drop(home / "poison_SL.csv", b"p")
        partner = Partner(running["merkle"].endpoint(), home, new_feed(ledger, tmp_path.name), ledger, archive, clock)
        partner.limits = CollectLimits(transfer=SHORT, attempts=2)
        for number in range(3):
            drop(home / f"{number}_SL.csv", str(number).encode())
            partner.collect()
    states = dict(partner.states())
    assert states.pop("poison_SL.csv") == "HELD"
    assert set(states.values()) == {"LANDED"}


def test_a_file_that_is_too_large_is_rejected_unread(partner: Partner) -> None:
    partner.limits = CollectLimits(transfer=SHORT, file_bytes=1000)
    drop(partner.home / "big_SL.csv", bytes(1001))
    drop(partner.home / "day_SL.csv", bytes(1000))
    partner.collect()
    found = {row.remote_name: (row.state, row.reject_code) for row in partner.rows()}
    assert found == {"big_SL.csv": ("REJECTED", "TOO_LARGE"), "day_SL.csv": ("LANDED", None)}


def test_f57_a_crowd_of_names_is_taken_in_portions_and_none_is_forgotten(partner: Partner) -> None:
    for number in range(25):
        drop(partner.home / f"{number:02d}_SL.csv", str(number).encode())
    for number in range(40):
        os.close(os.open(partner.home / f"{number:02d}.txt", os.O_CREAT | os.O_WRONLY))
    partner.limits = CollectLimits(transfer=SHORT, files=5, new_names=10)
    landed = []
    for _ in range(8):
        landed.append(partner.collect().counts["landed"])
    assert max(landed) <= 10, "two rounds of five at most"
    assert {row.state for row in partner.rows()} == {"LANDED"}
    assert len(partner.rows()) == 25


def test_paused_and_foreign_feeds_are_not_looked_at(partner: Partner) -> None:
    drop(partner.home / "day_SL.csv")
    partner.feed = replace(partner.feed, state="PAUSED")
    assert partner.collect().counts["listed"] == 0
    assert partner.rows() == []
