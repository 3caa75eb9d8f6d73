"""Objects by SHA-256, on a local file system and on one that is not."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest

from include.archive import Archive, ArchiveError, ArchiveWriter, ObjectMissingError, PurgedError

CONTENT = b"HDR;1\n" + b"x" * 3_000_000 + b"\nTRL;1\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["local", "memory"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    if request.param == "local":
        yield Archive.at((tmp_path / "archive").as_uri())
        return
    memory = fsspec.filesystem("memory")
    yield Archive(memory, "/archive")
    memory.rm("/archive", recursive=True) if memory.exists("/archive") else None


@pytest.fixture
def local(tmp_path: Path) -> Archive:
    return Archive.at((tmp_path / "archive").as_uri())


def everything(archive: Archive) -> list[str]:
    return sorted(archive.fs.find(archive.root)) if archive.fs.exists(archive.root) else []


def test_what_is_written_is_hashed_on_the_way_and_lies_under_its_hash(archive: Archive) -> None:
    with archive.writer() as writer:
        for start in range(0, len(CONTENT), 70_001):
            writer.write(CONTENT[start : start + 70_001])
        assert not archive.exists(SHA256)
    assert (writer.sha256, writer.bytes) == (SHA256, len(CONTENT))
    assert writer.uri == archive.uri(SHA256)
    assert everything(archive) == [archive.path(SHA256)]
    assert archive.path(SHA256).endswith(f"/{SHA256[:2]}/{SHA256[2:4]}/{SHA256}")
    with archive.open(SHA256) as stored:
        assert stored.read() == CONTENT
    assert archive.verify(SHA256)


def test_nothing_stays_behind_an_exception(archive: Archive) -> None:
    given: list[ArchiveWriter] = []

    def render() -> None:
        with archive.writer() as writer:
            given.append(writer)
            writer.write(CONTENT)
            raise RuntimeError("rendering broke")

    with pytest.raises(RuntimeError, match="rendering broke"):
        render()
    assert everything(archive) == []
    assert given[0].closed
    if isinstance(given[0].hashing.target, io.FileIO):
        assert given[0].hashing.target.closed


def test_an_empty_object_is_an_object(archive: Archive) -> None:
    with archive.writer() as writer:
        pass
    assert (writer.bytes, writer.sha256) == (0, hashlib.sha256(b"").hexdigest())
    assert archive.verify(writer.sha256)


def test_putting_a_file_twice_is_putting_it_once(archive: Archive, tmp_path: Path) -> None:
    source = tmp_path / "rendered.csv"
    source.write_bytes(CONTENT)
    assert archive.put(source, SHA256) == archive.uri(SHA256) == archive.put(source, SHA256)
    assert everything(archive) == [archive.path(SHA256)]
    assert source.read_bytes() == CONTENT


def test_a_file_of_another_hash_is_refused_and_not_kept(archive: Archive, tmp_path: Path) -> None:
    source = tmp_path / "rendered.csv"
    source.write_bytes(CONTENT + b"!")
    with pytest.raises(ArchiveError, match=f"was given as {SHA256}"):
        archive.put(source, SHA256)
    assert everything(archive) == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", SHA256.upper(), SHA256 + "\n", SHA256[:-1]])
def test_what_is_no_hash_is_no_path(local: Archive, name: str) -> None:
    for ask in (local.open, local.exists, local.path, local.verify):
        with pytest.raises(ArchiveError, match="is not a SHA-256"):
            ask(name)


def test_a_damaged_object_is_found(archive: Archive) -> None:
    with archive.writer() as writer:
        writer.write(CONTENT)
    archive.fs.pipe_file(archive.path(SHA256), CONTENT[:-1])
    assert not archive.verify(SHA256)


def test_a_local_path_is_the_object_itself_or_a_copy_that_goes_away(archive: Archive) -> None:
    with archive.writer() as writer:
        writer.write(CONTENT)
    with archive.local_path(SHA256) as path:
        assert path.read_bytes() == CONTENT
        assert path.stat().st_mode & 0o777 == 0o600
    assert path.exists() == (str(path) == archive.path(SHA256))


def test_a_damaged_object_is_not_fetched(archive: Archive) -> None:
    if archive.path(SHA256).startswith("/archive"):
        with archive.writer() as writer:
            writer.write(CONTENT)
        archive.fs.pipe_file(archive.path(SHA256), CONTENT[:-1])
        with pytest.raises(ArchiveError, match="is damaged"), archive.local_path(SHA256):
            pytest.fail("gave a damaged object")


def test_what_was_never_there_is_told_from_what_was_purged(archive: Archive) -> None:
    with pytest.raises(ObjectMissingError, match="was not purged by us"):
        archive.open(SHA256)
    with archive.writer() as writer:
        writer.write(CONTENT)
    at = datetime(2027, 1, 21, 3, 0, tzinfo=UTC)
    archive.remove(SHA256, reason="retention of 62 days, merkle_sar_daily", at=at)
    assert not archive.exists(SHA256)
    with pytest.raises(PurgedError, match=r"was purged on 2027-01-21 \(retention of 62 days, merkle") as caught:
        archive.open(SHA256)
    assert caught.value.purged_at == at
    with pytest.raises(PurgedError), archive.local_path(SHA256):
        pass
    archive.remove(SHA256, reason="again", at=at)


def test_an_object_whose_purge_was_interrupted_is_refused(local: Archive) -> None:
    with local.writer() as writer:
        writer.write(CONTENT)
    local.remove(SHA256, reason="retention")
    Path(local.path(SHA256)).write_bytes(CONTENT)
    with pytest.raises(PurgedError):
        local.open(SHA256)


def test_an_object_stored_again_is_there_again(archive: Archive, tmp_path: Path) -> None:
    with archive.writer() as writer:
        writer.write(CONTENT)
    archive.remove(SHA256, reason="retention")
    source = tmp_path / "again.csv"
    source.write_bytes(CONTENT)
    archive.put(source, SHA256)
    assert archive.verify(SHA256)
    assert everything(archive) == [archive.path(SHA256)]


def test_on_a_local_disk_only_the_owner_reads(local: Archive) -> None:
    before = os.umask(0o000)
    try:
        with local.writer() as writer:
            writer.write(CONTENT)
            piece = next((Path(local.root) / ".incoming").iterdir())
            assert piece.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    path = Path(local.path(SHA256))
    assert path.stat().st_mode & 0o777 == 0o600
    for folder in (path.parent, path.parent.parent, Path(local.root), Path(local.root) / ".incoming"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_what_a_killed_process_left_is_swept_when_old(archive: Archive) -> None:
    archive.fs.makedirs(f"{archive.root}/.incoming", exist_ok=True)
    archive.fs.pipe_file(f"{archive.root}/.incoming/left.part", b"half")
    assert archive.sweep() == 0
    assert archive.sweep(older_than=timedelta(seconds=-5)) == 1
    assert everything(archive) == []


@pytest.mark.parametrize("limit", [200_000, 2_500_000])
def test_no_space_left_is_said_clearly_and_leaves_no_half_object(tmp_path: Path, limit: int) -> None:
    """The operating system itself refuses: a limit on the size of files, in a process of its own."""
    program = f"""
import resource
from include.archive import Archive, ArchiveError
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
archive = Archive.at({(tmp_path / "archive").as_uri()!r})
try:
    with archive.writer() as writer:
        for _ in range(300):
            writer.write(b"x" * 10_000)
except ArchiveError as error:
    print(error.errno, error)
print([path for path in archive.fs.find(archive.root)])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    said, left = done.stdout.splitlines()
    assert said.startswith(f"27 no space left in the archive {tmp_path}/archive after ")
    assert "nothing was stored. Free space there" in said
    assert left == "[]"
