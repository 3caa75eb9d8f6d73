"""One SSH connection with one SFTP channel, in asyncio; every wait in it ends.

asyncssh waits for ever for a peer that has fallen silent, and cancelling such a wait waits as well. So each
request here is watched by a task that is not waiting on the peer, and that cuts the connection.
"""

from __future__ import annotations

import asyncio
import logging
import posixpath
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncssh

from include.sftp.endpoint import Endpoint, TransferLimits
from include.sftp.errors import (
    AuthenticationRefused,
    ConnectionDropped,
    EndpointUnusable,
    HostKeyChanged,
    NoCommonAlgorithm,
    NotAnSftpServer,
    PermissionRefused,
    RemoteFailure,
    RemotePathMissing,
    Stalled,
    TransferError,
    Unreachable,
)

# At INFO it tells each packet of a handshake, in every task's log.
logging.getLogger("asyncssh").setLevel(logging.WARNING)

# GCM first: a third less CPU than CTR with a separate MAC on processors with AES instructions. The rest is
# what a partner may be limited to; CBC and anything older is not.
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
CLOSE_SECONDS = 3.0

T = TypeVar("T")


@dataclass(frozen=True)
class RemoteFile:
    """A name on the server; ``size`` is bytes, or ``None`` where the server does not say."""

    path: str
    size: int | None


