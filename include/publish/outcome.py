"""What the protocol's steps are called, how patient it is, and what became of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

STEPS = (
    "lease",
    "reconcile",
    "mark_uploading",
    "upload",
    "verify",
    "mark_uploaded",
    "fence",
    "rename",
    "mark_published",
    "release",
)
"""The ten steps; ``on_step`` hears ``before_<step>`` and ``after_<step>`` of each that is taken."""
COMPANION_STEPS = tuple(
    f"companion_{step}" for step in ("mark_uploading", "upload", "verify", "fence", "rename", "mark_published")
)
"""The steps of each companion, between ``reconcile`` and ``mark_uploading`` of its file."""

Action = Literal["published", "found_published", "already_settled", "held", "unknown", "failed"]


@dataclass(frozen=True)
class PublishSettings:
    """How patient the protocol is. Seconds."""

    lease_seconds: float = 120.0
    """A dead attempt's file is free again after this long. Longer than any single remote request may take."""
    upload_tries: int = 3
    """Uploads within one attempt, while the server loses or damages the temporary file; then the file is held."""
    ledger_patience_seconds: float = 30.0
    """After the rename, how long to insist on recording it while the ledger is away."""


@dataclass(frozen=True)
class Outcome:
    """
    What became of one file in one attempt.

    ``seconds``, ``sent_bytes`` (the companions' among them) and ``companions`` (brought or found) count this attempt.
    """

    file_id: int
    file_name: str
    state: str
    action: Action
    remote_path: str | None = None
    reason: str | None = None
    sent_bytes: int = 0
    seconds: float = 0.0
    companions: int = 0

    def __str__(self) -> str:
        line = f"file {self.file_id} {self.file_name}: {self.action.replace('_', ' ')}"
        if self.action == "published":
            line += f" as {self.remote_path} ({self.sent_bytes} bytes sent in {self.seconds:.1f} s)"
        elif self.action == "found_published":
            line += f" as {self.remote_path} by an earlier attempt"
        elif self.action == "already_settled":
            line += f" (state {self.state}), nothing to do"
        if self.companions:
            line += f", {self.companions} companion{'s' if self.companions > 1 else ''} before it"
        return f"{line}: {self.reason}" if self.reason else line
