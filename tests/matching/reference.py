"""What matching must decide, one row at a time and every row against every other: slow, and plain to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Row = Mapping[str, str | int | None]


@dataclass(frozen=True)
class Contact:
    """One contact with its points as (kind, value)."""

    contact_id: int
    first: str | None
    last: str | None
    points: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Decision:
    """What is decided about one row."""

    outcome: str
    rule: str
    contact_id: int | None = None
    new_contact: int | None = None
    candidates: tuple[int, ...] = ()


def levenshtein(a: str, b: str) -> int:
    """Fewest insertions, deletions and substitutions."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        levenshtein(a[1:], b) + 1,
        levenshtein(a, b[1:]) + 1,
        levenshtein(a[1:], b[1:]) + (a[0] != b[0]),
    )


def agree(a: str | None, b: str | None) -> bool:
    """Whether two first names do not contradict each other."""
    return a is None or b is None or a.startswith(b) or b.startswith(a)


def _tiers(row: Row, contact: Contact) -> Iterable[str]:
    """Every rule by which the row may be the contact."""
    values = {kind: {value for k, value in contact.points if k == kind} for kind, _ in contact.points}

    def has(ours: str, *kinds: str) -> bool:
        return row[ours] is not None and any(row[ours] in values.get(kind, ()) for kind in kinds)

    ours, theirs = row["first"], contact.first
    assert not isinstance(ours, int)
    same_last = row["last"] is not None and row["last"] == contact.last
    same_phone = has("home", "HOME", "CELL") or has("cell", "HOME", "CELL")
    if has("number", "NUMBER"):
        yield "T1"
    if same_last and has("email", "EMAIL") and agree(ours, theirs):
        yield "T2"
    if same_last and has("email", "SECOND_EMAIL") and agree(ours, theirs):
        yield "T3"
    if same_last and ours and theirs and same_phone and ours == theirs:
        yield "T4"
    if same_last and ours and theirs and same_phone and len(ours) >= 3 and ours[:3] == theirs[:3]:
        yield "T5"
    if same_last and ours and theirs and (has("home", "HOME") or has("cell", "CELL")) and levenshtein(ours, theirs) < 3:
        yield "T6"
    if same_last and (has("email", "EMAIL") or has("email", "SECOND_EMAIL")):
        yield "T7"


def _by_tiers(row: Row, contacts: Sequence[Contact]) -> Decision | None:
    for tier in ("T1", "T2", "T3", "T4", "T5", "T6", "T7"):
        found = sorted(contact.contact_id for contact in contacts if tier in _tiers(row, contact))
        if len(found) == 1 and tier in ("T1", "T2", "T3", "T4"):
            return Decision("LINKED", tier, contact_id=found[0])
        if found:
            return Decision("REVIEW", tier, candidates=tuple(found))
    return None


def _same_person(a: Row, b: Row, rows: Sequence[Row]) -> bool:
    """Whether an exact tier makes two rows of a batch one person."""
    if a["number"] is not None and a["number"] == b["number"]:
        return True
    if a["last"] is None or a["last"] != b["last"]:
        return False
    if a["email"] is not None and a["email"] == b["email"]:
        sharing = [row["first"] for row in rows if (row["email"], row["last"]) == (a["email"], a["last"])]
        names = [name for name in sharing if name is not None]
        longest = max(map(str, names), key=len, default="")
        if all(longest.startswith(str(name)) for name in names) or a["first"] == b["first"]:
            return True
    phones = {a["home"], a["cell"]} & {b["home"], b["cell"]} - {None}
    return a["first"] is not None and a["first"] == b["first"] and bool(phones)


def reference(rows: Sequence[Row], contacts: Sequence[Contact]) -> dict[int, Decision]:
    """Decide every row; ``rows`` are in normal form with a ``row`` of their own."""
    decided: dict[int, Decision] = {}
    for row in rows:
        if row["number"] is None and row["last"] is None:
            decided[_id(row)] = Decision("REVIEW", "T0")
        elif (answer := _by_tiers(row, contacts)) is not None:
            decided[_id(row)] = answer
    somebody = [row for row in rows if row["number"] is not None or row["last"] is not None]
    waiting = [row for row in somebody if _id(row) not in decided]
    beside = [row for row in somebody if _id(row) in decided]
    left = {_id(row): row for row in waiting}
    while left:
        person = [left.pop(min(left))]
        for member in person:
            for other in [row for row in left.values() if _same_person(member, row, somebody)]:
                person.append(left.pop(_id(other)))
        fates = [decided[_id(row)] for row in beside if any(_same_person(member, row, somebody) for member in person)]
        people = {fate.contact_id for fate in fates if fate.contact_id is not None}
        people |= {each for fate in fates for each in fate.candidates}
        if not fates:
            shared = Decision("CREATED", "NEW", new_contact=min(map(_id, person)))
        elif len(people) == 1 and all(fate.outcome == "LINKED" for fate in fates):
            shared = Decision("LINKED", "SAME", contact_id=people.pop())
        else:
            shared = Decision("REVIEW", "SAME", candidates=tuple(sorted(people)))
        decided |= {_id(row): shared for row in person}
    return decided


def _id(row: Row) -> int:
    assert isinstance(row["row"], int)
    return row["row"]
