"""One file, one attempt: the ten steps, and the reconciler that makes any attempt safe to repeat.

Not here: how bytes come to a name (``placing.py``), what goes beside the file (``companions.py``), several files and
the connection they share (``run.py``), bytes on the wire (``include/sftp``).
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from include.ledger import LeaseLostError, LedgerError, TransitionError
from include.ledger.states import ON_THE_WAY, PREVIEW
from include.publish.companions import bring_companion, companions_due
from include.publish.outcome import Action, Outcome, PublishSettings
from include.publish.placing import Content, MustHold, Placing
from include.sftp import (
    ContentMismatch,
    PermissionRefused,
    RemoteFailure,
    RemoteFile,
    RemotePathMissing,
    Session,
    TransferError,
)

if TYPE_CHECKING:
    from include.archive import Archive
    from include.ledger import FileRow, Ledger


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


class _Attempt(Placing):
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
        super().__init__(session, ledger, row, archive, settings, on_step)
        self.content = Content(row.file_name, row.sha256, row.bytes)
        self.companions = 0
        self.given_dir = remote_dir
        self._place()

    def _place(self) -> None:
        """Decide in which directory this attempt works; the earlier one's is where its temporary file may be."""
        row = self.row
        self.earlier_dir = posixpath.dirname(row.remote_path) if row.remote_path and row.temp_name else self.given_dir
        # A complete upload is brought to its end where it began, even if the contract names another directory since:
        # the partner may have the file already.
        self.remote_dir = self.earlier_dir if row.state == "UPLOADED" else self.given_dir
        self.final = posixpath.join(self.remote_dir, self.content.name)

    def run(self) -> Outcome:
        began = time.monotonic()
        with self.step("lease"):
            self.take_lease()
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
            with self.step("release"):
                self.release_lease()
        return Outcome(
            self.row.id,
            self.content.name,
            self.row.state,
            settled.action,
            self.final,
            settled.reason,
            self.sent,
            time.monotonic() - began,
            self.companions,
        )

    def _try(self) -> _Settled:
        try:
            with self.step("reconcile"):
                temporary = self._reconcile()
            self._bring_companions()
            if temporary is None:
                temporary = self.upload_until_sound(self.content, self.remote_dir, self._mark_uploading)
            self._mark_uploaded(temporary)
            with self.step("fence"):
                self.fence(temporary)
            with self.step("rename"):
                self._rename(temporary)
            with self.step("mark_published"):
                self._record_published(found=False)
        except _Settled as settled:
            return settled
        except MustHold as held:
            return self._hold(held.reason, held.code)
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
                self.remove(old)
            return None
        if temporary is None and self.session.find_in_listing(old) is None:
            if self.rename_was_requested(self.row.temp_name):
                if self.session.find_in_listing(self.final) is not None:
                    raise RemoteFailure(self.session.endpoint, "stat and listing disagree.", path=self.final)
                self._move(
                    "UNKNOWN",
                    reason=f"neither {self.row.temp_name} nor {self.content.name} is in {self.remote_dir}: the rename "
                    "was asked for, so the partner has probably taken the file. Not sent again by itself: ask the "
                    "partner",
                )
                raise _Settled("unknown", self.row.reason)
            self.note("TEMP_LOST", temp_name=self.row.temp_name)
            return None
        fault = self.fault_of(self.content, old)
        if fault is None:
            return old
        self.note("TEMP_DAMAGED", temp_name=self.row.temp_name, fault=fault)
        self.remove(old)
        return None

    def _settle_by_final(self, final: RemoteFile, temporary: str | None, *, taken: bool) -> None:
        """Somebody's file has our name. Ours: published. Another's: held. Never touched."""
        sameness = self.compare(self.content, final)
        # A temporary file that is gone after the rename was asked for can only have become this one.
        if sameness in ("same_size", "gone") and taken and self.row.state == "UPLOADED":
            sameness = "ours"
        if sameness == "gone":
            return
        if sameness == "ours":
            if temporary:
                self.remove(temporary)
            self._bring_companions()
            with self.step("mark_published"):
                self._record_published(found=True)
            raise _Settled("found_published")
        held = "its content cannot be read" if sameness == "same_size" else "it has other content"
        if temporary:
            self.remove(temporary)
        size = "unknown size" if final.size is None else f"{final.size} bytes"
        raise self._hold(
            f"the name {self.final} is taken on the server ({size}, ours has {self.content.size}) and {held}. It was "
            "not touched; compare both with the partner, then release or cancel this file",
            "REMOTE_NAME_TAKEN",
        )

    # --- uploading

    def _bring_companions(self) -> None:
        """Before the file itself, so that its appearance completes the set; nothing if they are there already."""
        due = companions_due(self, self.remote_dir)
        if due and self.row.state == "GATED":
            self._move("UPLOADING", remote_path=self.final, temp_name=None)
        for companion in due:
            bring_companion(self, companion, self.remote_dir)
            self.companions += 1

    def _mark_uploading(self, temp_name: str) -> None:
        self._move("UPLOADING", remote_path=self.final, temp_name=temp_name)

    def _mark_uploaded(self, temporary: str) -> None:
        with self.step("mark_uploaded"):
            if self.row.state != "UPLOADED":
                self._move("UPLOADED", temp_name=posixpath.basename(temporary))

    # --- publishing

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
                reason=f"{posixpath.basename(temporary)} vanished during the rename and {self.content.name} is not in "
                f"{self.remote_dir}: the partner may have taken it. Not sent again by itself: ask the partner",
            )
            raise _Settled("unknown", self.row.reason) from error

    def _record_published(self, *, found: bool) -> None:
        """Insist: the partner may take the file at any moment, and after that nobody can see that it was there."""

        def record() -> None:
            self.row = self.ledger.file(self.row.id)
            if self.row.state == "GATED":
                self._move("UPLOADING", remote_path=self.final)
            if self.row.state != "PUBLISHED":
                self._move("PUBLISHED", detail={"found": found}, remote_path=self.final)

        self.insist(record)

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

    def _note_failure(self, error: Exception) -> None:
        code = getattr(error, "code", type(error).__name__)
        with suppress(LedgerError):
            self.note("ATTEMPT_FAILED", code=code, error=str(error))
