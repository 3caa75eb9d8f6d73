"""One file, one attempt: the ten steps, and the reconciler that makes any attempt safe to repeat.

Not here: several files and the connection they share (``run.py``), bytes on the wire (``include/sftp``).
"""

from __future__ import annotations

import errno
import logging
import posixpath
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

from include.archive import ArchiveError
from include.ledger import LeaseLostError, LedgerError, LedgerUnavailableError, TransitionError
from include.ledger.states import ON_THE_WAY, PREVIEW
from include.publish.outcome import Action, Outcome, PublishSettings
from include.sftp import (
    ContentMismatch,
    PermissionRefused,
    RemoteFailure,
    RemoteFile,
    RemotePathMissing,
    Session,
    TransferError,
    TransientTransferError,
)

if TYPE_CHECKING:
    from include.archive import Archive
    from include.ledger import FileRow, Ledger

log = logging.getLogger(__name__)

Sameness = Literal["ours", "other", "same_size", "gone"]


class NotPublishable(LedgerError):
    """The file has not passed the gate, or lacks what only rendering gives it."""


class _Settled(Exception):
    """The attempt is over, for a reason that is no error of the transfer: leave through the release of the lease."""

    def __init__(self, action: Action, reason: str | None = None) -> None:
        self.action = action
        self.reason = reason


def _unheard(step: str) -> None:
    """Nobody listens to the steps."""


def publish_file(
    session: Session,
    ledger: Ledger,
    file_id: int,
    archive: Archive,
    *,
    remote_dir: str,
    settings: PublishSettings | None = None,
    on_step: Callable[[str], None] = _unheard,
) -> Outcome:
    """
    Bring one gated file to its final name in ``remote_dir``, or find out that it is there, or say why not.

    May be called again for any file at any time: what is settled stays as it is, what was interrupted is looked at
    first. Raises ``TransferError`` (the state stays where it was, an event says why), ``LeaseHeldError`` (another
    attempt is at work), ``LeaseLostError`` (another attempt took over), ``NotPublishable``.
    """
    row = ledger.file(file_id)
    if row.state not in ON_THE_WAY:
        return _left_alone(row)
    attempt = _Attempt(session, ledger, row, archive, remote_dir, settings or PublishSettings(), on_step)
    return attempt.run()


def _left_alone(row: FileRow) -> Outcome:
    if row.state in ("PLANNED", "CHECKED", "RENDERED"):
        raise NotPublishable(f"{row.label} is {row.state}: only a file that passed the gate (GATED) can be published")
    return Outcome(row.id, row.file_name or "", row.state, "already_settled", row.remote_path, row.reason)


