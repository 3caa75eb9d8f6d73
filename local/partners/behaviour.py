"""The manners of a partner's SFTP server, as found in the field; the default is OpenSSH's."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Behaviour:
    """How a server differs from OpenSSH. Sizes are bytes. Every manner here has been met on a real server."""

    posix_rename: bool = True
    """Offers ``posix-rename@openssh.com`` (replace on rename)."""
    fsync: bool = True
    """Offers ``fsync@openssh.com``."""
    stat_refused: bool = False
    """``stat``/``lstat`` answer Failure for every file; listings still work."""
    rename_refused: bool = False
    """Both renames answer Permission denied, as ``internal-sftp -P rename,posix-rename`` does."""
    discards_uploads: bool = False
    """A file is gone as soon as it is closed after writing (virus scanners and eager pollers do this)."""
    lower_cases_names: bool = False
    """Every name is stored in lower case."""
    flips_byte_at: int | None = None
    """The byte at this offset is stored wrong; the size stays right."""
    disk_full_after: int | None = None
    """Writes past this offset answer Failure, as a full disk does (SFTP v3 has no code for it)."""
    quota: int | None = None
    """As ``disk_full_after``, for the sum of all files in the partner's home."""
    session_limit: int | None = None
    """Connections beyond this number are closed before the handshake, as ``MaxStartups`` does."""
    read_only: bool = False
    """Everything that writes answers Permission denied, as ``internal-sftp -R`` does."""
    takes_files: bool = False
    """A renamed file is moved to ``collected/`` before the rename is even answered."""
    remove_refused: bool = False
    """``remove`` alone answers Permission denied, as ``internal-sftp -P remove`` does."""
    lists_also: tuple[str, ...] = ()
    """Names that each listing adds as regular files of 10 bytes; a character is a byte (Latin-1), ``/`` included."""
    lists_pause: float = 0.0
    """Seconds of thought before each hundredth name of a listing."""
    lists_without_end: bool = False
    """A listing goes on for ever, with new names."""
    lists_no_types: bool = False
    """A listing tells size and time of a name, and not what it is."""
    reads_without_end: bool = False
    """A read behind the end of a file gives zeros instead of the end."""
    reads_short: int | None = None
    """A read gives at most so many bytes, whatever was asked for."""
    read_pause: float = 0.0
    """Seconds of thought before each read."""
    drops_readers_of: str = ""
    """Reading a file of this name ends the connection, as a server does whose worker dies of it."""
    no_sftp: bool = False
    """Logs in, and then has no SFTP subsystem."""

    def to_json(self) -> dict[str, Any]:
        """The manners that differ from OpenSSH, for the server's configuration file."""
        return {name: value for name, value in asdict(self).items() if value != getattr(Behaviour(), name)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Behaviour:
        """The inverse of :meth:`to_json`; ``ValueError`` names a manner nobody has programmed."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise ValueError(f"behaviour: no such manner {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        listed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**listed)
