"""Bytes from the server to a sink: many reads in flight, watched, and the file held to what was listed of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal, Protocol

from include.sftp.connection import Connection
from include.sftp.entries import RemoteEntry, entry_of, look_at
from include.sftp.errors import (
    NotAFile,
    PermissionRefused,
    RemoteChanged,
    RemoteFailure,
    RemotePathMissing,
    RemoteTooLarge,
    TransferError,
)
from include.sftp.upload import BLOCK_BYTES, IN_FLIGHT, Watchdog, hash_remote, streamed

SINK_BYTES = 16 * BLOCK_BYTES
"""One write to the sink, which runs in a thread of its own beside the next reads."""

Removal = Literal["removed", "absent", "other"]


class Sink(Protocol):
    """Where the bytes go, in order: a binary file or the archive's writer."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True)
class Download:
    """What was read and handed to the sink; ``sha256`` is that of exactly these bytes."""

    bytes: int
    sha256: str
    seconds: float


async def download(connection: Connection, path: str, sink: Sink, *, expected: RemoteEntry, max_bytes: int) -> Download:
    """
    Read the regular file ``path`` into ``sink``, if it is and stays the one that was listed as ``expected``.

    It is looked at three times: the name before, the open handle before the first byte and after the last, the name
    after. Nothing is resumed: a transfer that was cut begins again. Memory is bounded by the reads in flight and one
    piece for the sink, whatever the file's size.

    Raises ``RemotePathMissing`` (gone), ``RemoteChanged`` (another size or time at any of the looks, or another
    number of bytes than its size), ``NotAFile``, ``RemoteTooLarge`` (more than ``max_bytes``, said or sent), and what
    :func:`include.sftp.upload.upload` raises. What the sink raises comes out as it is.
    """
    began = monotonic()
    if expected.size is not None and expected.size > max_bytes:
        raise _too_large(connection, path, expected.size, max_bytes)
    before = await look_at(connection, path)
    _require_listed(connection, path, expected, before)
    handle = await connection.request(
        connection.sftp.open(path, "rb", encoding=None, block_size=0), path, "open for reading"
    )
    try:
        opened = await _attributes(connection, handle, path, expected)
        _require_listed(connection, path, expected, opened)
        watchdog = Watchdog(connection, path, "download")
        digest = hashlib.sha256()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="hash-and-store") as writer:
            pieces = _Pieces(sink, digest, writer)
            receive = _receive(connection, handle, path, pieces, watchdog, expected.size or 0)
            await streamed(connection, path, watchdog, pieces.first_failure(receive))
            pieces.raise_failure()
        closed = await _attributes(connection, handle, path, expected)
        _require_listed(connection, path, expected, closed)
    finally:
        if connection.broken is None:
            with suppress(TransferError):
                await connection.request(handle.close(), path, "close")
    after = await look_at(connection, path)
    _require_listed(connection, path, expected, after)
    return Download(pieces.written, digest.hexdigest(), monotonic() - began)


async def beginning(connection: Connection, path: str, *, expected: RemoteEntry, max_bytes: int) -> bytes:
    """
    Read the first ``max_bytes`` of the regular file ``path``, or all of a shorter one, and change nothing.

    Raises ``RemotePathMissing``, ``RemoteChanged``, ``NotAFile`` as :func:`download` does before it reads.
    """
    _require_listed(connection, path, expected, await look_at(connection, path))
    handle = await connection.request(
        connection.sftp.open(path, "rb", encoding=None, block_size=0), path, "open for reading"
    )
    try:
        _require_listed(connection, path, expected, await _attributes(connection, handle, path, expected))
        found = b""
        while len(found) < max_bytes:
            block = await connection.request(_read(handle, max_bytes - len(found), len(found)), path, "read")
            if not block:
                break
            found += block
        return found[:max_bytes]
    finally:
        if connection.broken is None:
            with suppress(TransferError):
                await connection.request(handle.close(), path, "close")


async def _read(handle: Any, length: int, offset: int) -> bytes:
    return bytes(await handle.read(length, offset))


async def remove_unchanged(connection: Connection, path: str, *, expected: RemoteEntry, sha256: str | None) -> Removal:
    """
    Remove ``path`` if it is still the regular file that was listed as ``expected`` and, where ``sha256`` is given,
    still has these bytes; otherwise touch nothing and say ``other``, or ``absent`` where there is nothing.

    SFTP has no "remove if": between the last look and the removal lies one round trip. A partner who replaces a file
    in it, under the same name, loses the new one; that is why the last look comes after the reading.

    Raises ``PermissionRefused``, ``RemoteFailure`` (the file still stands there) and what ends a connection.
    """
    found = await look_at(connection, path)
    if found is not None and sha256 is not None and found.readable and found.is_same_as(expected):
        try:
            content, _ = await hash_remote(connection, path)
        except RemotePathMissing:
            return "absent"
        if content != sha256:
            return "other"
        found = await look_at(connection, path)
    if found is None:
        return "absent"
    if not found.readable or not found.is_same_as(expected):
        return "other"
    try:
        await connection.remove(path)
    except RemotePathMissing:
        return "absent"
    except RemoteFailure:
        # The answer of a server that removed it and then met an error of its own.
        if await look_at(connection, path) is None:
            return "removed"
        raise
    return "removed"


