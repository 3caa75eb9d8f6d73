"""The same verbs at OpenSSH's own server, where there is one: its types, its times, its ends of file."""

from __future__ import annotations

import hashlib
import io
import os
import random
from pathlib import Path

import pytest

from bench.sftp_server import SSHD, sftp_server
from include.sftp import Endpoint, ListingLimits, ListingTooLong, NotAFile, RemoteEntry, Session

pytestmark = pytest.mark.skipif(SSHD is None, reason="no OpenSSH server on this machine")


def test_listing_reading_and_removing_at_openssh(tmp_path: Path) -> None:
    content = random.Random(5).randbytes(17_000_003)
    with sftp_server(tmp_path / "server") as server:
        home = server.home
        (home / "day_SL.csv").write_bytes(content)
        os.utime(home / "day_SL.csv", (1, 1_600_000_000))
        (home / "empty_SL.csv").write_bytes(b"")
        Path(os.fsdecode(os.fsencode(home) + b"/caf\xe9\n_SL.csv")).write_bytes(b"")
        (home / "link_SL.csv").symlink_to(home / "day_SL.csv")
        (home / "folder_SL.csv").mkdir()
        for number in range(2_000):
            (home / f"{number}.txt").touch()
        endpoint = Endpoint(server.host, server.port, server.username, server.key_file.read_text(), (server.host_key,))
        with Session(endpoint) as session:
            found = {entry.name: entry for entry in session.entries(server.remote_dir)}
            assert len(found) == 2_005
            assert found[b"day_SL.csv"] == RemoteEntry(b"day_SL.csv", len(content), 1_600_000_000, "file")
            assert {name: found[name].kind for name in (b"caf\xe9\n_SL.csv", b"link_SL.csv", b"folder_SL.csv")} == {
                b"caf\xe9\n_SL.csv": "file",
                b"link_SL.csv": "link",
                b"folder_SL.csv": "directory",
            }
            with pytest.raises(ListingTooLong):
                session.entries(server.remote_dir, ListingLimits(entries=1_000))
            for name, expected in ((b"day_SL.csv", content), (b"empty_SL.csv", b"")):
                sink = io.BytesIO()
                path = f"{server.remote_dir}/{name.decode()}"
                read = session.download(path, sink, expected=found[name], max_bytes=10**9)
                assert sink.getvalue() == expected
                assert read.sha256 == hashlib.sha256(expected).hexdigest()
                assert session.remove_unchanged(path, expected=found[name], sha256=read.sha256) == "removed"
                assert session.remove_unchanged(path, expected=found[name], sha256=read.sha256) == "absent"
            with pytest.raises(NotAFile):
                session.download(
                    f"{server.remote_dir}/folder_SL.csv", sink, expected=found[b"folder_SL.csv"], max_bytes=10**9
                )
