"""Doubts about contacts for people: where they stand, for everybody; and one of them with all that is said, for few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

from include.crm.connection import transaction

PAGE_ROWS: Final = 50
CANDIDATES_SHOWN: Final = 50
# JSON keeps no order of its own; a person compares row and contact from the name on.
_ORDER: Final = (
    "first_name", "last_name", "company_name", "dms_customer_number", "email", "cell_phone", "home_phone", "address",
    "city", "state", "postal_code",
)  # fmt: skip
REVIEW_STATES: Final = ("OPEN", "LINKED", "CREATED", "DISMISSED")
_WHERE_FROM: Final = """
  FROM crm.review_item r
  JOIN crm.match_decision m USING (match_decision_id)
  JOIN crm.import i USING (import_id)
  JOIN crm.activity a ON a.activity_id = r.activity_id
"""
# As `include.crm.review` has them: a candidate that was merged since is who it is now.
_CANDIDATES: Final = """
       ARRAY(SELECT DISTINCT coalesce(c.merged_into, c.contact_id) FROM crm.contact c
              WHERE c.contact_id = ANY (r.candidates) ORDER BY 1)
"""
_PLACE: Final = f"""
SELECT r.review_item_id, i.interface, i.arrival_id, r.dealer, a.type, r.activity_id, m.rule, {_CANDIDATES}, r.state,
       i.applied_at, r.decided_by, r.decided_at
"""
_PAGE: Final = f"""
{_PLACE} {_WHERE_FROM}
 WHERE r.state = %(state)s AND i.interface = ANY (%(interfaces)s)
   AND (%(dealer)s IS NULL OR r.dealer = %(dealer)s) AND (%(rule)s IS NULL OR m.rule = %(rule)s)
   AND (%(before)s IS NULL OR r.review_item_id < %(before)s)
 ORDER BY r.review_item_id DESC LIMIT %(limit)s
"""
_COUNTS: Final = f"""
SELECT m.rule, r.dealer, count(*) {_WHERE_FROM}
 WHERE r.state = 'OPEN' AND i.interface = ANY (%s) GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 200
"""
_ONE: Final = f"{_PLACE} {_WHERE_FROM} WHERE r.review_item_id = %s"
_SAID: Final = """
SELECT r.said, r.why, r.contact_id, coalesce(a.occurred_on, a.created_at::date), a.description
  FROM crm.review_item r JOIN crm.activity a ON a.activity_id = r.activity_id WHERE r.review_item_id = %s
"""
_PEOPLE: Final = """
SELECT c.contact_id, c.first_name, c.last_name, c.company_name, c.co_buyer, c.dms_customer_number, c.address, c.city,
       c.state, c.postal_code,
       ARRAY(SELECT DISTINCT p.as_given FROM crm.contact_point p JOIN crm.contact w ON w.contact_id = p.contact_id
              WHERE w.contact_id = c.contact_id OR w.merged_into = c.contact_id ORDER BY 1 LIMIT 20),
       (SELECT count(*) FROM crm.activity a WHERE a.contact_id = c.contact_id)
  FROM crm.contact c WHERE c.contact_id = ANY (%s) ORDER BY c.contact_id LIMIT %s
"""


@dataclass(frozen=True)
class ReviewPlace:
    """Where a doubt stands; ``candidates`` are numbers of contacts, those who they are now."""

    id: int
    interface: str
    arrival_id: int
    dealer: str
    activity_type: str
    activity_id: int
    rule: str
    candidates: Sequence[int]
    state: str
    applied_at: datetime
    decided_by: str | None
    decided_at: datetime | None


@dataclass(frozen=True)
class ReviewCount:
    """How many doubts of a dealer are open by the rule that led there."""

    rule: str
    dealer: str
    items: int


@dataclass(frozen=True)
class Person:
    """A contact as a person compares it; personal data, which is left out of the object's own text."""

    id: int
    said: Mapping[str, str] = field(repr=False)
    points: Sequence[str] = field(repr=False)
    activities: int


@dataclass(frozen=True)
class ReviewDetails:
    """
    What a doubt is about; personal data, which is left out of the object's own text.

    ``said`` is what the row says of the person, by column, without what it leaves empty; ``why`` and ``contact_id``
    are the decision's.
    """

    said: Mapping[str, str] = field(repr=False)
    why: str | None = field(repr=False)
    contact_id: int | None
    day: date
    description: str | None = field(repr=False)
    candidates: Sequence[Person] = field(repr=False)


def review_places(
    dms_dsn: str,
    *,
    interfaces: Sequence[str],
    state: str = "OPEN",
    dealer: str | None = None,
    rule: str | None = None,
    before: int | None = None,
    limit: int = PAGE_ROWS,
) -> tuple[Sequence[ReviewPlace], int | None]:
    """
    Return the newest doubts, and the number before which the next page begins; None if this is the last.

    :raises CrmError: if the database cannot be read.
    """
    asked = {
        "interfaces": list(interfaces),
        "state": state,
        "dealer": dealer,
        "rule": rule,
        "before": before,
        "limit": limit + 1,
    }
    with transaction(dms_dsn, "list of reviews") as cur:
        cur.execute(_PAGE, asked)
        rows = [ReviewPlace(*told) for told in cur.fetchall()]
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def review_counts(dms_dsn: str, *, interfaces: Sequence[str]) -> Sequence[ReviewCount]:
    """
    Return how many doubts are open by rule and dealer, the commonest first.

    :raises CrmError: if the database cannot be read.
    """
    with transaction(dms_dsn, "count of reviews") as cur:
        cur.execute(_COUNTS, (list(interfaces),))
        return [ReviewCount(*told) for told in cur.fetchall()]


def review_place(dms_dsn: str, item_id: int) -> ReviewPlace | None:
    """
    Return where one doubt stands, or None if there is none with this number.

    :raises CrmError: if the database cannot be read.
    """
    with transaction(dms_dsn, f"review {item_id}") as cur:
        cur.execute(_ONE, (item_id,))
        return None if (told := cur.fetchone()) is None else ReviewPlace(*told)


def review_details(dms_dsn: str, place: ReviewPlace) -> ReviewDetails:
    """
    Return what one doubt is about, with its candidates; personal data.

    :raises CrmError: if the database cannot be read.
    """
    with transaction(dms_dsn, f"review {place.id}") as cur:
        cur.execute(_SAID, (place.id,))
        [(said, why, contact_id, day, description)] = cur.fetchall()
        cur.execute(_PEOPLE, (list(place.candidates), CANDIDATES_SHOWN))
        names = [column.name for column in cur.description or ()][1:-2]
        people = [
            Person(number, _filled(dict(zip(names, told, strict=True))), points, activities)
            for number, *told, points, activities in cur.fetchall()
        ]
    in_order = {name: said[name] for name in sorted(said, key=_place_of)}
    return ReviewDetails(_filled(in_order), why, contact_id, day, description, people)


def _filled(said: Mapping[str, object]) -> Mapping[str, str]:
    return {name: str(value) for name, value in said.items() if value not in (None, "")}


def _place_of(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