async def _attributes(connection: Connection, handle: Any, path: str, expected: RemoteEntry) -> RemoteEntry:
    """Ask the open handle; a server that does not answer that leaves it to the two looks at the name."""
    try:
        attributes = await connection.request(handle.stat(), path, "fstat")
    except (RemoteFailure, PermissionRefused):
        return expected
    return entry_of(expected.name, attributes)


def _require_listed(connection: Connection, path: str, expected: RemoteEntry, found: RemoteEntry | None) -> None:
    if found is None:
        raise RemotePathMissing(connection.endpoint, "the file is gone.", path=path)
    if not found.readable:
        raise NotAFile(connection.endpoint, f"it is a {found.kind}, not a regular file.", path=path)
    if (found.size, found.mtime) != (expected.size, expected.mtime):
        raise RemoteChanged(
            connection.endpoint,
            f"listed with {expected.size} bytes of {expected.mtime}, now {found.size} bytes of {found.mtime}.",
            path=path,
        )


def _too_large(connection: Connection, path: str, size: int, max_bytes: int) -> RemoteTooLarge:
    return RemoteTooLarge(connection.endpoint, f"{size:,} bytes; we read {max_bytes:,} at most.", path=path)


class _Pieces:
    """Gathers blocks into pieces, hashed and written by one thread; at most one piece waits while the next fills."""

    def __init__(self, sink: Sink, digest: Any, writer: ThreadPoolExecutor) -> None:
        self._sink = sink
        self._digest = digest
        self._writer = writer
        self._blocks: list[bytes] = []
        self._held = 0
        self._writing: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self.written = 0

    async def add(self, block: bytes) -> None:
        self._blocks.append(block)
        self._held += len(block)
        if self._held >= SINK_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Hand over what is gathered, after the piece before it was taken."""
        if self._writing is not None:
            await self._writing
            self._writing = None
        if self._blocks:
            piece, self._blocks, self._held = b"".join(self._blocks), [], 0
            self._writing = asyncio.get_running_loop().run_in_executor(self._writer, self._write, piece)

    def _write(self, piece: bytes) -> None:
        try:
            self._sink.write(piece)
        except BaseException as error:
            self._failure = error
            raise
        self._digest.update(piece)
        self.written += len(piece)

    async def first_failure(self, receive: Any) -> None:
        """Run ``receive``; a failing sink ends it without a word to the connection, which is as sound as before."""
        try:
            await receive
            await self.flush()
            await self.flush()
        except BaseException:
            if self._failure is None:
                raise
        finally:
            if self._writing is not None:
                await asyncio.wait({self._writing})
                self._writing.exception()

    def raise_failure(self) -> None:
        """Raise what the sink raised, as it is: a full archive is no fault of the partner."""
        if self._failure is not None:
            raise self._failure


async def _receive(
    connection: Connection, handle: Any, path: str, pieces: _Pieces, watchdog: Watchdog, size: int
) -> None:
    """Read exactly ``size`` bytes, and see that there is no byte after them."""
    waiting: deque[tuple[int, asyncio.Future[bytes]]] = deque()
    asked = offset = 0
    try:
        while offset < size:
            while len(waiting) < IN_FLIGHT and asked < size:
                length = min(BLOCK_BYTES, size - asked)
                waiting.append((length, asyncio.ensure_future(handle.read(length, asked))))
                asked += length
            length, future = waiting.popleft()
            block = await future
            if not block:
                raise RemoteChanged(connection.endpoint, f"it ended after {offset} of {size} bytes.", path=path)
            if len(block) > length:
                raise RemoteFailure(connection.endpoint, "the server sent more bytes than were asked for.", path=path)
            watchdog.moved(len(block))
            offset += len(block)
            await pieces.add(block)
            if len(block) < length:
                # A server that gives less than asked: begin again from there.
                await _dropped(waiting)
                asked = offset
        if await handle.read(1, size):
            raise RemoteChanged(connection.endpoint, f"there are more than its {size} bytes.", path=path)
    finally:
        await _dropped(waiting)


async def _dropped(waiting: deque[tuple[int, asyncio.Future[bytes]]]) -> None:
    for _, future in waiting:
        future.cancel()
    await asyncio.gather(*(future for _, future in waiting), return_exceptions=True)
    waiting.clear()
