"""The physical limit beside which a delivery is measured: COPY to a file, then OpenSSH's own `sftp put` of it."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg2

from bench.sftp_server import Server


def limit(query: bytes, dms_dsn: str, server: Server, folder: Path) -> dict[str, Any]:
    """Copy the same rows in the same order over one connection to a file, put and rename it; return the seconds."""
    client = shutil.which("sftp")
    if client is None:
        raise RuntimeError("the limit is OpenSSH's `sftp`, which is not installed; on Debian: openssh-client")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "limit.csv"
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[{server.host}]:{server.port} {server.host_key}\n")
    batch = folder / "batch"
    batch.write_text(f"put {target} {server.remote_dir}/limit.part\nrename {server.remote_dir}/limit.part "
                     f"{server.remote_dir}/limit.csv\n")  # fmt: skip
    started = time.perf_counter()
    connection = psycopg2.connect(dms_dsn)
    with connection, connection.cursor() as cursor, target.open("wb", buffering=8 << 20) as file:
        cursor.copy_expert(b"COPY (" + query + b") TO STDOUT (FORMAT csv)", file)
    connection.close()
    copied = time.perf_counter()
    subprocess.run(
        [
            client, "-q", "-b", str(batch), "-P", str(server.port), "-i", str(server.key_file), "-F", "none",
            "-o", "Ciphers=aes128-gcm@openssh.com", "-o", f"UserKnownHostsFile={known_hosts}",
            "-o", "IdentitiesOnly=yes", f"{server.username}@{server.host}",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    ended = time.perf_counter()
    size = target.stat().st_size
    (server.home / "limit.csv").unlink()
    target.unlink()
    return {"seconds": ended - started, "copy": copied - started, "sftp": ended - copied, "bytes": size}
