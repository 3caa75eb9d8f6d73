"""
Bring these bytes to this name: what a file and its companions have in common on their way to the server.

Also what one attempt holds while it does that: the connection, the lease, the archive. Which file it is and what the
ledger says of it is in ``protocol.py``; its companions are in ``companions.py``.
"""

from __future__ import annotations

import errno
import logging
import posixpath
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from include.archive import ArchiveError
from include.ledger import LedgerError, LedgerUnavailableError
from include.publish.outcome import PublishSettings
from include.sftp import (
    PermissionRefused,
    RemoteFailure,
    RemoteFile,
    RemotePathMissing,
    Session,
    TransientTransferError,
)

if TYPE_CHECKING:
    from include.archive import Archive
    from include.ledger import FileRow, Ledger

log = logging.getLogger(__name__)

Sameness = Literal["ours", "other", "same_size", "gone"]


@dataclass(frozen=True)
class Content:
    """Bytes with a name: ``size`` bytes of ``sha256`` that are to stand as ``name``."""

    name: str
    sha256: str
    size: int


class MustHold(Exception):
    """The file cannot go before a person has looked: ``reason`` is the sentence for the person, ``code`` its name."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Placing:
    """One attempt's hands: what it can do to the server for one file, under that file's lease."""

    def __init__(
        self,
        session: Session,
        ledger: Ledger,
        row: FileRow,
        archive: Archive,
        settings: PublishSettings,
        on_step: Callable[[str], None],
    ) -> None:
        self.session, self.ledger, self.archive, self.settings = session, ledger, archive, settings
        self.row, self.on_step = row, on_step
        self.token = 0
        self.sent = 0
        self.renewed_at = 0.0

    # --- the server

    def compare(self, content: Content, found: RemoteFile) -> Sameness:
        """Say whether the file that stands on the server is ours, as far as we may look."""
        if found.size is not None and found.size != content.size:
            return "other"
        if not self.session.endpoint.remote_profile.readable:
            return "same_size"
        try:
            digest, _ = self.session.hash_remote(found.path, **self._heartbeat())
        except RemotePathMissing:
            return "gone"
        except (PermissionRefused, RemoteFailure):
            return "same_size"
        return "ours" if digest == content.sha256 else "other"

    def upload_until_sound(
        self, content: Content, directory: str, begin: Callable[[str], None], *, steps: str = ""
    ) -> str:
        """
        Upload to a temporary name in ``directory`` until it reads back as it should, and return its path.

        ``begin`` writes the temporary name into the ledger; ``steps`` goes before the names of the steps.

        :raises MustHold: if the server spoils every try, or the archive has not got the bytes.
        """
        fault = ""
        for number in range(1, self.settings.upload_tries + 1):
            # A name per lease and try: an attempt that wakes from the dead may then truncate its own file only.
            name = f".{content.name}.{self.row.id}-{self.token}-{number}.part"
            temporary = posixpath.join(directory, name)
            with self.step(f"{steps}mark_uploading"):
                begin(name)
            with self.step(f"{steps}upload"):
                self._upload(content, temporary)
            with self.step(f"{steps}verify"):
                self.session.require_kept_name(temporary)
                found = self.fault_of(content, temporary)
            if found is None:
                return temporary
            fault = found
            self.note("UPLOAD_UNSOUND", temp_name=name, fault=fault, number=number)
            self.remove(temporary)
        raise MustHold(
            f"{self.settings.upload_tries} uploads in a row went wrong on the server: {fault}. Nothing was published; "
            "ask the partner what happens to new files in this directory, then release the file",
            "UPLOAD_UNSOUND",
        )

    def _upload(self, content: Content, temporary: str) -> None:
        try:
            with self.archive.local_path(content.sha256) as source:
                sent = self.session.upload(
                    source, temporary, size=content.size, sha256=content.sha256, **self._heartbeat()
                )
        except (ArchiveError, FileNotFoundError) as error:
            if error.errno not in (None, errno.ENOENT):
                raise
            raise MustHold(f"nothing was sent: {error}", "LOCAL_CONTENT_MISSING") from error
        except TransientTransferError as error:
            if not error.endpoint_wide:
                # A half file helps nobody and may be what fills the disk.
                self.remove(temporary)
            raise
        self.sent += sent.bytes

    def fault_of(self, content: Content, temporary: str) -> str | None:
        """Say what is wrong with the uploaded temporary file, or ``None`` if nothing is as far as can be seen."""
        found = self.session.find(temporary) or self.session.find_in_listing(temporary)
        if found is None:
            return "the temporary file is gone"
        if found.size is not None and found.size != content.size:
            return f"the temporary file has {found.size} bytes instead of {content.size}"
        if self.session.endpoint.remote_profile.readback:
            digest, _ = self.session.hash_remote(temporary, **self._heartbeat())
            if digest != content.sha256:
                return "the temporary file reads back with another SHA-256"
        return None

    def remove(self, temporary: str) -> None:
        """Remove a temporary file of ours, if the server lets us; what stays is hidden by its name and harmless."""
        with suppress(PermissionRefused, RemoteFailure, RemotePathMissing):
            self.session.remove(temporary)

    # --- the lease and the ledger

    def take_lease(self) -> None:
        """Become the one attempt that may work on the file."""
        self.token = self.ledger.take_lease(self.row.id, seconds=self.settings.lease_seconds)
        self.renewed_at = time.monotonic()

    def release_lease(self) -> None:
        """Give the file free, if the ledger can be told."""
        try:
            self.ledger.release_lease(self.row.id, self.token)
        except LedgerError as error:
            # It expires by itself; what matters has been recorded or raised.
            log.warning("lease of %s not released: %s", self.row.label, error)

    def fence(self, temporary: str) -> None:
        """Write down what is about to be renamed, and see that the lease is ours to the end of it."""
        # Renewed first: nobody can take over during the rename that follows, which is bounded in time.
        self.ledger.renew_lease(self.row.id, self.token, seconds=self.settings.lease_seconds)
        self.note("RENAME_REQUESTED", temp_name=posixpath.basename(temporary))
        self.ledger.assert_lease(self.row.id, self.token)

    def rename_was_requested(self, temp_name: str | None) -> bool:
        """Whether any attempt came so far as to ask the server for the rename of this temporary file."""
        return any(
            event.kind == "RENAME_REQUESTED" and event.detail.get("temp_name") == temp_name
            for event in self.ledger.events(self.row.id)
        )

    def insist(self, record: Callable[[], None]) -> None:
        """Have the ledger told what the partner may undo at any moment, while the ledger is away for a while."""
        patience = time.monotonic() + self.settings.ledger_patience_seconds
        while True:
            try:
                record()
                return
            except LedgerUnavailableError:
                if time.monotonic() > patience:
                    raise
                time.sleep(0.2)

    def note(self, kind: str, **detail: Any) -> None:
        """Write an event of this attempt."""
        self.ledger.note(self.row.id, kind, {"token": self.token, **detail})

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step before and after it."""
        self.on_step(f"before_{name}")
        yield
        self.on_step(f"after_{name}")

    def _heartbeat(self) -> dict[str, Any]:
        return {"heartbeat": self._renew, "heartbeat_seconds": self.settings.lease_seconds / 3}

    def _renew(self) -> None:
        try:
            self.ledger.renew_lease(self.row.id, self.token, seconds=self.settings.lease_seconds)
            self.renewed_at = time.monotonic()
        except LedgerUnavailableError:
            # The upload may go on while the ledger is away, but not for longer than the lease is ours for certain.
            if time.monotonic() - self.renewed_at > self.settings.lease_seconds * 0.9:
                raise
