"""The states of an arrival and the steps between them: the only place that says what may follow what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# state → state that may follow → what has happened. A step to the same state is a repeated attempt.
ARRIVAL_TRANSITIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "SEEN": {
        "LANDED": "it stood still, and its bytes are in the archive",
        "DUPLICATE": "its bytes are in the archive, and the same content landed before",
        "VANISHED": "it was gone, or another file by then, before it could be read",
        "REJECTED": "it cannot be read at all",
        "HELD": "reading it failed again and again",
    },
    "LANDED": {
        "CHECKED": "its rows were read and judged",
        "REJECTED": "the file as a whole cannot be used",
        "HELD": "a rule of the whole file is broken",
    },
    "CHECKED": {
        "CHECKED": "a later run read and judged it again",
        "APPLIED": "its accepted rows are committed",
        "REJECTED": "the file as a whole cannot be used",
        "HELD": "a rule of the whole file is broken",
    },
    "APPLIED": {
        "REMOVED": "it was removed at the partner, or was gone when we came to remove it",
        "KEPT": "it stays at the partner",
    },
    "DUPLICATE": {
        "REMOVED": "it was removed at the partner, or was gone when we came to remove it",
        "KEPT": "it stays at the partner",
        "REJECTED": "the arrival with the same content was rejected",
    },
    "HELD": {
        "HELD": "held again, for another reason",
        "SEEN": "a person has it read again",
        "LANDED": "a person released its content; it is checked again",
        "REJECTED": "a person refused it",
    },
    "REJECTED": {
        "SEEN": "a person has it read again",
        "LANDED": "a person has its content checked again",
    },
    "REMOVED": {},
    "KEPT": {},
    "VANISHED": {},
}
ARRIVAL_STATES: Final = tuple(ARRIVAL_TRANSITIONS)

UNDER_WAY: Final = ("LANDED", "CHECKED", "HELD")
"""States in which something of the file is ours and not yet decided: its feed cannot end."""
GONE: Final = ("REMOVED", "VANISHED")
"""States of a file that is not at the partner any more: what is listed under its name is another."""
ARRIVAL_SETTLED: Final = ("REMOVED", "KEPT", "REJECTED", "VANISHED")
"""States in which no run works on an arrival any more."""

_REASON_TO: Final = frozenset({"HELD", "REJECTED", "KEPT", "VANISHED"})
_REASON_STEPS: Final = frozenset({("HELD", "SEEN"), ("HELD", "LANDED"), ("REJECTED", "SEEN"), ("REJECTED", "LANDED")})

# The way on from a state in which somebody may be stuck.
ARRIVAL_NEXT_STEP: Final[Mapping[str, str]] = {
    "REMOVED": "nothing: it is imported and gone from the partner's server",
    "KEPT": "nothing: it is settled and stays on the partner's server; remove it there by hand if it is in the way",
    "VANISHED": "nothing: a file that comes back is a new arrival",
    "REJECTED": "reopen it with a reason once its cause is mended, or ask the partner for another file",
    "HELD": "a person releases or rejects it",
}


def arrival_needs_reason(from_state: str, to: str) -> bool:
    """Whether the step must say why."""
    return to in _REASON_TO or (from_state, to) in _REASON_STEPS


def arrival_transitions_table() -> str:
    """The steps as a Markdown table, one line each; docs/feeds.md holds a copy that a test compares."""
    lines = ["| From | To | What has happened | Reason |", "|---|---|---|---|"]
    lines += [
        f"| {state} | {to} | {meaning} |{' must be given ' if arrival_needs_reason(state, to) else ' '}|"
        for state, steps in ARRIVAL_TRANSITIONS.items()
        for to, meaning in steps.items()
    ]
    return "\n".join(lines)
