"""What is planted: values that nobody could take for anything else, each with what a leak would make of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

PERSON: Final = {
    "first name": "Wilhelquist",
    "last name": "Zaunkoenigsen",
    "e-mail": "quillfeather.zk@vogelnest.example",
    "phone": "(555) 731-9264",
    "street": "17 Kanarienvogelstieg",
    "city": "Federhausenstadt",
    "postcode": "97143",
    "VIN": "1M8GDM9A9KP731964",
    "registration": "ZK-917-QX",
    "bank account": "GB33QQKX97143617319264",
}
"""Kind of value → the value, as the partner and the DMS write it."""

PARTS: Final = {
    "e-mail": ("quillfeather", "vogelnest"),
    "phone": ("5557319264", "7319264", "731-9264"),
    "street": ("Kanarienvogelstieg",),
    "VIN": ("KP731964", "9A9KP731"),
    "registration": ("ZK917QX", "917-QX"),
    "bank account": ("GB33 QQKX 9714 3617 3192 64", "QQKX97143617", "97143617319264"),
    "first name": ("Wilhelq",),
    "last name": ("Zaunkoenig",),
}
"""Kind of value → what is left of it once it is cut, or written in another form."""

DATABASE_PASSWORD: Final = "kr4n1ch-password-of-the-databases"
CASELESS: Final = re.IGNORECASE


@dataclass
class Canaries:
    """Everything to look for, by its kind: personal values as such and secrets, which differ in each run."""

    secrets: dict[str, list[str]] = field(default_factory=dict)

    def add_secret(self, kind: str, *forms: str) -> None:
        """Look for these as well: each is a form or a part of one secret."""
        assert all(len(form) >= 12 for form in forms), f"{kind}: so short a text is found everywhere"
        self.secrets.setdefault(kind, []).extend(forms)

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        kinds: dict[str, list[str]] = {kind: [value, *PARTS.get(kind, ())] for kind, value in PERSON.items()}
        return {kind: _any_of(forms) for kind, forms in (kinds | self.secrets).items()}

    def kinds_in(self, text: str) -> set[str]:
        """Return which kinds stand in ``text``, in upper or lower case, whole or in parts; never the value."""
        return {kind for kind, pattern in self._patterns.items() if pattern.search(text)}


def _any_of(forms: Iterable[str]) -> re.Pattern[str]:
    """
    Digits alone are bounded: five of them stand within many a number.

    Names and keys are found wherever they stand, also within other words.
    """
    found = [rf"(?<![0-9a-z.]){re.escape(form)}(?![0-9a-z])" if form.isdigit() else re.escape(form) for form in forms]
    return re.compile("|".join(found), CASELESS)
