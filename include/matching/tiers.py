"""
The tiers by which a row of a partner's file is held against the dealer's contacts: data, tried in order.

Source: the order that one dealer CRM publishes for its imports (customer number; e-mail and last name; second e-mail
and last name; full name and telephone; start of the first name; similar first name), of which the exact ones link and
the others ask a person. Two decisions are ours: T2 and T3 want first names that do not contradict each other, since a
household shares its mailbox and its last name, and T7 shows a person what that sends away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["NUMBER", "EMAIL", "SECOND_EMAIL", "HOME", "CELL"]
KINDS: Final[tuple[Kind, ...]] = ("NUMBER", "EMAIL", "SECOND_EMAIL", "HOME", "CELL")
"""What a contact can be reached or known by; a row has no second e-mail."""
FirstNames = Literal["any", "agree", "same", "start", "similar"]
Outcome = Literal["LINKED", "CREATED", "REVIEW"]

LINKED: Final = "LINKED"
CREATED: Final = "CREATED"
REVIEW: Final = "REVIEW"
START_LETTERS: Final = 3
MOST_EDITS: Final = 2
"""A Levenshtein distance below three."""


@dataclass(frozen=True)
class Tier:
    """One way in which a row and a contact can be the same person."""

    rule: str
    means: str
    outcome: Outcome
    points: tuple[tuple[Kind, Kind], ...]
    """Which value of the row must equal which of the contact; one of the pairs is enough."""
    first_names: FirstNames = "any"
    last_name: bool = True
    """Whether the last names must be the same; both must be there then."""


_ANY_PHONES: Final[tuple[tuple[Kind, Kind], ...]] = (
    ("HOME", "HOME"), ("HOME", "CELL"), ("CELL", "HOME"), ("CELL", "CELL"),
)  # fmt: skip
TIERS: Final[tuple[Tier, ...]] = (
    Tier("T1", "the dealer's customer number", LINKED, (("NUMBER", "NUMBER"),), last_name=False),
    Tier("T2", "e-mail and last name", LINKED, (("EMAIL", "EMAIL"),), "agree"),
    Tier("T3", "second e-mail and last name", LINKED, (("EMAIL", "SECOND_EMAIL"),), "agree"),
    Tier("T4", "full name and telephone", LINKED, _ANY_PHONES, "same"),
    Tier("T5", "start of the first name, last name, telephone", REVIEW, _ANY_PHONES, "start"),
    Tier("T6", "similar first name, last name, telephone of one kind", REVIEW, (("HOME", "HOME"), ("CELL", "CELL")),
         "similar"),
    Tier("T7", "e-mail and last name, another first name", REVIEW, (("EMAIL", "EMAIL"), ("EMAIL", "SECOND_EMAIL"))),
)  # fmt: skip

SAME_BATCH: Final = "SAME"
"""No contact by itself, but the same person, by an exact tier, as another row of the batch, whose fate it shares."""
NEW: Final = "NEW"
"""No contact answers: a new one is made."""
NOBODY: Final = "T0"
"""Neither a name nor a customer number: nobody is made of that, a person decides."""
RULES: Final[dict[str, str]] = {
    **{tier.rule: tier.means for tier in TIERS},
    SAME_BATCH: "the same person as another row of the file",
    NEW: "no contact answers",
    NOBODY: "the row names nobody",
}
