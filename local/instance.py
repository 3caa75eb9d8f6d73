"""At most one ``make run`` per run folder; and an end to what an earlier one, killed, could not stop itself."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from local.processes import SessionMark, end_left_over
from local.settings import SettingsError, write_private


class Instance:
    """The running ``make run``: who it is, where it answers, and which programs it has started."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.address: str | None = None

    def write(self, marks: list[SessionMark]) -> None:
        """Write down who runs, where it answers, and the sessions to end if it cannot do so itself."""
        record = {"pid": os.getpid(), "address": self.address, "sessions": [asdict(mark) for mark in marks]}
        write_private(self._path, json.dumps(record, indent=1))

    def left_over(self) -> list[SessionMark]:
        return [SessionMark(**mark) for mark in _read(self._path).get("sessions", [])]


@contextmanager
def only_instance(run_dir: Path) -> Iterator[Instance]:
    """
    Hold ``run_dir`` for this process.

    ``SettingsError`` names pid and address of the one that holds it. Programs left over from a killed one are ended
    first.
    """
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    record = run_dir / "instance.json"
    with (run_dir / "instance.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(_already(_read(record))) from None
        instance = Instance(record)
        end_left_over(instance.left_over())
        instance.write([])
        try:
            yield instance
        finally:
            record.unlink(missing_ok=True)


def running_pid(run_dir: Path) -> int | None:
    """Pid of the ``make run`` that holds ``run_dir`` now; None if none does."""
    with contextlib.suppress(FileNotFoundError), (run_dir / "instance.lock").open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _read(run_dir / "instance.json").get("pid")
            return int(pid) if pid else None
    return None


def running_address(run_dir: Path) -> str | None:
    """Where the running ``make run`` answers; None if none runs, or it has not got that far."""
    if running_pid(run_dir) is None:
        return None
    address: str | None = _read(run_dir / "instance.json").get("address")
    return address


def _read(record: Path) -> dict[str, Any]:
    try:
        found = json.loads(record.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _already(record: dict[str, Any]) -> str:
    pid, address = record.get("pid", "unknown"), record.get("address")
    where = f" and answers at {address}" if address else " and is still starting or stopping"
    return f"make run is running already: process {pid}{where}. Stop that one first, with Ctrl-C there or kill {pid}"