class Connection:
    """An open connection. Made by :func:`connect`; ends with :meth:`close` or :meth:`abort`."""

    def __init__(
        self,
        endpoint: Endpoint,
        limits: TransferLimits,
        ssh: asyncssh.SSHClientConnection,
        sftp: asyncssh.SFTPClient,
    ) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self.sftp = sftp
        self._ssh = ssh
        self._stat_answers = True
        self.broken: TransferError | None = None

    @property
    def negotiated(self) -> dict[str, str]:
        """What both sides agreed on, for the ledger: cipher, MAC, host key type, server version."""
        cipher = str(self._ssh.get_extra_info("send_cipher"))
        host_key = self._ssh.get_server_host_key()
        return {
            "cipher": cipher,
            # An authenticated cipher has no MAC of its own; asyncssh then repeats the cipher's name.
            "mac": str(self._ssh.get_extra_info("send_mac")),
            "host_key": host_key.get_fingerprint() if host_key else "",
            "server": str(self._ssh.get_extra_info("server_version")),
        }

    async def find(self, path: str) -> RemoteFile | None:
        """
        Look for ``path``; ``None`` if it is not there.

        Asks ``stat`` and, where the server refuses that for files, the directory's listing from then on.
        """
        if self._stat_answers:
            try:
                attributes = await self.request(self.sftp.stat(path), path, "stat")
            except RemotePathMissing:
                return None
            except (RemoteFailure, PermissionRefused):
                self._stat_answers = False
            else:
                return RemoteFile(path, attributes.size)
        return await self.find_in_listing(path)

    async def find_in_listing(self, path: str) -> RemoteFile | None:
        """Look for ``path`` by reading its directory, which some servers answer and ``stat`` they do not."""
        name = posixpath.basename(path)
        for entry in await self.listing(posixpath.dirname(path) or "."):
            if posixpath.basename(entry.path) == name:
                return entry
        return None

    async def listing(self, directory: str) -> list[RemoteFile]:
        """List a directory, in the server's order and spelling; without ``.`` and ``..``."""
        entries = await self.request(self.sftp.readdir(directory), directory, "list")
        return [
            RemoteFile(posixpath.join(directory, str(entry.filename)), entry.attrs.size)
            for entry in entries
            if entry.filename not in (".", "..")
        ]

    async def rename(self, source: str, target: str) -> None:
        """Rename by SFTP version 3's own request, which on a sound server refuses to overwrite ``target``."""
        await self.request(self.sftp.rename(source, target), target, "rename")

    async def remove(self, path: str) -> None:
        """Remove ``path``; an absent file is an error (``RemotePathMissing``)."""
        await self.request(self.sftp.remove(path), path, "remove")

    async def free_bytes(self, directory: str) -> int | None:
        """Ask how many bytes we may still write; ``None`` if the server does not tell."""
        try:
            room = await self.request(self.sftp.statvfs(directory), directory, "statvfs")
        except (RemoteFailure, PermissionRefused, RemotePathMissing):
            return None
        return int(room.bavail * room.frsize)

    async def request(self, awaitable: Awaitable[T], path: str | None, verb: str) -> T:
        """Wait for one answer, ``operation_seconds`` at most; our own errors come out, never asyncssh's."""
        task = asyncio.ensure_future(awaitable)
        try:
            done, _ = await asyncio.wait({task}, timeout=self.limits.operation_seconds)
        except asyncio.CancelledError:
            self.abort()
            task.cancel()
            raise
        if not done:
            self.cut(
                Stalled(
                    self.endpoint,
                    f"no answer to {verb} within {self.limits.operation_seconds:.0f} s; connection cut.",
                    path=path,
                )
            )
            await asyncio.wait({task}, timeout=CLOSE_SECONDS)
        if not task.done():
            task.cancel()
        elif self.broken is None:
            return self.result(task, path, verb)
        else:
            task.exception()  # Looked at, so that asyncio does not report it as forgotten.
        raise self.broken or ConnectionDropped(self.endpoint, f"{verb} was cancelled.", path=path)

    def result(self, task: asyncio.Future[T], path: str | None, verb: str) -> T:
        """Take a finished task's result, or raise its error as ours."""
        try:
            return task.result()
        except TransferError:
            raise
        except Exception as error:
            raise self.translate(error, path, verb) from error

    def translate(self, error: Exception, path: str | None, verb: str) -> TransferError:
        """Say in our words what asyncssh met during ``verb``."""
        if self.broken is not None:
            return self.broken
        said = getattr(error, "reason", None) or str(error) or type(error).__name__
        if isinstance(error, asyncssh.SFTPNoSuchFile):
            return RemotePathMissing(self.endpoint, f"{verb}: no such file or directory.", path=path)
        if isinstance(error, asyncssh.SFTPPermissionDenied):
            return PermissionRefused(self.endpoint, f"{verb}: permission denied.", path=path)
        if isinstance(error, asyncssh.SFTPBadMessage):
            return NotAnSftpServer(self.endpoint, f"{verb}: the answer is not SFTP.", path=path)
        if isinstance(
            error, (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError, OSError)
        ):
            self.broken = ConnectionDropped(self.endpoint, f"connection lost during {verb}.", path=path)
            return self.broken
        if isinstance(error, asyncssh.SFTPError):
            return RemoteFailure(self.endpoint, f"{verb} refused: {said}.", path=path)
        return ConnectionDropped(self.endpoint, f"{verb} broke off: {said}.", path=path)

    def cut(self, reason: TransferError) -> None:
        """Cut the connection because of ``reason``: whatever waits on it ends now, with that reason."""
        self.broken = self.broken or reason
        self.abort()

    def abort(self) -> None:
        """Drop the connection without a word to the peer."""
        self._ssh.abort()

    async def close(self) -> None:
        """Say goodbye, and drop the connection if the peer does not answer that either."""
        self._ssh.close()
        closed = asyncio.ensure_future(self._ssh.wait_closed())
        await asyncio.wait({closed}, timeout=CLOSE_SECONDS)
        if not closed.done():
            self._ssh.abort()
            await asyncio.wait({closed}, timeout=CLOSE_SECONDS)


