"""How far something that takes minutes has come: one line, written over."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Literal

LINE_SECONDS = 5.0


@dataclass(frozen=True)
class Progress:
    """Where the days (or months) stand: how many are done, how many of those failed, and what happens now, if known."""

    periods: int
    done: int
    failed: int
    now: str
    unit: Literal["day", "month"] = "day"

    def __str__(self) -> str:
        failed = f", {self.failed} of them red" if self.failed else ""
        unit = self.unit if self.periods == 1 else f"{self.unit}s"
        return f"{self.done} of {self.periods} {unit} done{failed}" + (f" · {self.now}" if self.now else "")


class ProgressLine:
    """One line that is written over on a terminal; elsewhere a new line for a change, every few seconds at most."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._started = time.monotonic()
        self._shown = ""
        self._shown_at = 0.0

    def show(self, progress: Progress | str) -> None:
        now = time.monotonic()
        seconds = int(now - self._started)
        clock = f"{seconds // 60:02}:{seconds % 60:02}"
        if self._terminal:
            print(f"\r\033[K  {clock}  {progress}", end="", flush=True)
        elif str(progress) != self._shown and (
            now >= self._shown_at + LINE_SECONDS
            or (isinstance(progress, Progress) and progress.done == progress.periods)
        ):
            print(f"  {clock}  {progress}", flush=True)
            self._shown, self._shown_at = str(progress), now

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print(flush=True)


def say(text: str) -> None:
    """Say on a line of its own what begins now."""
    print(f"· {text}", flush=True)
