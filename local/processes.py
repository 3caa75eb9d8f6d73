"""Programs that run beside us: each in a session of its own with a log of its own, and ended with all its descendants.

A session, not a process group: Airflow's supervisors put every task into a new group, so that signalling one group
would leave the others running.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from local.postgres import BECOME

LEADER_SECONDS = 8.0  # Airflow's scheduler needs two to end its workers, more while a task runs
TERM_SECONDS = 8.0
KILL_SECONDS = 5.0


class ProcessEndedError(RuntimeError):
    """A program that was to stay has ended; says with what code and how its log ends."""


@dataclass(frozen=True)
class SessionMark:
    """Enough to find a session again after a ``kill -9``: its number is not given out twice while it has members."""

    name: str
    leader: int
    created: float


class Processes:
    """The running programs, in the order they were started; ``stop`` ends them the other way round."""

    def __init__(self, logs: Path, on_start: Callable[[list[SessionMark]], None] = lambda marks: None) -> None:
        """Logs go to ``<logs>/<name>.log``; ``on_start`` is told about all sessions whenever one was added."""
        self._logs = logs
        self._on_start = on_start
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start ``command`` (an absolute path first), which ends with this process; returns its pid."""
        own_end = [sys.executable, "-I", "-S", str(BECOME), str(int(signal.SIGTERM)), str(os.getpid())]
        with self._open_log(name) as output:
            process = subprocess.Popen(
                [*own_end, *command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._running[name] = process
        self._on_start(self.marks())
        return process.pid

    def wait(self, name: str) -> None:
        """Wait until ``name`` has ended; ``ProcessEndedError`` unless with 0."""
        process = self._running[name]
        code = process.wait()
        self.stop_one(name)
        if code != 0:
            raise ProcessEndedError(self._ended(name, code))

    def check(self) -> None:
        """Raise ``ProcessEndedError`` if any of them has ended."""
        for name, process in self._running.items():
            code = process.poll()
            if code is not None:
                raise ProcessEndedError(self._ended(name, code))

    def marks(self) -> list[SessionMark]:
        """What to write down so that a later start can end what this one could not."""
        found = []
        for name, process in self._running.items():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(SessionMark(name, process.pid, psutil.Process(process.pid).create_time()))
        return found

    def stop_one(self, name: str) -> None:
        """End ``name`` and everything it started."""
        process = self._running.pop(name)
        end_sessions([process.pid], process.poll)

    def stop(self) -> None:
        """End all of them at once and wait for it; what does not end by itself is killed."""
        stopping = dict(reversed(self._running.items()))
        self._running.clear()

        def reap() -> None:
            for process in stopping.values():
                process.poll()

        end_sessions([process.pid for process in stopping.values()], reap)

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _open_log(self, name: str) -> IO[bytes]:
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.log(name)
        if path.exists() and path.stat().st_size:
            path.replace(path.with_suffix(".previous.log"))
        path.touch(mode=0o600)
        return path.open("ab")

    def _ended(self, name: str, code: int) -> str:
        lines = self.log(name).read_text(errors="replace").strip().splitlines()
        tail = "\n".join(f"    {line[:300]}" for line in lines[-8:]) or "    (nothing)"
        how = f"ended with code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
        return f"{name} {how}; its log {self.log(name)} ends:\n{tail}"


def end_left_over(marks: Iterable[SessionMark]) -> list[str]:
    """End the sessions of an earlier start that still have members; returns the programs' names."""
    found = {}
    for mark in marks:
        with contextlib.suppress(psutil.NoSuchProcess):
            if abs(psutil.Process(mark.leader).create_time() - mark.created) > 1:
                continue  # the number is another program's by now, so the session has no members left
        if _members([mark.leader]):
            found[mark.leader] = mark.name
    end_sessions(list(found), lambda: None)
    return list(found.values())


def end_sessions(leaders: list[int], reap: Callable[[], object]) -> None:
    """SIGTERM to the leaders, who end their own; then to whoever is left; then SIGKILL. Returns when none is left."""
    for number, seconds, only_leaders in (
        (signal.SIGTERM, LEADER_SECONDS, True),
        (signal.SIGTERM, TERM_SECONDS, False),
        (signal.SIGKILL, KILL_SECONDS, False),
    ):
        for process in _members(leaders):
            if process.pid in leaders or not only_leaders:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            reap()
            if not _members(leaders):
                return
            time.sleep(0.05)


def _members(leaders: list[int]) -> list[psutil.Process]:
    """Every living process whose session is one of ``leaders``; zombies are their parents' affair."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if os.getsid(process.pid) in leaders and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
