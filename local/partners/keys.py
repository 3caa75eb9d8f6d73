"""Key material of the sample partners: made at the first start, readable by the owner only, never committed."""

from __future__ import annotations

import os
from pathlib import Path

import asyncssh

SERVER_FOLDER = ".server"
"""Beside the homes: the host key, the partners' login keys, the state file, the log."""


def host_key_file(root: Path) -> Path:
    """The server's private host key, made if it does not exist yet."""
    return _key(root / SERVER_FOLDER / "host_key", "sample partners")


def host_key_line(root: Path) -> str:
    """The public host key as one line (``ssh-ed25519 AAAA…``): what a client pins."""
    line = asyncssh.read_private_key(host_key_file(root)).export_public_key("openssh").decode()
    return " ".join(line.split()[:2])


def login_key_file(root: Path, partner: str) -> Path:
    """The private key we log in with at this partner, made if it does not exist yet."""
    return _key(root / SERVER_FOLDER / "logins" / partner, partner)


def _key(path: Path, comment: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
        # Written under another name and linked, so that two first starts cannot end with two halves of two keys.
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_bytes(key.export_private_key("openssh"))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path
