"""The server process: asyncssh on 127.0.0.1, keys only, one chrooted home per partner."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.sftp import SFTPServerHandler

from include.contract import all_contract_ids, load_contract
from local.partners.behaviour import Behaviour
from local.partners.keys import SERVER_FOLDER, host_key_file, host_key_line, login_key_file

HOST = "127.0.0.1"
SAMPLE_ROOT = Path(".run/partners")
COLLECTED = "collected"


class AlreadyRunningError(RuntimeError):
    """Another server serves this root."""


@dataclass(frozen=True)
class ServerConfig:
    """What one server process serves. ``partners`` maps a login to the directories its home starts with."""

    root: Path
    partners: dict[str, tuple[str, ...]]
    port: int = 0
    behaviour: Behaviour = field(default_factory=Behaviour)

    @classmethod
    def read(cls, path: Path, *, root: Path | None = None, port: int | None = None) -> ServerConfig:
        """Read a JSON file with the keys partners, and optionally root, port and behaviour; arguments win."""
        data: dict[str, Any] = json.loads(path.read_text())
        if unknown := sorted(set(data) - {"root", "port", "partners", "behaviour"}):
            raise ValueError(f"{path}: unknown key {', '.join(unknown)}; known: root, port, partners, behaviour")
        return cls(
            root=root or Path(data.get("root", SAMPLE_ROOT)),
            partners={login: tuple(directories) for login, directories in data["partners"].items()},
            port=data.get("port", 0) if port is None else port,
            behaviour=Behaviour.from_json(data.get("behaviour", {})),
        )

    @property
    def state_file(self) -> Path:
        """JSON with host, port, pid and host_key; exists exactly while the server listens."""
        return self.root / SERVER_FOLDER / "state.json"


def folders_of_partners() -> dict[str, tuple[str, ...]]:
    """Every partner that a contract names, with the folders its home starts with: where its files go, and its own."""
    found: dict[str, set[str]] = {}
    for contract in map(load_contract, all_contract_ids()):
        found.setdefault(contract.partner, {"outbound"}).add(contract.remote_dir.strip("/"))
    return {partner: tuple(sorted(folders)) for partner, folders in sorted(found.items())}


class _Login(asyncssh.SSHServer):
    """Who may come in: the configured logins, each with its own key, and nobody by password."""

    open_connections = 0

    def __init__(self, keys: dict[str, asyncssh.SSHKey], behaviour: Behaviour) -> None:
        self._keys = keys
        self._behaviour = behaviour
        self._counted = False

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        limit = self._behaviour.session_limit
        if limit is not None and _Login.open_connections >= limit:
            conn.abort()
            return
        self._counted = True
        _Login.open_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if self._counted:
            _Login.open_connections -= 1

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        known = self._keys.get(username)
        return known is not None and known.public_data == key.public_data


class _Home(asyncssh.SFTPServer):
    """One session in one partner's home, answering as OpenSSH's ``internal-sftp`` does but for the behaviour."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], *, root: Path, behaviour: Behaviour) -> None:
        login = str(channel.get_extra_info("username"))
        self._home = (root / login).resolve()
        self._manners = behaviour
        self._writing: dict[int, bytes] = {}
        self._deadly: set[int] = set()
        super().__init__(channel, chroot=os.fsencode(self._home))

    def map_path(self, path: bytes) -> bytes:
        if self._manners.lower_cases_names:
            path = path.lower()
        mapped = super().map_path(path)
        local = Path(os.fsdecode(mapped))
        parent = local.parent.resolve()
        if local != self._home and parent != self._home and self._home not in parent.parents:
            raise asyncssh.SFTPPermissionDenied("outside the partner's home")
        return mapped

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        writes = bool(pflags & (asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC))
        if writes:
            self._refuse_if_read_only()
        opened = super().open(path, pflags, attrs)
        if writes:
            self._writing[id(opened)] = self.map_path(path)
        elif self._manners.drops_readers_of and path.endswith(self._manners.drops_readers_of.encode()):
            self._deadly.add(id(opened))
        return opened

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        end = offset + len(data)
        full_at = self._manners.disk_full_after
        if full_at is not None and end > full_at:
            super().write(file_obj, offset, data[: max(0, full_at - offset)])
            raise OSError(errno.ENOSPC, "No space left on device")
        if self._manners.quota is not None and self._bytes_at_home() + len(data) > self._manners.quota:
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        wrong = self._manners.flips_byte_at
        if wrong is not None and offset <= wrong < end:
            at = wrong - offset
            data = data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]
        return super().write(file_obj, offset, data)

    def close(self, file_obj: object) -> None:
        super().close(file_obj)
        self._deadly.discard(id(file_obj))
        written = self._writing.pop(id(file_obj), None)
        if written and self._manners.discards_uploads:
            Path(os.fsdecode(written)).unlink(missing_ok=True)

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        if id(file_obj) in self._deadly:
            self.channel.get_connection().abort()
        if self._manners.read_pause:
            await asyncio.sleep(self._manners.read_pause)
        if self._manners.reads_short is not None:
            size = min(size, self._manners.reads_short)
        data = super().read(file_obj, offset, size)
        assert isinstance(data, bytes)
        return data or (bytes(size) if self._manners.reads_without_end else b"")

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        count = 0
        async for entry in self._listed(path):
            count += 1
            if self._manners.lists_pause and count % 100 == 0:
                await asyncio.sleep(self._manners.lists_pause)
            if self._manners.lists_no_types:
                entry.attrs.permissions = None
            yield entry

    async def _listed(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for entry in super().scandir(path):
            yield entry
        for name in self._manners.lists_also:
            yield _invented(name.encode("latin-1"))
        for number in itertools.count() if self._manners.lists_without_end else ():
            await asyncio.sleep(0)
            yield _invented(b"%d_SL.csv" % number)

    def stat(self, path: bytes) -> Any:
        self._refuse_stat(path)
        return super().stat(path)

    def lstat(self, path: bytes) -> Any:
        self._refuse_stat(path)
        return super().lstat(path)

    def fsync(self, file_obj: object) -> Any:
        if not self._manners.fsync:
            raise asyncssh.SFTPOpUnsupported("fsync")
        return super().fsync(file_obj)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._refuse_rename()
        source, target = Path(os.fsdecode(self.map_path(oldpath))), Path(os.fsdecode(self.map_path(newpath)))
        # link + unlink, as OpenSSH: the only rename that cannot overwrite, whoever else is at it.
        try:
            target.hardlink_to(source)
        except FileExistsError:
            raise asyncssh.SFTPFailure("Failure") from None
        source.unlink()
        self._collect(target)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._refuse_rename()
        if not self._manners.posix_rename:
            raise asyncssh.SFTPOpUnsupported("posix-rename")
        super().posix_rename(oldpath, newpath)
        self._collect(Path(os.fsdecode(self.map_path(newpath))))

    def remove(self, path: bytes) -> Any:
        self._refuse_if_read_only()
        if self._manners.remove_refused:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        return super().remove(path)

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> Any:
        self._refuse_if_read_only()
        return super().mkdir(path, attrs)

    def rmdir(self, path: bytes) -> Any:
        self._refuse_if_read_only()
        return super().rmdir(path)

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> Any:
        self._refuse_if_read_only()
        return super().setstat(path, attrs)

    lsetstat = setstat

    def symlink(self, oldpath: bytes, newpath: bytes) -> Any:
        # A link is the one way out of a chroot that is only a path prefix.
        raise asyncssh.SFTPPermissionDenied("links are not allowed here")

    link = symlink

    def _refuse_if_read_only(self) -> None:
        if self._manners.read_only:
            raise asyncssh.SFTPPermissionDenied("Permission denied")

    def _refuse_rename(self) -> None:
        self._refuse_if_read_only()
        if self._manners.rename_refused:
            raise asyncssh.SFTPPermissionDenied("Permission denied")

    def _refuse_stat(self, path: bytes) -> None:
        # Directories answer, as they do on the servers that behave like this; only files do not.
        if self._manners.stat_refused and not Path(os.fsdecode(self.map_path(path))).is_dir():
            raise asyncssh.SFTPFailure("Failure")

    def _collect(self, published: Path) -> None:
        if self._manners.takes_files:
            (self._home / COLLECTED).mkdir(exist_ok=True)
            published.rename(self._home / COLLECTED / published.name)

    def _bytes_at_home(self) -> int:
        return sum(path.stat().st_size for path in self._home.rglob("*") if path.is_file())


def _invented(name: bytes) -> asyncssh.SFTPName:
    """A name that stands in a listing and nowhere else."""
    attributes = asyncssh.SFTPAttrs(size=10, permissions=stat.S_IFREG | 0o600, atime=1_700_000_000, mtime=1_700_000_000)
    return asyncssh.SFTPName(name, longname=name, attrs=attributes)


def prepare(config: ServerConfig) -> None:
    """Make homes (0700), keys (0600) and the folders each partner starts with; what exists stays as it is."""
    config.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    (config.root / SERVER_FOLDER).mkdir(exist_ok=True, mode=0o700)
    host_key_file(config.root)
    for login, directories in config.partners.items():
        if not login.replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"partner {login!r}: a login is letters, digits, '-' and '_', for it names a folder")
        login_key_file(config.root, login)
        for directory in ("", *directories):
            (config.root / login / directory).mkdir(parents=True, exist_ok=True, mode=0o700)


