"""One connection to one partner: pinned host key, progress watchdog, and the verbs the protocols need.

Not here: what is sent or collected, under which name, and what is recorded about it (``include/publish``,
``include/collect``).
"""

from include.sftp.download import Download
from include.sftp.endpoint import Endpoint, RemoteProfile, TransferLimits
from include.sftp.entries import ListingLimits, RemoteEntry
from include.sftp.errors import (
    AuthenticationRefused,
    ConnectionDropped,
    ContentMismatch,
    EndpointUnusable,
    HostKeyChanged,
    ListingTooLong,
    NamesChanged,
    NoCommonAlgorithm,
    NotAFile,
    NotAnSftpServer,
    PermanentTransferError,
    PermissionRefused,
    RemoteChanged,
    RemoteFailure,
    RemoteNoSpace,
    RemotePathMissing,
    RemoteTooLarge,
    Stalled,
    TransferError,
    TransientTransferError,
    Unreachable,
)
from include.sftp.session import RemoteFile, Session, Upload, open_sessions

__all__ = [
    "AuthenticationRefused",
    "ConnectionDropped",
    "ContentMismatch",
    "Download",
    "Endpoint",
    "EndpointUnusable",
    "HostKeyChanged",
    "ListingLimits",
    "ListingTooLong",
    "NamesChanged",
    "NoCommonAlgorithm",
    "NotAFile",
    "NotAnSftpServer",
    "PermanentTransferError",
    "PermissionRefused",
    "RemoteChanged",
    "RemoteEntry",
    "RemoteFailure",
    "RemoteFile",
    "RemoteNoSpace",
    "RemotePathMissing",
    "RemoteProfile",
    "RemoteTooLarge",
    "Session",
    "Stalled",
    "TransferError",
    "TransferLimits",
    "TransientTransferError",
    "Unreachable",
    "Upload",
    "open_sessions",
]
