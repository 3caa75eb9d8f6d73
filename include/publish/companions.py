"""
What goes beside a file and before it: each companion to its final name, with the same care as the file itself.

The file appears last, so whoever sees it sees the whole set. A companion whose fate nobody knows (neither name is
there) is sent again: the same bytes under the same name are a copy, and a file without its companions must not be.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from include.publish.placing import Content, MustHold, Placing
from include.sftp import ContentMismatch, PermissionRefused, RemoteFailure, RemoteFile, RemotePathMissing

if TYPE_CHECKING:
    from include.ledger import CompanionRow


def companions_due(place: Placing, directory: str) -> list[CompanionRow]:
    """
    Return the companions that this sending of the file has still to bring to ``directory``, in their order.

    Not those that an earlier attempt brought there, since the partner may have taken them; but all of them once a
    person has had the file sent again.
    """
    companions = place.ledger.companions(place.row.id)
    if not companions:
        return []
    again = place.ledger.sent_again_at(place.row.id)
    return [
        one
        for one in companions
        if one.published_at is None
        or one.remote_path != posixpath.join(directory, one.name)
        or (again is not None and one.published_at < again)
    ]


def bring_companion(place: Placing, companion: CompanionRow, directory: str) -> None:
    """
    Bring one companion to its name in ``directory``, or find it there.

    :raises MustHold: if the name is taken by anything else, or the server or the archive does not let it through; the
        reason names the companion, and nothing of the file itself has been sent.
    :raises TransferError: as every request may; the next attempt begins by looking at what is there.
    """
    try:
        _Bringing(place, companion, directory).run()
    except MustHold as held:
        raise MustHold(f"its companion {companion.name} cannot go: {held.reason}", held.code) from held
    except ContentMismatch as error:
        raise MustHold(f"its companion {companion.name} cannot go: {error}", error.code) from error


class _Bringing:
    """One companion on its way, with the hands of its file's attempt."""

    def __init__(self, place: Placing, companion: CompanionRow, directory: str) -> None:
        self.place, self.session, self.ledger = place, place.session, place.ledger
        self.companion, self.directory = companion, directory
        self.content = Content(companion.name, companion.sha256, companion.bytes)
        self.final = posixpath.join(directory, companion.name)
        self._known = False

    def run(self) -> None:
        found = self._found_after_clearing()
        if found is None or not self._is_ours(found, known=self._known):
            self._send()

    def _found_after_clearing(self) -> RemoteFile | None:
        """Remove what an earlier attempt left, and return what stands under the final name."""
        old = None
        if self.companion.temp_name is not None and self.companion.remote_path is not None:
            old = posixpath.join(posixpath.dirname(self.companion.remote_path), self.companion.temp_name)
        left = old is not None and self.session.find(old) is not None
        found = self.session.find(self.final)
        # Of an upload that was cut off nothing is used, and it is gone before another begins: an attempt that only
        # seemed dead has nothing to rename then.
        if old is not None and left:
            self.place.remove(old)
        # Where nobody may read, our own record must do: it was brought there, or its rename was asked for.
        self._known = self.companion.remote_path == self.final and (
            self.companion.published_at is not None
            or (not left and self.place.rename_was_requested(self.companion.temp_name))
        )
        return found

    def _is_ours(self, found: RemoteFile, *, known: bool) -> bool:
        """Whether the companion stands there (and is recorded then); another's file is held and never touched."""
        sameness = self.place.compare(self.content, found)
        if sameness == "gone":
            return False
        if sameness == "ours" or (sameness == "same_size" and known):
            self._record(found=True)
            return True
        why = "its content cannot be read" if sameness == "same_size" else "it has other content"
        size = "unknown size" if found.size is None else f"{found.size} bytes"
        raise MustHold(
            f"the name {self.final} is taken on the server ({size}, ours has {self.content.size}) and {why}. It was "
            "not touched, and the file itself was not sent; compare both with the partner, then release or cancel the "
            "file",
            "REMOTE_NAME_TAKEN",
        )

    def _send(self) -> None:
        temporary = self.place.upload_until_sound(self.content, self.directory, self._begin, steps="companion_")
        with self.place.step("companion_fence"):
            self.place.fence(temporary)
        with self.place.step("companion_rename"):
            try:
                self.session.rename(temporary, self.final)
            except (RemoteFailure, PermissionRefused, RemotePathMissing) as error:
                self._settle_refused_rename(temporary, error)
                return
        self._record(found=False)

    def _begin(self, temp_name: str) -> None:
        self.ledger.begin_companion(
            self.place.row.id,
            self.content.name,
            token=self.place.token,
            remote_path=self.final,
            temp_name=temp_name,
        )

    def _settle_refused_rename(
        self, temporary: str, error: RemoteFailure | PermissionRefused | RemotePathMissing
    ) -> None:
        """Return if the companion stands under its name all the same; otherwise say what has to happen."""
        remaining = self.session.find(temporary)
        found = self.session.find(self.final)
        if found is not None:
            if remaining is not None:
                self.place.remove(temporary)
            if self._is_ours(found, known=remaining is None):
                return
        elif remaining is not None:
            raise MustHold(
                f"the server does not rename: {error.what} The whole companion stands as {temporary}. Ask the partner "
                "to allow renaming there, then release the file; nothing is ever written under its final name",
                "RENAME_REFUSED",
            ) from error
        # Another attempt looks again, and sends it again if it is nowhere to be seen; if that attempt has been already,
        # this one has nothing more to say.
        self.ledger.assert_lease(self.place.row.id, self.place.token)
        raise RemoteFailure(
            self.session.endpoint, "the companion vanished while it was being renamed.", path=temporary
        ) from error

    def _record(self, *, found: bool) -> None:
        with self.place.step("companion_mark_published"):
            self.place.insist(lambda: self._record_once(found=found))

    def _record_once(self, *, found: bool) -> None:
        # Asked for a second time, the first may have been written all the same and only its answer lost.
        now = self.ledger.companions(self.place.row.id)[self.companion.position - 1]
        if now.published_at == self.companion.published_at:
            self.ledger.companion_published(self.place.row.id, self.content.name, remote_path=self.final, found=found)