async def serve(config: ServerConfig) -> None:
    """
    Serve until SIGTERM or SIGINT.

    Raises ``AlreadyRunningError`` if a living server has the same root, ``OSError`` if the port is taken.
    """
    if (running := read_state(config.state_file)) is not None:
        raise AlreadyRunningError(
            f"sample partners already run for {config.root} (pid {running['pid']}, port {running['port']}); "
            f"stop them with: kill {running['pid']}"
        )
    prepare(config)
    _offer_extensions(config.behaviour)
    keys = {login: asyncssh.read_private_key(login_key_file(config.root, login)) for login in config.partners}
    acceptor = await asyncssh.create_server(
        partial(_Login, keys, config.behaviour),
        HOST,
        config.port,
        server_host_keys=[asyncssh.read_private_key(host_key_file(config.root))],
        sftp_factory=None
        if config.behaviour.no_sftp
        else partial(_Home, root=config.root.resolve(), behaviour=config.behaviour),
        allow_scp=False,
        agent_forwarding=False,
        compression_algs=["none"],
        config=None,
    )
    _write_state(config, acceptor.get_port())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        config.state_file.unlink(missing_ok=True)
        acceptor.close()
        await acceptor.wait_closed()


def read_state(state_file: Path) -> dict[str, Any] | None:
    """The state of a server that is alive, or ``None``; a dead server's left-over file counts as none."""
    try:
        state: dict[str, Any] = json.loads(state_file.read_text())
        os.kill(state["pid"], 0)
    except (FileNotFoundError, json.JSONDecodeError, ProcessLookupError):
        return None
    return state


def _write_state(config: ServerConfig, port: int) -> None:
    state = {"host": HOST, "port": port, "pid": os.getpid(), "host_key": host_key_line(config.root)}
    draft = config.state_file.with_suffix(".draft")
    draft.write_text(json.dumps(state))
    draft.replace(config.state_file)
    sys.stdout.write(f"sample partners {', '.join(config.partners)} on {HOST}:{port}\n")
    sys.stdout.flush()


def _offer_extensions(behaviour: Behaviour) -> None:
    # asyncssh announces a fixed list, with its own additions; OpenSSH's list is what a partner shows. One process
    # has one behaviour, so the list may be set for the whole process.
    offered = [(b"statvfs@openssh.com", b"2"), (b"fstatvfs@openssh.com", b"2"), (b"limits@openssh.com", b"1")]
    if behaviour.posix_rename:
        offered.append((b"posix-rename@openssh.com", b"1"))
    if behaviour.fsync:
        offered.append((b"fsync@openssh.com", b"1"))
    SFTPServerHandler._extensions = offered
