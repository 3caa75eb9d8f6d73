"""The kinds of difference between a month's file and its daily files, and which of them explain it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


class ReconcileError(RuntimeError):
    """The two sides cannot be compared, or a comparison does not add up; the message says what to look at."""


@dataclass(frozen=True)
class Kind:
    """``explained``: in the nature of the two interfaces, so it holds nothing. ``meaning``: for people."""

    explained: bool
    meaning: str


KINDS: Final[Mapping[str, Kind]] = {
    "LATE_CREDIT": Kind(True, "a credit dated in the month and posted after its end: in a daily file of a later month"),
    "BACK_DATED": Kind(
        True, "an invoice dated in the month and posted after its end: in a daily file of a later month"
    ),
    "OTHER_MONTH": Kind(True, "sent in a daily file of the month, and dated in another month"),
    "OTHER_ZONE": Kind(True, "posted within the month by the clock of one side and outside it by that of the other"),
    "CORRECTED_LINE": Kind(
        True, "changed in the DMS since it was sent, or added to or removed from a document that was"
    ),
    "DAY_NOT_SENT": Kind(True, "posted on a day of which no daily file was sent, or whose file a person gave up"),
    "REJECTED_IN_DAILY": Kind(True, "kept back by the check of its daily file, and put right since"),
    "REJECTED_NOW": Kind(True, "sent in a daily file, and kept back by the check of the month"),
    "WITHHELD_NOW": Kind(True, "sent in a daily file, and withheld from the month, as after an objection to sharing"),
    "DAY_HELD": Kind(False, "the day's file is neither with the partner nor given up: it is held or on its way"),
    "SENT_TWICE": Kind(False, "one line in two daily files"),
    "BYTES_GONE": Kind(False, "the daily file cannot be read back, and its numbers are not those of the month's rows"),
    "UNEXPLAINED": Kind(False, "none of these"),
}


def kinds_table() -> str:
    """The kinds as a Markdown table; docs/reconciliation.md holds a copy that a test compares."""
    lines = ["| Kind | Holds the file | What it is |", "|---|---|---|"]
    lines += [f"| `{name}` | {'' if kind.explained else 'yes'} | {kind.meaning} |" for name, kind in KINDS.items()]
    return "\n".join(lines).replace("|  |", "| |")
