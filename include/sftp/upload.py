"""Bytes from a local file to the server: many writes in flight, hashed on the way, watched by a second task."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

import asyncssh

from include.sftp.connection import CLOSE_SECONDS, Connection
from include.sftp.errors import (
    ConnectionDropped,
    ContentMismatch,
    PermissionRefused,
    RemoteFailure,
    RemoteNoSpace,
    Stalled,
    TransferError,
)

BLOCK_BYTES = 255 * 1024
"""One write request; OpenSSH refuses packets over 256 KiB."""
IN_FLIGHT = 64
"""Write requests not yet acknowledged: 16 MiB, which covers 100 ms of round trip at 1 Gbit/s."""
READ_BYTES = 16 * BLOCK_BYTES
"""One read from the local file, hashed in the same thread; a multiple of a block."""
CHECK_FIRST_BYTES = READ_BYTES
"""A file up to this size is hashed before its first byte is sent; a larger one while it is sent."""


@dataclass(frozen=True)
class Upload:
    """What the server acknowledged; ``sha256`` is that of the bytes read from the local file."""

    bytes: int
    sha256: str
    seconds: float
    synced: bool
    """True if the server said that the bytes are on its disk."""


class Watchdog:
    """Cuts the connection when a stream of requests stands still, or moves slower than the floor."""

    def __init__(self, connection: Connection, path: str, verb: str) -> None:
        self._connection = connection
        self._path = path
        self.verb = verb
        self._moved_at = monotonic()
        self._marks: deque[tuple[float, int]] = deque([(self._moved_at, 0)])
        self.acknowledged = 0

    def moved(self, count: int) -> None:
        """Note that ``count`` more bytes were acknowledged."""
        self._moved_at = monotonic()
        self.acknowledged += count

    async def watch(self) -> None:
        """Run beside the transfer until cancelled; returns only after it has cut the connection."""
        limits = self._connection.limits
        pause = min(1.0, limits.stall_seconds / 4, limits.floor_seconds / 4)
        while True:
            await asyncio.sleep(pause)
            now = monotonic()
            self._marks.append((now, self.acknowledged))
            while len(self._marks) > 1 and self._marks[1][0] <= now - limits.floor_seconds:
                self._marks.popleft()
            since, before = self._marks[0]
            if now - self._moved_at > limits.stall_seconds:
                verdict = f"no byte acknowledged for {limits.stall_seconds:.0f} s"
            elif (
                now - since >= limits.floor_seconds and (self.acknowledged - before) / (now - since) < limits.floor_rate
            ):
                verdict = f"under {limits.floor_rate:.0f} bytes/s over {limits.floor_seconds:.0f} s"
            else:
                continue
            self._connection.cut(
                Stalled(
                    self._connection.endpoint,
                    f"{self.verb} stopped after {self.acknowledged} bytes, {verdict}; connection cut.",
                    path=self._path,
                )
            )
            return


async def upload(connection: Connection, source: Path, path: str, *, size: int, sha256: str) -> Upload:
    """
    Write ``source`` to ``path``, replacing what is there, and ask the server to put it on its disk.

    Raises ``ContentMismatch`` if the local bytes are not ``size`` long or do not hash to ``sha256``
    (before anything is sent, for a file that fits in one read), ``RemoteNoSpace``, ``RemoteFailure``,
    ``PermissionRefused``, ``Stalled``, ``ConnectionDropped``.
    """
    began = monotonic()
    found = source.stat().st_size
    if found != size:
        raise _mismatch(connection, path, f"the archived object has {found} bytes, the ledger says {size}.")
    digest = hashlib.sha256()
    with (
        source.open("rb", buffering=0) as local,
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-and-hash") as reader,
    ):
        blocks = _Blocks(local, digest, reader)
        if size <= CHECK_FIRST_BYTES:
            await blocks.read_ahead(whole=True)
            if digest.hexdigest() != sha256:
                raise _mismatch(connection, path, "the archived object hashes to something else.")
        else:
            await blocks.read_ahead()
        handle = await connection.request(connection.sftp.open(path, "wb", encoding=None, block_size=0), path, "create")
        watchdog = Watchdog(connection, path, "upload")
        await streamed(connection, path, watchdog, _send(connection, handle, blocks, watchdog))
        if digest.hexdigest() != sha256:
            await connection.request(handle.close(), path, "close")
            with suppress(TransferError):
                await connection.remove(path)
            raise _mismatch(connection, path, "the archived object hashes to something else.")
        synced = await _sync(connection, handle, path)
        await connection.request(handle.close(), path, "close")
    return Upload(watchdog.acknowledged, digest.hexdigest(), monotonic() - began, synced)


async def hash_remote(connection: Connection, path: str) -> tuple[str, int]:
    """Read ``path`` back from the server; returns SHA-256 and number of bytes."""
    handle = await connection.request(
        connection.sftp.open(path, "rb", encoding=None, block_size=0), path, "open for reading"
    )
    watchdog = Watchdog(connection, path, "read back")
    digest = hashlib.sha256()
    await streamed(connection, path, watchdog, _receive(handle, digest, watchdog))
    await connection.request(handle.close(), path, "close")
    return digest.hexdigest(), watchdog.acknowledged


async def streamed(connection: Connection, path: str, watchdog: Watchdog, stream: Any) -> None:
    """Run ``stream`` beside its watchdog; ends when either does, and leaves no task behind."""
    task = asyncio.ensure_future(stream)
    watch = asyncio.ensure_future(watchdog.watch())
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        connection.abort()
        raise
    finally:
        watch.cancel()
        if not task.done():
            # The watchdog has cut the connection; that ends every write in flight.
            await asyncio.wait({task}, timeout=CLOSE_SECONDS)
            task.cancel()
    if connection.broken is not None:
        if task.done() and not task.cancelled():
            task.exception()
        raise connection.broken
    if not task.done():
        raise ConnectionDropped(connection.endpoint, "the transfer did not end.", path=path)
    try:
        connection.result(task, path, watchdog.verb)
    except (RemoteFailure, PermissionRefused) as error:
        raise await _explained(connection, error, path) from error


async def _explained(connection: Connection, error: TransferError, path: str) -> TransferError:
    """Find out whether a refused write was a full disk, which SFTP version 3 cannot say."""
    if not isinstance(error, RemoteFailure):
        return error
    words = error.what.lower()
    free: int | None = None
    with suppress(TransferError):
        free = await connection.free_bytes(path.rpartition("/")[0] or ".")
    if (free is not None and free < BLOCK_BYTES) or "space" in words or "quota" in words:
        told = f"; it reports {free} bytes free" if free is not None else ""
        return RemoteNoSpace(connection.endpoint, f"the server could not store more{told}.", path=path)
    return error


class _Blocks:
    """The local file in write-sized pieces; the next read and its hash run while the last one is sent."""

    def __init__(self, local: BinaryIO, digest: Any, reader: ThreadPoolExecutor) -> None:
        self._local = local
        self._digest = digest
        self._reader = reader
        self._ready: deque[bytes] = deque()
        self._next: asyncio.Future[bytes] | None = None

    async def read_ahead(self, *, whole: bool = False) -> None:
        """Read the first piece, or all of a small file, before the first byte is sent."""
        while chunk := await self._read():
            self._ready.append(chunk)
            if not whole:
                break

    async def chunks(self) -> Any:
        """Yield ``READ_BYTES`` at a time, each hashed before it is yielded."""
        while True:
            if self._next is None:
                self._next = self._read()
            if self._ready:
                yield self._ready.popleft()
                continue
            chunk = await self._next
            self._next = None
            if not chunk:
                return
            self._next = self._read()
            yield chunk

    def _read(self) -> asyncio.Future[bytes]:
        return asyncio.get_running_loop().run_in_executor(self._reader, self._read_and_hash)

    def _read_and_hash(self) -> bytes:
        # Raw reads may be short; a chunk must be full, for its size sets the offsets.
        parts, missing = [], READ_BYTES
        while missing and (part := self._local.read(missing)):
            parts.append(part)
            missing -= len(part)
        chunk = parts[0] if len(parts) == 1 else b"".join(parts)
        self._digest.update(chunk)  # Releases the GIL, so it runs beside the encryption of the last chunk.
        return chunk


async def _send(connection: Connection, handle: Any, blocks: _Blocks, watchdog: Watchdog) -> None:
    offset = 0
    async with _InFlight() as requests:
        async for chunk in blocks.chunks():
            view = memoryview(chunk)
            for at in range(0, len(chunk), BLOCK_BYTES):
                await requests.add(_write(handle, offset, bytes(view[at : at + BLOCK_BYTES]), watchdog))
                offset += min(BLOCK_BYTES, len(chunk) - at)


async def _write(handle: Any, offset: int, block: bytes, watchdog: Watchdog) -> None:
    await handle.write(block, offset)
    watchdog.moved(len(block))


async def _receive(handle: Any, digest: Any, watchdog: Watchdog) -> None:
    offset, waiting = 0, deque[asyncio.Future[bytes]]()
    asked = 0
    try:
        while True:
            while len(waiting) < IN_FLIGHT:
                waiting.append(asyncio.ensure_future(handle.read(BLOCK_BYTES, asked)))
                asked += BLOCK_BYTES
            block = await waiting.popleft()
            if not block:
                return
            digest.update(block)
            watchdog.moved(len(block))
            offset += len(block)
            if len(block) < BLOCK_BYTES:
                # A short answer is the end, or a server that gives less than asked: begin again from there.
                for future in waiting:
                    future.cancel()
                waiting.clear()
                asked = offset
    finally:
        for future in waiting:
            future.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


class _InFlight:
    """At most ``IN_FLIGHT`` requests at once; the first error stops the others and comes out."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, request: Any) -> None:
        if len(self._tasks) >= IN_FLIGHT:
            await self._collect(asyncio.FIRST_COMPLETED)
        self._tasks.add(asyncio.ensure_future(request))

    async def __aenter__(self) -> _InFlight:
        return self

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if error is None:
                await self._collect(asyncio.ALL_COMPLETED)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _collect(self, when: str) -> None:
        if not self._tasks:
            return
        done, self._tasks = await asyncio.wait(self._tasks, return_when=when)
        failed = [error for task in done if (error := task.exception()) is not None]
        if failed:
            raise failed[0]


async def _sync(connection: Connection, handle: Any, path: str) -> bool:
    """Ask for the bytes to be on disk; False where the server does not know the request at all."""
    try:
        await connection.request(handle.fsync(), path, "fsync")
    except RemoteFailure as error:
        if isinstance(error.__cause__, asyncssh.SFTPOpUnsupported):
            return False
        raise
    return True


def _mismatch(connection: Connection, path: str, what: str) -> ContentMismatch:
    return ContentMismatch(connection.endpoint, what, path=path)
