"""One file: from a name in a listing to bytes in the archive and a row that says so, or to the reason why not."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

from include.ledger import LeaseHeldError, LeaseLostError, LedgerError, LedgerUnavailableError
from include.sftp import NotAFile, RemoteEntry, RemotePathMissing, RemoteTooLarge, Session, TransferError

if TYPE_CHECKING:
    from include.archive import Archive
    from include.collect.outcome import CollectLimits
    from include.ledger import ArrivalRow, Ledger

STEPS = ("lease", "download", "land", "release")
Landed = Literal["landed", "duplicate", "rejected", "vanished", "busy", "settled"]


def land(
    session: Session,
    ledger: Ledger,
    archive: Archive,
    row: ArrivalRow,
    *,
    limits: CollectLimits,
    on_step: Callable[[str], None],
) -> Landed:
    """
    Read one stable file into the archive and record it as landed.

    May be called again for any arrival at any time: what is past SEEN stays as it is, and what a killed attempt left
    is bytes in the archive that nobody asks for. Raises ``TransferError`` (the arrival stays SEEN, an event says why)
    and ``ArchiveError`` (our own disk).
    """
    try:
        with _step("lease", on_step):
            token = ledger.take_arrival_lease(row.id, seconds=limits.lease_seconds)
    except LeaseHeldError:
        return "busy"
    try:
        # Between the sighting and the lease another attempt may have finished.
        row = ledger.arrival(row.id)
        if row.state != "SEEN":
            return "settled"
        return _landed(session, ledger, archive, row, token, limits, on_step)
    except LeaseLostError:
        return "busy"
    finally:
        with _step("release", on_step), suppress(LedgerError):
            ledger.release_arrival_lease(row.id, token)


def _landed(
    session: Session,
    ledger: Ledger,
    archive: Archive,
    row: ArrivalRow,
    token: int,
    limits: CollectLimits,
    on_step: Callable[[str], None],
) -> Landed:
    try:
        with _step("download", on_step), archive.writer() as writer:
            read = session.download(
                remote_path(row),
                writer,
                expected=entry_of(row),
                max_bytes=limits.file_bytes,
                heartbeat=lambda: ledger.renew_arrival_lease(row.id, token, seconds=limits.lease_seconds),
                heartbeat_seconds=limits.lease_seconds / 3,
            )
    except RemotePathMissing:
        ledger.move_arrival(row.id, "VANISHED", reason="it was gone when we came to read it", token=token)
        return "vanished"
    except NotAFile as error:
        ledger.move_arrival(row.id, "REJECTED", reason=error.what, reject_code="NAME_UNSAFE", token=token)
        return "rejected"
    except RemoteTooLarge as error:
        ledger.move_arrival(row.id, "REJECTED", reason=error.what, reject_code="TOO_LARGE", token=token)
        return "rejected"
    except TransferError as error:
        if not error.endpoint_wide or session.broken:
            note_failure(ledger, row, error.code, str(error))
        raise
    with _step("land", on_step):
        landed = ledger.land(row.id, sha256=writer.sha256, size=read.bytes, token=token)
    return "duplicate" if landed.state == "DUPLICATE" else "landed"


def remote_path(row: ArrivalRow) -> str:
    """Where the arrival stands at the partner; only a sound name's label is its name, and only those get here."""
    return posixpath.join(row.directory, row.remote_name)


def entry_of(row: ArrivalRow) -> RemoteEntry:
    """What the listing said of the arrival."""
    mtime = None if row.mtime is None else int(row.mtime.timestamp())
    return RemoteEntry(row.remote_name.encode(), row.size, mtime, "file")


def note_failure(ledger: Ledger, row: ArrivalRow, code: str, message: str) -> None:
    """Write down that an attempt failed; a ledger that is away now has said so elsewhere."""
    with suppress(LedgerUnavailableError):
        ledger.note_arrival(row.id, "ATTEMPT_FAILED", {"code": code, "error": message})


@contextmanager
def _step(name: str, on_step: Callable[[str], None]) -> Iterator[None]:
    on_step(f"before_{name}")
    yield
    on_step(f"after_{name}")
