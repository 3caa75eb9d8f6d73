"""
Immutable objects by SHA-256 on an fsspec file system; an object is there whole, under its hash, or not at all.

Layout below the root: ``ab/cd/<sha256>`` the object, ``ab/cd/<sha256>.purged`` why and when it was removed,
``.incoming/`` what is being written. On a local file system files are 0600 and folders 0700.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

SHA256: Final = re.compile(r"[0-9a-f]{64}")
BUFFER_BYTES: Final = 1 << 20
NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ArchiveError(OSError):
    """The archive cannot store or give an object; ``errno`` is the operating system's, where there is one."""

    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(number, message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class ObjectMissingError(ArchiveError):
    """There is no such object, and no trace of its having been purged."""


class PurgedError(ArchiveError):
    """The object was removed by retention at ``purged_at``: it cannot be delivered again."""

    def __init__(self, message: str, purged_at: datetime) -> None:
        super().__init__(message)
        self.purged_at = purged_at


class ArchiveWriter(io.BufferedWriter):
    """
    A binary file that hashes what is written; ``sha256``, ``bytes`` and ``uri`` are there after a clean exit.

    Made by :meth:`Archive.writer`.
    """

    def __init__(self, target: IO[bytes], archive: str) -> None:
        self.hashing = _Hashing(target, archive)
        super().__init__(self.hashing, BUFFER_BYTES)
        self.sha256 = ""
        self.bytes = 0
        self.uri = ""


class _Hashing(io.RawIOBase):
    """Passes what it gets to ``target`` and into a SHA-256. The buffer above it makes the pieces large."""

    def __init__(self, target: IO[bytes], archive: str) -> None:
        self.target = target
        self.archive = archive
        self.digest = hashlib.sha256()
        self.count = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        written = 0
        view = memoryview(data)
        with _space_named(self.archive, self.count):
            while written < len(view):
                written += self.target.write(view[written:])
        self.digest.update(view)
        self.count += written
        return written

    def sync(self) -> None:
        """Wait until a local file's bytes are on the disk."""
        with _space_named(self.archive, self.count):
            os.fsync(self.target.fileno())

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.target.close()


@contextmanager
def _space_named(archive: str, count: int) -> Iterator[None]:
    """Turn "no space left on device" into an error that names the archive and the next step."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise ArchiveError(
            f"no space left in the archive {archive} after {count:,} bytes ({error.strerror}); nothing was stored. "
            "Free space there (`make purge` shows what retention would let go), then run again",
            error.errno,
        ) from error


class Archive:
    """Objects by SHA-256 below ``root`` on ``fs``; see the module for the layout."""

    def __init__(self, fs: AbstractFileSystem, root: str) -> None:
        from fsspec.implementations.local import LocalFileSystem

        self.fs = fs
        self.root = str(fs._strip_protocol(root)).rstrip("/")
        self._is_local = isinstance(fs, LocalFileSystem)

    @classmethod
    def at(cls, url: str) -> Archive:
        """Return the archive at an fsspec URL, e.g. ``file:///var/archive`` or ``s3://bucket/archive``."""
        import fsspec

        fs, root = fsspec.url_to_fs(url)
        return cls(fs, root)

    def path(self, sha256: str) -> str:
        """Where the object lies on the file system, whether it is there or not."""
        if not SHA256.fullmatch(sha256):
            raise ArchiveError(f"{sha256[:80]!r} is not a SHA-256 (64 lower-case hexadecimal digits)")
        return f"{self.root}/{sha256[:2]}/{sha256[2:4]}/{sha256}"

    def uri(self, sha256: str) -> str:
        """The object's address with its protocol, e.g. ``file:///…`` or ``s3://…``."""
        return str(self.fs.unstrip_protocol(self.path(sha256)))

    def exists(self, sha256: str) -> bool:
        """Whether the object is there."""
        return bool(self.fs.exists(self.path(sha256)))

    @contextmanager
    def writer(self, *, expected: str | None = None) -> Iterator[ArchiveWriter]:
        """
        Give a file to write to, hashed on the way and moved to its final name at the end of the block.

        On any exception nothing stays behind. With ``expected`` content of another hash is refused. A process that is
        killed leaves its piece in ``.incoming/``, which :meth:`sweep` removes.

        :raises ArchiveError: if there is no space left, or the content is not the expected one.
        """
        incoming = f"{self.root}/.incoming/{uuid.uuid4().hex}.part"
        with self._discarded_on_error(incoming):
            writer = ArchiveWriter(self._create(incoming), self.root)
            try:
                yield writer
                writer.flush()
                if self._is_local:
                    writer.hashing.sync()
                writer.close()
            except BaseException:
                _abandon(writer)
                raise
            sha256 = writer.hashing.digest.hexdigest()
            if expected is not None and sha256 != expected:
                raise ArchiveError(
                    f"content of SHA-256 {sha256} was given as {expected}; the source has changed or is damaged: "
                    "make it again, nothing was stored"
                )
            self._finish(incoming, sha256)
        writer.sha256, writer.bytes, writer.uri = sha256, writer.hashing.count, self.uri(sha256)

    def put(self, local_path: str | os.PathLike[str], sha256: str) -> str:
        """
        Store the file under ``sha256`` and return its URI; an object that is there already is left as it is.

        :raises ArchiveError: if the file's content has another hash, or there is no space left.
        """
        if self.exists(sha256):
            self._drop_tombstone(sha256)
            return self.uri(sha256)
        with Path(local_path).open("rb") as source, self.writer(expected=sha256) as writer:
            shutil.copyfileobj(source, writer, BUFFER_BYTES)
        return writer.uri

    def open(self, sha256: str) -> IO[bytes]:
        """
        Open the object for reading.

        :raises PurgedError: if retention removed it; says when and why.
        :raises ObjectMissingError: if it was never there or was removed by hand.
        """
        self._require(sha256)
        return cast("IO[bytes]", self.fs.open(self.path(sha256), "rb"))

    @contextmanager
    def local_path(self, sha256: str) -> Iterator[Path]:
        """Give a path to the object's bytes: the object itself on a local file system, else a copy, removed after."""
        self._require(sha256)
        if self._is_local:
            yield Path(self.path(sha256))
            return
        with tempfile.TemporaryDirectory(prefix="archive-") as folder:
            copy = Path(folder) / sha256
            with self.open(sha256) as source, io.FileIO(copy, "xb", opener=_private) as target:
                found = _copy_hashed(source, cast("IO[bytes]", target))
            if found != sha256:
                raise ArchiveError(f"archive object {sha256} is damaged in {self.root}: its bytes hash to {found}")
            yield copy

    def verify(self, sha256: str) -> bool:
        """Read the object and return whether its bytes still have its hash."""
        with self.open(sha256) as source:
            return _copy_hashed(source, None) == sha256

    def remove(self, sha256: str, *, reason: str, at: datetime | None = None) -> None:
        """
        Remove the object and leave a note of when and why, which :meth:`open` tells from then on.

        The note comes first, so a crash in between refuses the object rather than losing the reason. Removing what is
        not there any more is no error.
        """
        note = json.dumps({"purged_at": (at or datetime.now(UTC)).isoformat(), "reason": reason}).encode()
        incoming = f"{self.root}/.incoming/{uuid.uuid4().hex}.part"
        with self._discarded_on_error(incoming):
            with self._create(incoming) as target, _space_named(self.root, 0):
                target.write(note)
            self._move(incoming, self._tombstone(sha256))
        with suppress(FileNotFoundError):
            self.fs.rm_file(self.path(sha256))

    def sweep(self, *, older_than: timedelta = timedelta(days=1)) -> int:
        """Remove what killed processes left in ``.incoming/``; returns how many pieces."""
        folder = f"{self.root}/.incoming"
        if not self.fs.exists(folder):
            return 0
        limit = datetime.now(UTC) - older_than
        stale = [path for path in self.fs.ls(folder, detail=False) if _modified(self.fs, path) < limit]
        for path in stale:
            with suppress(FileNotFoundError):
                self.fs.rm_file(path)
        return len(stale)

    def _require(self, sha256: str) -> None:
        """Raise the error that says why the object cannot be read, if it cannot."""
        tombstone = self._tombstone(sha256)
        if self.fs.exists(tombstone):
            note = json.loads(self.fs.cat_file(tombstone))
            purged_at = datetime.fromisoformat(note["purged_at"])
            raise PurgedError(
                f"archive object {sha256} was purged on {purged_at:%Y-%m-%d} ({note['reason']}); it cannot be "
                "delivered again. If the partner needs it, have a new revision made from the data",
                purged_at,
            )
        if not self.exists(sha256):
            raise ObjectMissingError(
                f"archive object {sha256} is not in {self.root}, and was not purged by us; restore it from the backup, "
                "or hold its file and have the bytes made again"
            )

    def _tombstone(self, sha256: str) -> str:
        return f"{self.path(sha256)}.purged"

    def _create(self, path: str) -> IO[bytes]:
        with _space_named(self.root, 0):
            self._make_folder(path.rpartition("/")[0])
            if self._is_local:
                return cast("IO[bytes]", io.FileIO(path, "xb", opener=_private))
            return cast("IO[bytes]", self.fs.open(path, "wb"))

    def _make_folder(self, folder: str) -> None:
        if not self._is_local:
            self.fs.makedirs(folder, exist_ok=True)
            return
        # Folder by folder: the mode given to makedirs() holds for the last one only.
        missing = [path for path in (Path(folder), *Path(folder).parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)

    def _finish(self, incoming: str, sha256: str) -> None:
        self._move(incoming, self.path(sha256))
        self._drop_tombstone(sha256)

    def _move(self, incoming: str, final: str) -> None:
        folder = final.rpartition("/")[0]
        with _space_named(self.root, 0):
            self._make_folder(folder)
            if self._is_local:
                Path(incoming).replace(final)
                _sync_folder(folder)
            else:
                self.fs.mv(incoming, final)

    def _drop_tombstone(self, sha256: str) -> None:
        """The object is back: whoever asks for it gets it."""
        if self.fs.exists(self._tombstone(sha256)):
            self.fs.rm_file(self._tombstone(sha256))

    @contextmanager
    def _discarded_on_error(self, path: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with suppress(OSError):
                self.fs.rm_file(path)
            raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _abandon(writer: ArchiveWriter) -> None:
    """Close without the buffered rest mattering: the file goes away anyway, and the first error is the one to see."""
    with suppress(OSError, ValueError):
        writer.close()
    with suppress(OSError, ValueError):
        writer.hashing.target.close()


def _sync_folder(folder: str) -> None:
    """Make the new name survive a power cut, as the bytes do."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_hashed(source: IO[bytes], target: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    while piece := source.read(BUFFER_BYTES):
        digest.update(piece)
        if target is not None:
            target.write(piece)
    return digest.hexdigest()


def _modified(fs: AbstractFileSystem, path: str) -> datetime:
    try:
        found = fs.modified(path)
    except FileNotFoundError:
        return datetime.max.replace(tzinfo=UTC)
    return cast("datetime", found if found.tzinfo else found.replace(tzinfo=UTC))
