"""Listing, reading and removing at a real server: what is there, what is hostile, and that every wait ends."""

from __future__ import annotations

import hashlib
import io
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from include.archive import Archive, ArchiveError
from include.sftp import (
    ConnectionDropped,
    ListingLimits,
    ListingTooLong,
    NotAFile,
    PermissionRefused,
    RemoteChanged,
    RemoteEntry,
    RemotePathMissing,
    RemoteTooLarge,
    Session,
    Stalled,
    TransferLimits,
    open_sessions,
)
from local.partners import Behaviour, PartnerEndpoint, start_partner
from tests.faults.proxy import FaultProxy, Plan

SHORT = TransferLimits(connect_seconds=5, operation_seconds=2, stall_seconds=2)
MB = 1_000_000


@pytest.fixture(autouse=True)
def _no_connection_is_left() -> Iterator[None]:
    yield
    assert open_sessions() == 0
    deadline = time.monotonic() + 3
    while left := [each for each in threading.enumerate() if each.name.startswith(("sftp-", "hash-and-store"))]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@contextmanager
def behaving(tmp_path: Path, behaviour: Behaviour) -> Iterator[tuple[Session, Path]]:
    """A server of this test alone; gives a session there and the folder ``d`` in the partner's home."""
    with start_partner(tmp_path / "partners", ["merkle"], behaviour) as running:
        place = running["merkle"].home / "d"
        place.mkdir()
        with Session(running["merkle"].endpoint(), SHORT) as session:
            yield session, place


def listed(session: Session, folder: str, name: str) -> RemoteEntry:
    return next(entry for entry in session.entries(folder) if entry.name == name.encode())


def fetch(
    session: Session, folder: str, name: str, *, entry: RemoteEntry | None = None, limit: int = 100 * MB
) -> bytes:
    sink = io.BytesIO()
    read = session.download(f"{folder}/{name}", sink, expected=entry or listed(session, folder, name), max_bytes=limit)
    assert (read.bytes, read.sha256) == (len(sink.getvalue()), hashlib.sha256(sink.getvalue()).hexdigest())
    return sink.getvalue()


def test_a_listing_tells_names_as_bytes_sizes_times_and_types(merkle: PartnerEndpoint, folder: str) -> None:
    home = merkle.home / folder
    (home / "a.csv").write_bytes(b"abc")
    os.utime(home / "a.csv", (5, 1_600_000_000))
    Path(os.fsdecode(os.fsencode(home) + b"/caf\xe9_SL.csv")).write_bytes(b"")
    (home / "line\nbreak.csv").write_bytes(b"")
    (home / "folder").mkdir()
    (home / "link.csv").symlink_to(home / "a.csv")
    os.mkfifo(home / "pipe.csv")
    with Session(merkle.endpoint()) as session:
        found = {entry.name: entry for entry in session.entries(folder)}
    assert {name: entry.kind for name, entry in found.items()} == {
        b"a.csv": "file",
        b"caf\xe9_SL.csv": "file",
        b"line\nbreak.csv": "file",
        b"folder": "directory",
        b"link.csv": "link",
        b"pipe.csv": "other",
    }
    assert found[b"a.csv"] == RemoteEntry(b"a.csv", 3, 1_600_000_000, "file")


def test_a_name_that_is_a_path_comes_out_as_it_was_said(tmp_path: Path) -> None:
    said = ("../../x_SL.csv", "a/b_SL.csv", "/etc/passwd", "nul\x00_SL.csv")
    with behaving(tmp_path, Behaviour(lists_also=said)) as (session, _):
        assert {entry.name for entry in session.entries("d")} == {name.encode() for name in said}


def test_fifty_thousand_names_are_one_listing_in_bounded_time(tmp_path: Path) -> None:
    with behaving(tmp_path, Behaviour()) as (session, place):
        for number in range(50_000):
            os.close(os.open(place / f"{number:05d}_SL.csv", os.O_CREAT | os.O_WRONLY))
        began = time.monotonic()
        assert len(session.entries("d")) == 50_000
        assert time.monotonic() - began < 60
        with pytest.raises(ListingTooLong, match="more than 1,000 names"):
            session.entries("d", ListingLimits(entries=1_000))
        assert session.look_at("d/00000_SL.csv") is not None, "the connection is as sound as before"


def test_a_listing_without_end_and_a_slow_one_end_for_us(tmp_path: Path) -> None:
    with behaving(tmp_path, Behaviour(lists_without_end=True)) as (session, _):
        began = time.monotonic()
        with pytest.raises(ListingTooLong, match="did not end within 1 s"):
            session.entries("d", ListingLimits(entries=10**9, seconds=1))
        assert time.monotonic() - began < 4
    with behaving(tmp_path / "slow", Behaviour(lists_without_end=True, lists_pause=60)) as (session, _):
        began = time.monotonic()
        with pytest.raises(Stalled, match="no answer to list"):
            session.entries("d")
        assert time.monotonic() - began < 6