async def connect(endpoint: Endpoint, limits: TransferLimits) -> Connection:
    """
    Open a connection with nothing but what ``endpoint`` holds: no agent, no password, no configuration file.

    Raises ``HostKeyChanged``, ``AuthenticationRefused``, ``NotAnSftpServer``,
    ``NoCommonAlgorithm``, ``EndpointUnusable`` (permanent) or ``Unreachable`` (transient).
    """
    key, pins = _keys(endpoint)
    aborting: list[asyncssh.SSHClientConnection] = []
    task = asyncio.ensure_future(_open(endpoint, limits, key, pins, aborting.append))
    try:
        await asyncio.wait({task}, timeout=limits.connect_seconds)
    finally:
        if not task.done():
            for ssh in aborting:
                ssh.abort()
            task.cancel()
    if not task.done():
        await asyncio.wait({task}, timeout=CLOSE_SECONDS)
        raise Unreachable(endpoint, f"no connection within {limits.connect_seconds:.0f} s.")
    try:
        ssh, sftp = task.result()
    except Exception as error:
        # A server without SFTP ends the session; where the connection is gone as well, the line was cut.
        logged_in = any(not ssh.is_closed() for ssh in aborting)
        for ssh in aborting:
            ssh.abort()
        raise _refusal(endpoint, error, logged_in=logged_in) from error
    return Connection(endpoint, limits, ssh, sftp)


async def _open(
    endpoint: Endpoint,
    limits: TransferLimits,
    key: asyncssh.SSHKey,
    pins: list[asyncssh.SSHKey],
    opened: Callable[[asyncssh.SSHClientConnection], None],
) -> tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]:
    ssh = await asyncssh.connect(
        endpoint.host,
        endpoint.port,
        username=endpoint.username,
        client_keys=[key],
        known_hosts=(pins, [], []),
        config=None,
        agent_path=None,
        preferred_auth=("publickey",),
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_auth=False,
        gss_kex=False,
        encryption_algs=CIPHERS,
        mac_algs=MACS,
        compression_algs=("none",),
        keepalive_interval=limits.keepalive_seconds,
        keepalive_count_max=3,
        connect_timeout=limits.connect_seconds,
        login_timeout=limits.connect_seconds,
    )
    opened(ssh)
    return ssh, await ssh.start_sftp_client()


def _keys(endpoint: Endpoint) -> tuple[asyncssh.SSHKey, list[asyncssh.SSHKey]]:
    if not endpoint.host_keys:
        raise EndpointUnusable(
            endpoint, "no host key is pinned, and an unknown server is never trusted on first sight."
        )
    try:
        key = asyncssh.import_private_key(endpoint.private_key)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        # Not chained: the text of the original may quote the key.
        raise EndpointUnusable(
            endpoint, "the private key cannot be read (it must be an OpenSSH or PEM key without passphrase)."
        ) from None
    try:
        pins = [asyncssh.import_public_key(line) for line in endpoint.host_keys]
    except asyncssh.KeyImportError as error:
        raise EndpointUnusable(
            endpoint, "a pinned host key cannot be read; it is one line such as 'ssh-ed25519 AAAA…'."
        ) from error
    return key, pins


def _refusal(endpoint: Endpoint, error: Exception, *, logged_in: bool) -> TransferError:
    said = getattr(error, "reason", None) or str(error) or type(error).__name__
    answers: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[..., Any], str], ...] = (
        (asyncssh.HostKeyNotVerifiable, HostKeyChanged, "the server's host key is not one of the pinned."),
        (asyncssh.PermissionDenied, AuthenticationRefused, "user or key refused."),
        (asyncssh.KeyExchangeFailed, NoCommonAlgorithm, f"{said}."),
        (
            (asyncssh.ProtocolError, asyncssh.ProtocolNotSupported, asyncssh.SFTPBadMessage),
            NotAnSftpServer,
            f"{said}.",
        ),
    )
    for kinds, refusal, sentence in answers:
        if isinstance(error, kinds):
            made: TransferError = refusal(endpoint, sentence)
            return made
    if isinstance(error, asyncssh.ChannelOpenError):
        # The login worked. Refused by the administrator is for good; refused for lack of room is not.
        if error.code == asyncssh.OPEN_RESOURCE_SHORTAGE:
            return Unreachable(endpoint, f"no more sessions at the server: {said}.")
        return NotAnSftpServer(endpoint, f"logged in, but no SFTP: {said}.")
    if logged_in and isinstance(error, asyncssh.SFTPConnectionLost):
        return NotAnSftpServer(endpoint, "logged in, but the SFTP session ended at once.")
    return Unreachable(endpoint, f"{said}.")
