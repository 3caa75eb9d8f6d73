"""
Files between the tasks of one run, at an fsspec location that every worker reaches.

On a local file system a staged file is worked on in place; elsewhere it is written to a temporary file and uploaded,
and fetched before it is read. Nothing here outlives the run for long: `prune` removes what an aborted run left.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

PRIVATE_FOLDER = 0o700
DAY_SECONDS = 86_400


class StagingError(OSError):
    """A staged file cannot be written or is not there."""


class Staging:
    """A folder of staged files under ``root`` on ``fs``; names are relative, such as ``17/42.snapshot``."""

    def __init__(self, fs: AbstractFileSystem, root: str) -> None:
        self.fs = fs
        self.root = root.rstrip("/")
        self._local = "file" in _protocols(fs)

    @contextmanager
    def writer(self, name: str) -> Iterator[Path]:
        """
        Yield a local path to write to; ``name`` appears only if the block ends without an exception.

        :raises StagingError: naming the place, when the disk or the store refuses.
        """
        target = f"{self.root}/{name}"
        with self._scratch(target) as scratch:
            try:
                yield scratch
                if self._local:
                    scratch.replace(target)
                else:
                    self.fs.put_file(str(scratch), target)
            except OSError as error:
                raise StagingError(
                    f"cannot stage {name} under {self.root}: {error.strerror or error}; "
                    "make room there and run the task again"
                ) from error
            finally:
                scratch.unlink(missing_ok=True)

    @contextmanager
    def reader(self, name: str) -> Iterator[Path]:
        """
        Yield a local path that holds the staged file ``name``.

        :raises StagingError: if there is none; the message says which task writes it.
        """
        target = f"{self.root}/{name}"
        if not self.fs.exists(target):
            raise StagingError(
                f"{name} is not under {self.root}: the run's staged files are gone; clear the run from `extract` on"
            )
        if self._local:
            yield Path(target)
            return
        with self._scratch(target) as scratch:
            self.fs.get_file(target, str(scratch))
            try:
                yield scratch
            finally:
                scratch.unlink(missing_ok=True)

    def exists(self, name: str) -> bool:
        """Whether the staged file ``name`` is there."""
        return bool(self.fs.exists(f"{self.root}/{name}"))

    def remove(self, folder: str) -> None:
        """Remove a run's folder; one that is not there is fine."""
        target = f"{self.root}/{folder}"
        if self.fs.exists(target):
            self.fs.rm(target, recursive=True)

    def prune(self, *, days: float, now: float | None = None) -> list[str]:
        """Remove the folders of runs that last changed more than ``days`` ago; return their names."""
        limit = (time.time() if now is None else now) - days * DAY_SECONDS
        changed: dict[str, float] = {}
        for path in self.fs.find(self.root) if self.fs.exists(self.root) else []:
            run = path.split(f"{self.root}/", 1)[1].split("/", 1)[0]
            changed[run] = max(changed.get(run, 0.0), self.fs.modified(path).timestamp())
        old = sorted(run for run, instant in changed.items() if instant < limit)
        for run in old:
            self.remove(run)
        return old

    @contextmanager
    def _scratch(self, target: str) -> Iterator[Path]:
        if self._local:
            folder = Path(target).parent
            folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
            with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
                path = Path(file.name)
            yield path
            return
        with tempfile.TemporaryDirectory() as folder_name:
            yield Path(folder_name) / Path(target).name


def _protocols(fs: AbstractFileSystem) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