@pytest.mark.parametrize("size", [0, 1, 255 * 1024, 16 * 255 * 1024, 17 * MB + 3])
def test_every_size_is_read_whole(merkle: PartnerEndpoint, folder: str, size: int) -> None:
    content = random.Random(size).randbytes(size)
    (merkle.home / folder / "x").write_bytes(content)
    with Session(merkle.endpoint()) as session:
        assert fetch(session, folder, "x") == content


def test_a_server_that_gives_less_than_asked_is_read_whole(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(300_001)
    with behaving(tmp_path, Behaviour(reads_short=10_000)) as (session, place):
        (place / "x").write_bytes(content)
        assert fetch(session, "d", "x") == content


def test_bytes_behind_the_end_are_a_change_not_a_longer_file(tmp_path: Path) -> None:
    with behaving(tmp_path, Behaviour(reads_without_end=True)) as (session, place):
        (place / "x").write_bytes(b"abc")
        with pytest.raises(RemoteChanged, match="more than its 3 bytes"):
            fetch(session, "d", "x")


def another(path: Path) -> None:
    path.write_bytes(b"xyz")
    os.utime(path, (9, 9))


def a_link(path: Path) -> None:
    path.rename(path.with_name("y"))
    path.symlink_to("y")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES: dict[str, tuple[Callable[[Path], object], type[Exception]]] = {
    "grown": (lambda path: path.write_bytes(b"abcdef"), RemoteChanged),
    "cut": (lambda path: path.write_bytes(b""), RemoteChanged),
    "another of the same size": (another, RemoteChanged),
    "gone": (lambda path: path.unlink(), RemotePathMissing),
    "a link": (a_link, NotAFile),
    "a folder": (a_folder, NotAFile),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_the_listed_file_is_not_read(merkle: PartnerEndpoint, folder: str, change: str) -> None:
    act, expected = CHANGES[change]
    path = merkle.home / folder / "x"
    path.write_bytes(b"abc")
    sink = io.BytesIO()
    with Session(merkle.endpoint()) as session:
        entry = listed(session, folder, "x")
        act(path)
        with pytest.raises(expected):
            session.download(f"{folder}/x", sink, expected=entry, max_bytes=MB)
    assert sink.getvalue() == b""


@pytest.mark.parametrize("change", ["in place", "replaced", "removed"])
def test_what_changes_while_it_is_read_is_not_taken(tmp_path: Path, change: str) -> None:
    """The writer goes on in the same file, or another file gets the name: seen by the handle, or by the name."""
    content = random.Random(2).randbytes(4 * MB)
    with behaving(tmp_path, Behaviour(read_pause=0.05)) as (session, place):
        path = place / "x"
        path.write_bytes(content)
        os.utime(path, (1, 1))
        entry = listed(session, "d", "x")

        class Changing(io.BytesIO):
            def write(self, data: object, /) -> int:
                if change == "in place":
                    with path.open("r+b") as again:
                        again.write(b"x")
                else:
                    path.unlink(missing_ok=True)
                if change == "replaced":
                    path.write_bytes(content)
                return super().write(data)  # type: ignore[arg-type]

        with pytest.raises(RemotePathMissing if change == "removed" else RemoteChanged):
            session.download("d/x", Changing(), expected=entry, max_bytes=10 * MB)
        assert session.entries("d") is not None


def test_too_large_is_refused_before_a_byte_is_read(merkle: PartnerEndpoint, folder: str) -> None:
    with (merkle.home / folder / "x").open("wb") as sparse:
        sparse.truncate(10**12)
    with Session(merkle.endpoint()) as session, pytest.raises(RemoteTooLarge, match="1,000,000,000,000 bytes"):
        fetch(session, folder, "x")


def test_a_large_file_takes_no_more_memory_than_a_small_one(
    merkle: PartnerEndpoint, folder: str, archive: Archive
) -> None:
    with (merkle.home / folder / "x").open("wb") as sparse:
        sparse.truncate(200 * MB)
    process = psutil.Process()
    peak = before = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with Session(merkle.endpoint()) as session, archive.writer() as writer:
            entry = listed(session, folder, "x")
            read = session.download(f"{folder}/x", writer, expected=entry, max_bytes=300 * MB)
    finally:
        done.set()
        watcher.join()
    assert (read.bytes, read.sha256) == (200 * MB, writer.sha256)
    assert peak - before < 120 * MB, f"{(peak - before) / MB:.0f} MB"


def test_a_full_archive_comes_out_as_its_own_error_and_the_connection_lives(
    merkle: PartnerEndpoint, folder: str
) -> None:
    (merkle.home / folder / "x").write_bytes(bytes(20 * MB))

    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise ArchiveError("no space left")

    with Session(merkle.endpoint()) as session:
        entry = listed(session, folder, "x")
        with pytest.raises(ArchiveError, match="no space"):
            session.download(f"{folder}/x", Full(), expected=entry, max_bytes=100 * MB)
        assert len(fetch(session, folder, "x")) == 20 * MB


def test_a_stall_and_a_cut_in_the_middle_of_the_bytes_end_in_time(tmp_path: Path, merkle: PartnerEndpoint) -> None:
    with behaving(tmp_path, Behaviour(read_pause=30)) as (session, place):
        (place / "x").write_bytes(bytes(MB))
        began = time.monotonic()
        with pytest.raises(Stalled, match="download stopped after 0 bytes"):
            fetch(session, "d", "x")
        assert time.monotonic() - began < 6
        assert session.broken
    with behaving(tmp_path / "slow", Behaviour(read_pause=0.2, reads_short=1000)) as (session, place):
        (place / "x").write_bytes(bytes(MB))
        session.limits = replace(SHORT, floor_rate=10**7, floor_seconds=1)
        assert session._connection is not None
        session._connection.limits = session.limits
        with pytest.raises(Stalled, match="under 10000000 bytes/s"):
            fetch(session, "d", "x")
    (merkle.home / "inbound" / "cut").write_bytes(bytes(8 * MB))
    with (
        FaultProxy((merkle.host, merkle.port), Plan("rst", after=4_000)) as proxy,
        Session(merkle.endpoint(port=proxy.port), SHORT) as session,
        pytest.raises(ConnectionDropped),
    ):
        read_again_and_again(session)


def read_again_and_again(session: Session) -> None:
    for _ in range(200):
        fetch(session, "inbound", "cut")


def test_a_heartbeat_that_fails_ends_the_transfer_and_the_session_says_that_it_is_of_no_more_use(
    tmp_path: Path,
) -> None:
    class Lost(Exception):
        pass

    def lose() -> None:
        raise Lost

    with behaving(tmp_path, Behaviour(read_pause=1.5)) as (session, place):
        (place / "x").write_bytes(bytes(MB))
        entry = listed(session, "d", "x")
        began = time.monotonic()
        with pytest.raises(Lost):
            session.download("d/x", io.BytesIO(), expected=entry, max_bytes=MB, heartbeat=lose, heartbeat_seconds=0.2)
        assert time.monotonic() - began < 1.5
        assert session.broken


def test_a_listing_without_types_is_settled_by_looking(tmp_path: Path) -> None:
    with behaving(tmp_path, Behaviour(lists_no_types=True)) as (session, place):
        (place / "x").write_bytes(b"abc")
        assert {entry.kind for entry in session.entries("d")} <= {"unknown", "file"}
        assert fetch(session, "d", "x") == b"abc"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_only_the_file_that_was_read_is_removed(merkle: PartnerEndpoint, folder: str) -> None:
    path = merkle.home / folder / "x"
    path.write_bytes(b"abc")
    os.utime(path, (1, 1_700_000_000))
    with Session(merkle.endpoint()) as session:
        entry = listed(session, folder, "x")
        # Other bytes of the same size and time: only reading them tells.
        path.write_bytes(b"xyz")
        os.utime(path, (1, 1_700_000_000))
        assert session.remove_unchanged(f"{folder}/x", expected=entry, sha256=sha(b"abc")) == "other"
        path.write_bytes(b"abc")
        assert session.remove_unchanged(f"{folder}/x", expected=entry, sha256=sha(b"abc")) == "other", "a newer time"
        assert path.read_bytes() == b"abc"
        os.utime(path, (1, 1_700_000_000))
        assert session.remove_unchanged(f"{folder}/x", expected=entry, sha256=sha(b"abc")) == "removed"
        assert not path.exists()
        assert session.remove_unchanged(f"{folder}/x", expected=entry, sha256=None) == "absent"


def test_a_refused_removal_says_so_and_leaves_the_file(tmp_path: Path) -> None:
    with behaving(tmp_path, Behaviour(remove_refused=True)) as (session, place):
        (place / "x").write_bytes(b"abc")
        with pytest.raises(PermissionRefused):
            session.remove_unchanged("d/x", expected=listed(session, "d", "x"), sha256=sha(b"abc"))
        assert (place / "x").read_bytes() == b"abc"