class _Attempt:
    """What one attempt knows: the row as the ledger last gave it, the lease token, the two names on the server."""

    def __init__(
        self,
        session: Session,
        ledger: Ledger,
        row: FileRow,
        archive: Archive,
        remote_dir: str,
        settings: PublishSettings,
        on_step: Callable[[str], None],
    ) -> None:
        if row.environment == PREVIEW:
            raise NotPublishable(f"{row.label} is a preview, which is never sent; run the window with mode deliver")
        if not row.file_name or not row.sha256 or row.bytes is None:
            raise NotPublishable(f"{row.label} is {row.state} without file name, SHA-256 or size: render it again")
        if posixpath.basename(row.file_name) != row.file_name or row.file_name in (".", ".."):
            raise NotPublishable(f"{row.label}: the name {row.file_name!r} is a path; correct the contract's file name")
        self.session, self.ledger, self.archive, self.settings = session, ledger, archive, settings
        self.row, self.on_step = row, on_step
        self.file_name, self.sha256, self.size = row.file_name, row.sha256, row.bytes
        self.given_dir = remote_dir
        self._place()
        self.token = 0
        self.sent = 0
        self.renewed_at = 0.0

    def _place(self) -> None:
        """Decide in which directory this attempt works; the earlier one's is where its temporary file may be."""
        row = self.row
        self.earlier_dir = posixpath.dirname(row.remote_path) if row.remote_path and row.temp_name else self.given_dir
        # A complete upload is brought to its end where it began, even if the contract names another directory since:
        # the partner may have the file already.
        self.remote_dir = self.earlier_dir if row.state == "UPLOADED" else self.given_dir
        self.final = posixpath.join(self.remote_dir, self.file_name)

    def run(self) -> Outcome:
        began = time.monotonic()
        with self.step("lease"):
            self.token = self.ledger.take_lease(self.row.id, seconds=self.settings.lease_seconds)
            self.renewed_at = time.monotonic()
        try:
            # Between the first look and the lease another attempt may have finished.
            self.row = self.ledger.file(self.row.id)
            if self.row.state not in ON_THE_WAY:
                return _left_alone(self.row)
            self._place()
            self.note("ATTEMPT_STARTED", endpoint=str(self.session.endpoint), **self.session.negotiated)
            settled = self._try()
        except (TransferError, LeaseLostError) as error:
            self._note_failure(error)
            raise
        finally:
            self._release()
        return Outcome(
            self.row.id,
            self.file_name,
            self.row.state,
            settled.action,
            self.final,
            settled.reason,
            self.sent,
            time.monotonic() - began,
        )

    def _try(self) -> _Settled:
        try:
            with self.step("reconcile"):
                temporary = self._reconcile()
            if temporary is None:
                temporary = self._upload_until_sound()
            self._mark_uploaded(temporary)
            with self.step("fence"):
                self._fence(temporary)
            with self.step("rename"):
                self._rename(temporary)
            with self.step("mark_published"):
                self._record_published(found=False)
        except _Settled as settled:
            return settled
        except ContentMismatch as error:
            return self._hold(str(error), error.code)
        return _Settled("published")

    # --- reconciling: what an earlier attempt, or somebody else, left on the server

    def _reconcile(self) -> str | None:
        """Return the temporary name that holds our whole file, or ``None`` if the upload must (re)start."""
        final = self.session.find(self.final)
        old = self.row.temp_name and posixpath.join(self.earlier_dir, self.row.temp_name)
        temporary = self.session.find(old) if old else None
        if final is not None:
            self._settle_by_final(final, old if temporary else None, taken=old is not None and temporary is None)
        if self.row.state != "UPLOADED" or old is None:
            # Of an upload that was cut off nothing is used: the size may be right and a middle block missing. And
            # it is removed before another begins, so that an attempt that only seemed dead has nothing to rename.
            if old and temporary is not None:
                self._remove(old)
            return None
        if temporary is None and self.session.find_in_listing(old) is None:
            if self._rename_was_requested():
                if self.session.find_in_listing(self.final) is not None:
                    raise RemoteFailure(self.session.endpoint, "stat and listing disagree.", path=self.final)
                self._move(
                    "UNKNOWN",
                    reason=f"neither {self.row.temp_name} nor {self.file_name} is in {self.remote_dir}: the rename was "
                    "asked for, so the partner has probably taken the file. Not sent again by itself: ask the partner",
                )
                raise _Settled("unknown", self.row.reason)
            self.note("TEMP_LOST", temp_name=self.row.temp_name)
            return None
        fault = self._fault_of(old)
        if fault is None:
            return old
        self.note("TEMP_DAMAGED", temp_name=self.row.temp_name, fault=fault)
        self._remove(old)
        return None

    def _settle_by_final(self, final: RemoteFile, temporary: str | None, *, taken: bool) -> None:
        """Somebody's file has our name. Ours: published. Another's: held. Never touched."""
        sameness = self._compare(final)
        # A temporary file that is gone after the rename was asked for can only have become this one.
        if sameness in ("same_size", "gone") and taken and self.row.state == "UPLOADED":
            sameness = "ours"
        if sameness == "gone":
            return
        if sameness == "ours":
            if temporary:
                self._remove(temporary)
            with self.step("mark_published"):
                self._record_published(found=True)
            raise _Settled("found_published")
        held = "its content cannot be read" if sameness == "same_size" else "it has other content"
        if temporary:
            self._remove(temporary)
        size = "unknown size" if final.size is None else f"{final.size} bytes"
        raise self._hold(
            f"the name {self.final} is taken on the server ({size}, ours has {self.size}) and {held}. It was not "
            "touched; compare both with the partner, then release or cancel this file",
            "REMOTE_NAME_TAKEN",
        )

    def _compare(self, found: RemoteFile) -> Sameness:
        if found.size is not None and found.size != self.size:
            return "other"
        if not self.session.endpoint.remote_profile.readable:
            return "same_size"
        try:
            digest, _ = self.session.hash_remote(found.path, **self._heartbeat())
        except RemotePathMissing:
            return "gone"
        except (PermissionRefused, RemoteFailure):
            return "same_size"
        return "ours" if digest == self.sha256 else "other"

    def _rename_was_requested(self) -> bool:
        return any(
            event.kind == "RENAME_REQUESTED" and event.detail.get("temp_name") == self.row.temp_name
            for event in self.ledger.events(self.row.id)
        )

    # --- uploading

    def _upload_until_sound(self) -> str:
        fault = ""
        for number in range(1, self.settings.upload_tries + 1):
            # A name per lease and try: an attempt that wakes from the dead may then truncate its own file only.
            name = f".{self.file_name}.{self.row.id}-{self.token}-{number}.part"
            temporary = posixpath.join(self.remote_dir, name)
            with self.step("mark_uploading"):
                self._move("UPLOADING", remote_path=self.final, temp_name=name)
            with self.step("upload"):
                self._upload(temporary)
            with self.step("verify"):
                self.session.require_kept_name(temporary)
                found = self._fault_of(temporary)
            if found is None:
                return temporary
            fault = found
            self.note("UPLOAD_UNSOUND", temp_name=name, fault=fault, number=number)
            self._remove(temporary)
        raise self._hold(
            f"{self.settings.upload_tries} uploads in a row went wrong on the server: {fault}. Nothing was published; "
            "ask the partner what happens to new files in this directory, then release the file",
            "UPLOAD_UNSOUND",
        )

    def _upload(self, temporary: str) -> None:
        try:
            with self.archive.local_path(self.sha256) as source:
                sent = self.session.upload(source, temporary, size=self.size, sha256=self.sha256, **self._heartbeat())
        except (ArchiveError, FileNotFoundError) as error:
            if error.errno not in (None, errno.ENOENT):
                raise
            raise self._hold(f"nothing was sent: {error}", "LOCAL_CONTENT_MISSING") from error
        except TransientTransferError as error:
            if not error.endpoint_wide:
                # A half file helps nobody and may be what fills the disk.
                self._remove(temporary)
            raise
        self.sent += sent.bytes

    def _fault_of(self, temporary: str) -> str | None:
        """Say what is wrong with the uploaded temporary file, or ``None`` if nothing is as far as can be seen."""
        found = self.session.find(temporary) or self.session.find_in_listing(temporary)
        if found is None:
            return "the temporary file is gone"
        if found.size is not None and found.size != self.size:
            return f"the temporary file has {found.size} bytes instead of {self.size}"
        if self.session.endpoint.remote_profile.readback:
            digest, _ = self.session.hash_remote(temporary, **self._heartbeat())
            if digest != self.sha256:
                return "the temporary file reads back with another SHA-256"
        return None

    def _mark_uploaded(self, temporary: str) -> None:
        with self.step("mark_uploaded"):
            if self.row.state != "UPLOADED":
                self._move("UPLOADED", temp_name=posixpath.basename(temporary))

    # --- publishing

    def _fence(self, temporary: str) -> None:
        # Renewed first: nobody can take over during the rename that follows, which is bounded in time.
        self.ledger.renew_lease(self.row.id, self.token, seconds=self.settings.lease_seconds)
        self.note("RENAME_REQUESTED", temp_name=posixpath.basename(temporary))
        self.ledger.assert_lease(self.row.id, self.token)

    def _rename(self, temporary: str) -> None:
        try:
            self.session.rename(temporary, self.final)
        except (RemoteFailure, PermissionRefused, RemotePathMissing) as error:
            remaining = self.session.find(temporary)
            final = self.session.find(self.final)
            if final is not None:
                self._settle_by_final(final, temporary if remaining else None, taken=remaining is None)
            if remaining is not None:
                raise self._hold(
                    f"the server does not rename: {error.what} The whole file stands as {temporary}. Ask the partner "
                    "to allow renaming there, then release the file; it is never written under its final name",
                    "RENAME_REFUSED",
                ) from error
            self._move(
                "UNKNOWN",
                reason=f"{posixpath.basename(temporary)} vanished during the rename and {self.file_name} is not in "
                f"{self.remote_dir}: the partner may have taken it. Not sent again by itself: ask the partner",
            )
            raise _Settled("unknown", self.row.reason) from error

    def _record_published(self, *, found: bool) -> None:
        """Insist: the partner may take the file at any moment, and after that nobody can see that it was there."""
        patience = time.monotonic() + self.settings.ledger_patience_seconds
        while True:
            try:
                self.row = self.ledger.file(self.row.id)
                if self.row.state == "GATED":
                    self._move("UPLOADING", remote_path=self.final)
                if self.row.state != "PUBLISHED":
                    self._move("PUBLISHED", detail={"found": found}, remote_path=self.final)
                return
            except LedgerUnavailableError:
                if time.monotonic() > patience:
                    raise
                time.sleep(0.2)

    # --- the ledger

    def _move(self, to: str, *, reason: str | None = None, **columns: Any) -> None:
        # What is published is published, whoever holds the lease by now; no other step may be a zombie's.
        token = None if to == "PUBLISHED" else self.token
        try:
            self.row = self.ledger.move(self.row.id, to, reason=reason, token=token, **columns)
        except TransitionError:
            # The row is not where we left it, most likely because another attempt took over: say that then.
            self.ledger.assert_lease(self.row.id, self.token)
            raise

    def _hold(self, reason: str, code: str) -> _Settled:
        self._move("HELD", reason=reason, detail={"code": code})
        return _Settled("held", reason)

    def note(self, kind: str, **detail: Any) -> None:
        """Write an event of this attempt."""
        self.ledger.note(self.row.id, kind, {"token": self.token, **detail})

    def _note_failure(self, error: Exception) -> None:
        code = getattr(error, "code", type(error).__name__)
        with suppress(LedgerError):
            self.note("ATTEMPT_FAILED", code=code, error=str(error))

    def _release(self) -> None:
        with self.step("release"):
            try:
                self.ledger.release_lease(self.row.id, self.token)
            except LedgerError as error:
                # It expires by itself; what matters has been recorded or raised.
                log.warning("lease of %s not released: %s", self.row.label, error)

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

    def _remove(self, temporary: str) -> None:
        """Remove a temporary file of ours, if the server lets us; what stays is hidden by its name and harmless."""
        with suppress(PermissionRefused, RemoteFailure, RemotePathMissing):
            self.session.remove(temporary)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step before and after it."""
        self.on_step(f"before_{name}")
        yield
        self.on_step(f"after_{name}")
