"""Where a partner is, who we are there, which host key it shows, and how its server differs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class RemoteProfile:
    """What a partner's server does differently, agreed at onboarding. The defaults suit OpenSSH."""

    readback: bool = False
    """Read the temporary file back and hash it before it is published (one more transfer of every byte)."""
    readable: bool = True
    """False where reading a file counts as collecting it: then sizes alone are compared, never contents."""
    keeps_names: bool = True
    """False where the partner has agreed to another spelling (lower case, say) of our names."""


@dataclass(frozen=True)
class TransferLimits:
    """When a transfer has lasted long enough. Seconds, bytes per second."""

    connect_seconds: float = 30.0
    """TCP, key exchange and login together."""
    operation_seconds: float = 60.0
    """Any single request that is not a stream of writes or reads: stat, rename, fsync, close."""
    stall_seconds: float = 60.0
    """A transfer in which no byte is acknowledged for this long has ended."""
    floor_rate: float = 4096.0
    """Bytes per second, over ``floor_seconds``, below which a transfer has ended although it drips."""
    floor_seconds: float = 120.0
    """The window over which ``floor_rate`` is measured."""
    keepalive_seconds: float = 15.0
    """Second net: asks an idle server whether it lives; three silences end the connection."""


@dataclass(frozen=True)
class Endpoint:
    """
    One login at one partner.

    ``private_key`` is the key itself (OpenSSH or PEM text), never a path: it lives in memory only, and ``repr``
    leaves it out. ``host_keys`` are public key lines (``ssh-ed25519 AAAA…``): the current one and, during a
    rotation, the next; an empty tuple is refused, since an unknown host is never trusted on first sight.
    """

    host: str
    port: int
    username: str
    private_key: str = field(repr=False)
    host_keys: tuple[str, ...] = field(repr=False)
    remote_profile: RemoteProfile = field(default_factory=RemoteProfile)

    def __str__(self) -> str:
        return f"sftp://{self.username}@{self.host}:{self.port}"
