"""The states of a file and the steps between them: the only place that says what may follow what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# state → state that may follow → what has happened. A step to the same state is a repeated attempt.
TRANSITIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "PLANNED": {
        "CHECKED": "its rows were checked",
        "HELD": "the row check or the extraction found a reason to stop",
        "WITHHELD": "it lacks the agreement on which it may leave",
        "CANCELLED": "a person gave the window up",
    },
    "CHECKED": {
        "CHECKED": "a later run checked a newer extraction",
        "RENDERED": "its bytes were made and archived",
        "HELD": "a tolerance was exceeded, or the bytes could not be made",
        "WITHHELD": "it lacks the agreement on which it may leave",
        "CANCELLED": "a person gave the window up",
    },
    "RENDERED": {
        "GATED": "the gate read the bytes and found them good",
        "HELD": "the gate failed or could not read",
        "WITHHELD": "it lacks the agreement on which it may leave",
        "CANCELLED": "a person gave the window up",
    },
    "GATED": {
        "GATED": "the gate read the same bytes again",
        "UPLOADING": "an attempt to send begins",
        "PUBLISHED": "a person takes a redelivery back; the partner has the file since the first",
        "HELD": "a fault that a person must remove",
        "WITHHELD": "it lacks the agreement on which it may leave",
        "CANCELLED": "a person gave the window up",
    },
    "UPLOADING": {
        "UPLOADING": "another attempt begins",
        "UPLOADED": "the temporary file is complete and verified",
        "PUBLISHED": "the final name already holds exactly our bytes",
        "UNKNOWN": "neither name is there any more",
        "HELD": "a fault that a person must remove",
    },
    "UPLOADED": {
        "UPLOADED": "another attempt verified the temporary file again",
        "UPLOADING": "the temporary file is gone or damaged and nothing was renamed",
        "PUBLISHED": "the file stands under its final name",
        "UNKNOWN": "neither name is there: the partner may have taken it",
        "HELD": "a fault that a person must remove",
    },
    "PUBLISHED": {
        "ACKED": "the partner confirmed it",
        "GATED": "a person has the same bytes sent again",
        "SUPERSEDED": "a later revision was published",
    },
    "ACKED": {
        "GATED": "a person has the same bytes sent again",
        "SUPERSEDED": "a later revision was published",
    },
    "HELD": {
        "HELD": "held again, for another reason",
        "PLANNED": "a person asks for new bytes; those made before are let go",
        "CHECKED": "a later run checked a newer extraction",
        "GATED": "a person released the bytes, or the gate could read them now",
        "UPLOADING": "the fault is removed, an attempt to send begins",
        "PUBLISHED": "a person takes a redelivery back; the partner has the file since the first",
        "WITHHELD": "it lacks the agreement on which it may leave",
        "CANCELLED": "a person gave the window up",
    },
    "WITHHELD": {
        "WITHHELD": "withheld again, for another reason",
        "PLANNED": "a run found the agreement in force; bytes made before are let go",
        "CANCELLED": "a person gave the window up",
    },
    "PROPOSED": {
        "PLANNED": "a person released the revision",
        "CANCELLED": "a person refused the revision, or newer content replaced it",
    },
    "UNKNOWN": {
        "PUBLISHED": "the partner's side shows that it arrived",
        "ACKED": "the partner confirmed it",
        "UPLOADING": "a person has it sent again",
        "HELD": "what lies there is not what we sent",
        "CANCELLED": "a person gave the window up",
    },
    "SUPERSEDED": {},
    "CANCELLED": {
        "PLANNED": "a person wants the window after all",
    },
}
STATES: Final = tuple(TRANSITIONS)

# What a person does, and what a person will ask about, does not happen without a sentence.
_REASON_TO: Final = frozenset({"HELD", "WITHHELD", "UNKNOWN", "CANCELLED"})
_REASON_STEPS: Final = frozenset(
    {
        ("PROPOSED", "PLANNED"),
        ("CANCELLED", "PLANNED"),
        ("HELD", "PLANNED"),
        ("WITHHELD", "PLANNED"),
        ("UNKNOWN", "UPLOADING"),
        ("PUBLISHED", "GATED"),
        ("ACKED", "GATED"),
        ("GATED", "PUBLISHED"),
        ("HELD", "PUBLISHED"),
    }
)

ENVIRONMENTS: Final = ("live", "test", "preview")
"""Where a file counts: each has rows and numbers of its own."""
PREVIEW: Final = "preview"
"""Files of this environment are made and read like the live ones and never sent."""

DELIVERED: Final = frozenset({"PUBLISHED", "ACKED"})
"""States in which the partner has the file."""
ON_THE_WAY: Final = frozenset({"GATED", "UPLOADING", "UPLOADED"})
"""States in which the publish protocol has work: to begin, or to reconcile what an earlier attempt left."""
BEFORE_ANY_ATTEMPT: Final = frozenset({"PLANNED", "CHECKED", "RENDERED", "GATED", "HELD", "WITHHELD"})
"""States in which a file may stand that nobody has begun to send; ``FileRow.untouched`` says whether it is so."""
NOT_LIVE: Final = frozenset({"PROPOSED", "SUPERSEDED", "CANCELLED"})
"""States of a revision that does not speak for its window."""
SETTLED: Final = frozenset({"PUBLISHED", "ACKED", "SUPERSEDED", "CANCELLED"})
"""States that may grow old: retention takes files in these, and withheld ones of which nothing was ever rendered."""

# The way on from a state in which somebody may be stuck.
NEXT_STEP: Final[Mapping[str, str]] = {
    "PROPOSED": "a person releases or rejects it",
    "WITHHELD": "only a signature changes it: once the agreement it lacks is in the DMS, a run of its window takes it "
    "up; or reject it",
    "UNKNOWN": "ask the partner whether it arrived, then set PUBLISHED, or redeliver it",
    "SUPERSEDED": "it was replaced; work with the later revision",
    "CANCELLED": "reopen it with a reason to take the window up again",
    "PUBLISHED": "it is delivered; changed data needs a proposed revision, the same bytes again a redelivery",
    "ACKED": "it is delivered; changed data needs a proposed revision, the same bytes again a redelivery",
}


def delivering(environment: str) -> str:
    """Return the environment whose files are sent: that of a preview is the live one, which it speaks about."""
    return "live" if environment == PREVIEW else environment


def needs_reason(from_state: str, to: str) -> bool:
    """Whether the step must say why."""
    return to in _REASON_TO or (from_state, to) in _REASON_STEPS


def transitions_table() -> str:
    """The steps as a Markdown table, one line each; docs/ledger.md holds a copy that a test compares."""
    lines = ["| From | To | What has happened | Reason |", "|---|---|---|---|"]
    lines += [
        f"| {state} | {to} | {meaning} | {'must be given' if needs_reason(state, to) else ''} |".replace("|  |", "| |")
        for state, steps in TRANSITIONS.items()
        for to, meaning in steps.items()
    ]
    return "\n".join(lines)
