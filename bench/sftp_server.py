"""The server both sides deliver to: OpenSSH where it is installed, else the sample partners' own."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.partners.process import start_partner
from local.settings import free_port

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


@dataclass(frozen=True)
class Server:
    """
    How to reach it, and the folder that uploads land in, as the client names it and as it is on disk.

    ``login`` is where a client stands after it has logged in, on disk.
    """

    name: str
    host: str
    port: int
    username: str
    key_file: Path
    host_key: str
    remote_dir: str
    home: Path
    login: Path


@contextmanager
def sftp_server(folder: Path) -> Iterator[Server]:
    """Run a server under ``folder`` for the length of the block."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if SSHD:
        with _openssh(folder, SSHD) as server:
            yield server
        return
    with start_partner(folder, ["bench"]) as partners:
        there = partners["bench"]
        yield Server(
            "asyncssh (the sample partner; install Debian's openssh-server to measure against OpenSSH)",
            there.host,
            there.port,
            there.username,
            there.private_key,
            there.host_key,
            "/inbound/sar",
            there.home / "inbound" / "sar",
            there.home,
        )


@contextmanager
def _openssh(folder: Path, sshd: str) -> Iterator[Server]:
    host_key, login_key = folder / "host_key", folder / "login_key"
    for key in (host_key, login_key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", str(key)], check=True)
    home = folder / "home"
    home.mkdir()
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile {folder / 'sshd.pid'}\n"
        f"AuthorizedKeysFile {login_key}.pub\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n"
        f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nSubsystem sftp internal-sftp -d {home}\n"
    )
    # As root, sshd separates privileges in a folder that a package's service would make.
    if getpass.getuser() == "root":
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stderr=log)
    try:
        _wait(port, process, folder / "log")
        public = host_key.with_name("host_key.pub").read_text().strip()
        yield Server("OpenSSH sshd", "127.0.0.1", port, getpass.getuser(), login_key, public, str(home), home, home)
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"sshd did not start: {log.read_text()[-500:]}")
