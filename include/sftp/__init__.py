"""One connection to one partner: pinned host key, progress watchdog, and the verbs the publish protocol needs.

Not here: what is sent, under which name, and what is recorded about it (``include/publish.py``).
"""

from include.sftp.endpoint import Endpoint, RemoteProfile, TransferLimits
from include.sftp.errors import (
    AuthenticationRefused,
    ConnectionDropped,
    ContentMismatch,
    EndpointUnusable,
    HostKeyChanged,
    NamesChanged,
    NoCommonAlgorithm,
    NotAnSftpServer,
    PermanentTransferError,
    PermissionRefused,
    RemoteFailure,
    RemoteNoSpace,
    RemotePathMissing,
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
    "Endpoint",
    "EndpointUnusable",
    "HostKeyChanged",
    "NamesChanged",
    "NoCommonAlgorithm",
    "NotAnSftpServer",
    "PermanentTransferError",
    "PermissionRefused",
    "RemoteFailure",
    "RemoteFile",
    "RemoteNoSpace",
    "RemotePathMissing",
    "RemoteProfile",
    "Session",
    "Stalled",
    "TransferError",
    "TransferLimits",
    "TransientTransferError",
    "Unreachable",
    "Upload",
    "open_sessions",
]
