"""What went wrong between us and a partner, sorted by what to do next.

A permanent error needs a person before the next try; a transient one needs time. ``endpoint_wide`` errors end a
run at once, since the next file would meet the same; the others concern one file. A message names the endpoint,
the path and the next step, and never holds a key or a byte of content.
"""

from __future__ import annotations

from typing import Any, ClassVar


class TransferError(Exception):
    """Anything that a partner, the way to it, or its disk did to a transfer."""

    code: ClassVar[str] = "TRANSFER"
    next_step: ClassVar[str] = "Read the server's own words above."
    endpoint_wide: ClassVar[bool] = False

    def __init__(self, endpoint: object, what: str, *, path: str | None = None) -> None:
        self.endpoint = str(endpoint)
        self.what = what
        self.path = path
        self.outcomes: tuple[Any, ...] = ()
        """The outcomes of the files that were done with before the run ended (set by ``publish_files``)."""
        self.progress: str | None = None
        super().__init__(endpoint, what)

    def __str__(self) -> str:
        place = f"{self.endpoint} {self.path}" if self.path else self.endpoint
        progress = f" {self.progress}" if self.progress else ""
        return f"{self.code}: {place}: {self.what}{progress} {self.next_step}"


class PermanentTransferError(TransferError):
    """Another try without a change by a person ends the same way, or makes it worse (lock-out)."""


class TransientTransferError(TransferError):
    """Another try may well succeed."""


class HostKeyChanged(PermanentTransferError):
    """The server showed a key that is not pinned."""

    code = "HOST_KEY_CHANGED"
    next_step = (
        "SECURITY: nothing was sent. Ask the partner, by a way other than this connection, whether they changed "
        "their host key; only then add the new key to the connection. Do not retry before that."
    )
    endpoint_wide = True


class AuthenticationRefused(PermanentTransferError):
    """The server knows neither the user nor the key."""

    code = "AUTHENTICATION_REFUSED"
    next_step = (
        "Check user name and private key of the connection, and ask the partner whether the account is locked or "
        "the key expired. Repeated tries may lock the account."
    )
    endpoint_wide = True


class NotAnSftpServer(PermanentTransferError):
    """Something answers, but not SFTP."""

    code = "NOT_AN_SFTP_SERVER"
    next_step = "Check host and port; if they are right, ask the partner to enable SFTP for this login."
    endpoint_wide = True


class NoCommonAlgorithm(PermanentTransferError):
    """Client and server share no key exchange, cipher or host key type."""

    code = "NO_COMMON_ALGORITHM"
    next_step = "Ask the partner which algorithms their server offers; ours are the current OpenSSH defaults."
    endpoint_wide = True


class EndpointUnusable(PermanentTransferError):
    """The connection's own data cannot be used: an unreadable key, no pinned host key."""

    code = "ENDPOINT_UNUSABLE"
    next_step = "Correct the connection; nothing was sent."
    endpoint_wide = True


class NamesChanged(PermanentTransferError):
    """The server stores files under another spelling than the one asked for."""

    code = "REMOTE_CHANGES_NAMES"
    next_step = (
        "Nothing was published. Agree with the partner on the spelling, then set keeps_names to false in the "
        "partner profile."
    )
    endpoint_wide = True


class PermissionRefused(PermanentTransferError):
    """The server forbids this operation on this path."""

    code = "PERMISSION_REFUSED"
    next_step = "Ask the partner to grant write, rename and delete in this directory, then run the task again."


class RemotePathMissing(PermanentTransferError):
    """The directory is not there."""

    code = "REMOTE_PATH_MISSING"
    next_step = "Ask the partner to create the directory, or correct the remote path; then run the task again."


class ListingTooLong(PermanentTransferError):
    """A directory holds more names, or takes longer to list, than we read."""

    code = "LISTING_TOO_LONG"
    next_step = (
        "Nothing of the listing was used. Ask the partner to clear the directory of what was collected long ago; if so "
        "many files are right, raise the limits of the listing."
    )


class RemoteTooLarge(PermanentTransferError):
    """A file is longer than we read."""

    code = "TOO_LARGE"
    next_step = "Ask the partner what this file is; if its size is right, raise the limit of the feed's files."


class NotAFile(PermanentTransferError):
    """The name leads to a link, a directory or a device: none of them is read."""

    code = "NOT_A_FILE"
    next_step = "Ask the partner to place the file itself there."


class ContentMismatch(PermanentTransferError):
    """The local object is not the file the ledger speaks of."""

    code = "LOCAL_CONTENT_MISMATCH"
    next_step = "Restore the archived object from a backup, or cancel this file and render a new revision."


class Unreachable(TransientTransferError):
    """No connection: name, route, port, or a server that turns us away before the handshake."""

    code = "UNREACHABLE"
    next_step = "The task retries by itself; if it goes on, ask the partner whether their server is up."
    endpoint_wide = True


class Stalled(TransientTransferError):
    """The server stopped answering, or drips; the connection was cut from our side."""

    code = "STALLED"
    next_step = "The task retries by itself; if it goes on, ask the partner about load or a firewall in between."
    endpoint_wide = True


class ConnectionDropped(TransientTransferError):
    """The connection ended under us."""

    code = "CONNECTION_DROPPED"
    next_step = "The task retries by itself and first looks at what the partner has."
    endpoint_wide = True


class RemoteChanged(TransientTransferError):
    """The file is not the one that was listed, or changed while it was read."""

    code = "REMOTE_CHANGED"
    next_step = "Nothing was taken over: the next run looks at it anew."


class RemoteNoSpace(TransientTransferError):
    """A write failed and the server reports no free space, or says so itself."""

    code = "REMOTE_NO_SPACE"
    next_step = "Ask the partner to free space or raise the quota; the task retries by itself until then."


class RemoteFailure(TransientTransferError):
    """SFTP's general ``Failure``: full disk, quota, locked file; the protocol has no finer word."""

    code = "REMOTE_FAILURE"
    next_step = "The task retries by itself; if it goes on, ask the partner for their server's log."
