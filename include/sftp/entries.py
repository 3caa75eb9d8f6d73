"""What stands in a partner's directory: names as bytes, since a server may say anything, with size, time and type."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

import asyncssh

from include.sftp.connection import Connection
from include.sftp.errors import ListingTooLong, PermissionRefused, RemoteFailure, RemotePathMissing

Kind = Literal["file", "directory", "link", "other", "unknown"]
_KINDS: dict[int, Kind] = {
    asyncssh.FILEXFER_TYPE_REGULAR: "file",
    asyncssh.FILEXFER_TYPE_DIRECTORY: "directory",
    asyncssh.FILEXFER_TYPE_SYMLINK: "link",
    asyncssh.FILEXFER_TYPE_UNKNOWN: "unknown",
}

NO_FILES = (b".", b"..")
PIECE_NAMES = 100
"""Names asked for under one time limit; what OpenSSH gives in one answer."""


@dataclass(frozen=True)
class ListingLimits:
    """How long a directory's listing may be; one beyond either limit is refused as a whole."""

    entries: int = 100_000
    """Names, ``.`` and ``..`` left out."""
    seconds: float = 120.0
    """The whole listing, whatever it consists of."""


@dataclass(frozen=True)
class RemoteEntry:
    """
    A name in a directory as the server lists it, or as ``lstat`` tells it.

    ``name`` is the server's own bytes, never to be used as a local path. ``size`` is bytes and ``mtime`` seconds since
    1970 UTC; both are ``None`` where the server does not say. SFTP version 3 counts time in whole seconds.
    """

    name: bytes
    size: int | None
    mtime: int | None
    kind: Kind

    @property
    def readable(self) -> bool:
        """Whether it may be read: a regular file, or the server tells no types at all."""
        return self.kind in ("file", "unknown")

    def is_same_as(self, other: RemoteEntry) -> bool:
        """Whether both may be one unchanged file: size and time are known and equal."""
        return None not in (self.size, self.mtime) and (self.size, self.mtime) == (other.size, other.mtime)


async def list_entries(connection: Connection, directory: str, limits: ListingLimits) -> list[RemoteEntry]:
    """
    List ``directory`` once, in the server's order; without ``.`` and ``..``.

    Raises ``ListingTooLong`` beyond ``limits`` (nothing of such a listing is used: what is missing from a part of
    one proves nothing), ``RemotePathMissing``, ``PermissionRefused``, ``RemoteFailure``, ``Stalled``,
    ``ConnectionDropped``.
    """
    found: list[RemoteEntry] = []
    deadline = monotonic() + limits.seconds
    # Bytes in, bytes out: decoded, one name that is not UTF-8 would hide all the others.
    listing = connection.sftp.scandir(directory.encode())
    try:
        # In pieces, so that a request's time limit holds for each and the limits hold for all.
        while piece := await connection.request(_next(listing), directory, "list"):
            found += [_entry(name, entry.attrs) for entry in piece if (name := bytes(entry.filename)) not in NO_FILES]
            if len(found) > limits.entries:
                raise ListingTooLong(
                    connection.endpoint, f"more than {limits.entries:,} names in the directory.", path=directory
                )
            if monotonic() > deadline:
                raise ListingTooLong(
                    connection.endpoint,
                    f"the listing did not end within {limits.seconds:.0f} s ({len(found):,} names so far).",
                    path=directory,
                )
    finally:
        with suppress(Exception):
            await asyncio.wait_for(listing.aclose(), timeout=1.0)  # type: ignore[attr-defined]
    return found


async def look_at(connection: Connection, path: str) -> RemoteEntry | None:
    """
    Ask what ``path`` is without following a link; ``None`` if it is not there.

    A server that refuses ``lstat`` is asked for the directory's listing instead.
    """
    name = path.rpartition("/")[2].encode()
    try:
        attributes = await connection.request(connection.sftp.lstat(path), path, "lstat")
    except RemotePathMissing:
        return None
    except (RemoteFailure, PermissionRefused):
        directory = path.rpartition("/")[0] or "."
        listed = await list_entries(connection, directory, ListingLimits())
        return next((entry for entry in listed if entry.name == name), None)
    return _entry(name, attributes)


def entry_of(name: bytes, attributes: Any) -> RemoteEntry:
    """Translate the attributes of an open handle."""
    return _entry(name, attributes)


def _entry(name: bytes, attributes: Any) -> RemoteEntry:
    kind = _KINDS.get(attributes.type, "other")
    if kind == "unknown" and attributes.permissions is not None and stat.S_ISREG(attributes.permissions):
        kind = "file"
    mtime = None if attributes.mtime is None else int(attributes.mtime)
    return RemoteEntry(name, attributes.size, mtime, kind)


async def _next(listing: AsyncIterator[Any]) -> list[Any]:
    """Return some more names, none at the end."""
    piece: list[Any] = []
    async for entry in listing:
        piece.append(entry)
        if len(piece) == PIECE_NAMES:
            break
    return piece
