"""The synchronous face of one connection, for callers that wait: operators and the publish protocol.

A session has its own event loop in its own thread; the caller's thread only ever waits, so that it can keep a
lease alive meanwhile, and can be interrupted.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import wait
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from include.sftp.connection import Connection, RemoteFile, connect
from include.sftp.download import Download, Removal, Sink, beginning, download, remove_unchanged
from include.sftp.endpoint import Endpoint, TransferLimits
from include.sftp.entries import ListingLimits, RemoteEntry, list_entries, look_at
from include.sftp.errors import ConnectionDropped, NamesChanged, PermissionRefused, RemoteFailure, RemotePathMissing
from include.sftp.upload import Upload, hash_remote, upload

__all__ = ["RemoteFile", "Session", "Upload", "open_sessions"]

END_SECONDS = 10.0
FOREVER = 3600.0

T = TypeVar("T")

_counting = threading.Lock()
_open = 0


def open_sessions() -> int:
    """Count this process's sessions that are connected; a task that has ended leaves none."""
    return _open


class Session:
    """
    One connection to one partner, for all files of a run. A context manager: it connects on entering.

    Entering raises what :func:`include.sftp.connection.connect` raises; every method raises ``TransferError``.
    After a connection-wide error the session is of no more use, and says so to each further call.
    """

    def __init__(self, endpoint: Endpoint, limits: TransferLimits | None = None) -> None:
        self.endpoint = endpoint
        self.limits = limits or TransferLimits()
        self._connection: Connection | None = None
        self._keeps_names: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"sftp-{endpoint.username}", daemon=True)

    def __enter__(self) -> Session:
        global _open
        self._thread.start()
        try:
            self._connection = self._wait(connect(self.endpoint, self.limits))
        except BaseException:
            self._end()
            raise
        with _counting:
            _open += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _open
        connection, self._connection = self._connection, None
        try:
            if connection is None:
                return
            if error is None and connection.broken is None:
                self._wait(connection.close())
            else:
                self._loop.call_soon_threadsafe(connection.abort)
        finally:
            if connection is not None:
                with _counting:
                    _open -= 1
            self._end()

    @property
    def negotiated(self) -> dict[str, str]:
        """Cipher, MAC, host key fingerprint and server version, for the ledger."""
        return self._connected.negotiated

    def upload(
        self,
        source: Path,
        path: str,
        *,
        size: int,
        sha256: str,
        heartbeat: Callable[[], None] | None = None,
        heartbeat_seconds: float = FOREVER,
    ) -> Upload:
        """
        Write ``source`` to ``path``; see :func:`include.sftp.upload.upload`.

        ``heartbeat`` is called in this thread every ``heartbeat_seconds``; if it raises, the transfer is cut and
        the error comes out.
        """
        return self._wait(upload(self._connected, source, path, size=size, sha256=sha256), heartbeat, heartbeat_seconds)

    def hash_remote(
        self,
        path: str,
        *,
        heartbeat: Callable[[], None] | None = None,
        heartbeat_seconds: float = FOREVER,
    ) -> tuple[str, int]:
        """Read ``path`` back; SHA-256 and number of bytes."""
        return self._wait(hash_remote(self._connected, path), heartbeat, heartbeat_seconds)

    def find(self, path: str) -> RemoteFile | None:
        """Look for ``path`` by ``stat``, or by listing where the server has no usable ``stat``."""
        return self._wait(self._connected.find(path))

    def find_in_listing(self, path: str) -> RemoteFile | None:
        """Look for ``path`` in its directory's listing, whatever ``stat`` says."""
        return self._wait(self._connected.find_in_listing(path))

    def listing(self, directory: str) -> list[RemoteFile]:
        """List a directory as the server spells it."""
        return self._wait(self._connected.listing(directory))

    def require_kept_name(self, path: str) -> None:
        """
        See that the server lists ``path`` in our spelling; asked once per directory.

        A server that hides the name, or the directory, proves nothing and passes. Raises ``NamesChanged``.
        """
        directory, _, name = path.rpartition("/")
        if not self.endpoint.remote_profile.keeps_names or directory in self._keeps_names:
            return
        try:
            listed = {entry.path.rpartition("/")[2] for entry in self.listing(directory or ".")}
        except (PermissionRefused, RemoteFailure, RemotePathMissing):
            listed = set()
        if name not in listed and name.casefold() in {each.casefold() for each in listed}:
            raise NamesChanged(self.endpoint, "the server lists the name in another spelling.", path=path)
        self._keeps_names.add(directory)

    def entries(self, directory: str, limits: ListingLimits | None = None) -> list[RemoteEntry]:
        """List a directory with types, names as bytes; see :func:`include.sftp.entries.list_entries`."""
        return self._wait(list_entries(self._connected, directory, limits or ListingLimits()))

    def look_at(self, path: str) -> RemoteEntry | None:
        """Ask what ``path`` is, without following a link; ``None`` if it is not there."""
        return self._wait(look_at(self._connected, path))

    def download(
        self,
        path: str,
        sink: Sink,
        *,
        expected: RemoteEntry,
        max_bytes: int,
        heartbeat: Callable[[], None] | None = None,
        heartbeat_seconds: float = FOREVER,
    ) -> Download:
        """
        Read ``path`` into ``sink`` (called in another thread); see :func:`include.sftp.download.download`.

        ``heartbeat`` as in :meth:`upload`.
        """
        work = download(self._connected, path, sink, expected=expected, max_bytes=max_bytes)
        return self._wait(work, heartbeat, heartbeat_seconds)

    def beginning(self, path: str, *, expected: RemoteEntry, max_bytes: int) -> bytes:
        """Read no more than the first ``max_bytes``; see :func:`include.sftp.download.beginning`."""
        return self._wait(beginning(self._connected, path, expected=expected, max_bytes=max_bytes))

    def remove_unchanged(
        self,
        path: str,
        *,
        expected: RemoteEntry,
        sha256: str | None,
        heartbeat: Callable[[], None] | None = None,
        heartbeat_seconds: float = FOREVER,
    ) -> Removal:
        """Remove ``path`` if it is still the file that was read; see :func:`include.sftp.download.remove_unchanged`."""
        work = remove_unchanged(self._connected, path, expected=expected, sha256=sha256)
        return self._wait(work, heartbeat, heartbeat_seconds)

    @property
    def broken(self) -> bool:
        """Whether the connection has ended under us: every further verb would raise the same error."""
        return self._connection is not None and self._connection.broken is not None

    def rename(self, source: str, target: str) -> None:
        """Rename without overwriting."""
        self._wait(self._connected.rename(source, target))

    def remove(self, path: str) -> None:
        """Remove a file; ``RemotePathMissing`` if it is not there."""
        self._wait(self._connected.remove(path))

    def free_bytes(self, directory: str) -> int | None:
        """Ask for the free space; ``None`` where the server does not tell."""
        return self._wait(self._connected.free_bytes(directory))

    @property
    def _connected(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("a Session is used inside its with block")
        if self._connection.broken is not None:
            raise self._connection.broken
        return self._connection

    def _wait(
        self,
        work: Coroutine[Any, Any, T],
        heartbeat: Callable[[], None] | None = None,
        heartbeat_seconds: float = FOREVER,
    ) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while not wait([future], timeout=heartbeat_seconds).done:
                if heartbeat is not None:
                    heartbeat()
            return future.result()
        except BaseException:
            # A lost lease, or a signal to this thread: no further byte may leave.
            if not future.done():
                if self._connection is not None:
                    given_up = ConnectionDropped(self.endpoint, "a transfer was given up from our side.")
                    self._loop.call_soon_threadsafe(self._connection.cut, given_up)
                future.cancel()
                wait([future], timeout=END_SECONDS)
            raise

    def _end(self) -> None:
        asyncio.run_coroutine_threadsafe(_finish_tasks(), self._loop)
        self._thread.join(END_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()


async def _finish_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=1.0)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.stop)
