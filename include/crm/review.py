"""Doubts that a person decides: whose an activity is that fits nobody for sure, and which contacts are one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg2.extensions import cursor

from include.crm.arrival import CrmError
from include.crm.connection import transaction


@dataclass(frozen=True)
class ReviewItem:
    """
    An activity without a contact. ``candidates`` are those who they are now, if they were merged since.

    ``said`` is what the row says of the person; it is left out of the object's own text.
    """

    id: int
    dealer: str
    activity_id: int
    activity_type: str
    rule: str
    candidates: tuple[int, ...]
    said: dict[str, Any] = field(repr=False)


_OPEN: Final = """
SELECT r.review_item_id, r.dealer, r.activity_id, a.type, m.rule,
       ARRAY(SELECT DISTINCT coalesce(c.merged_into, c.contact_id) FROM crm.contact c
              WHERE c.contact_id = ANY(r.candidates) ORDER BY 1),
       r.said
  FROM crm.review_item r
  JOIN crm.match_decision m USING (match_decision_id)
  JOIN crm.activity a ON a.activity_id = r.activity_id
 WHERE r.state = 'OPEN'
"""


def open_items(dms_dsn: str, *, dealer: str | None = None) -> list[ReviewItem]:
    """
    Return what waits for a person, the oldest first.

    :raises CrmError: if the database cannot be read.
    """
    with transaction(dms_dsn, "list of open reviews") as cur:
        cur.execute(_OPEN + "AND r.dealer = coalesce(%s, r.dealer) ORDER BY r.review_item_id", (dealer,))
        return [_item(told) for told in cur.fetchall()]


def _item(told: tuple[Any, ...]) -> ReviewItem:
    item_id, dealer, activity_id, activity_type, rule, candidates, said = told
    return ReviewItem(item_id, dealer, activity_id, activity_type, rule, tuple(candidates), said)


def link(
    dms_dsn: str, item_id: int, contact_id: int, *, reason: str, who: str, expected: Sequence[int] | None = None
) -> None:
    """
    Give an open item's activity to a contact of its dealer, candidate or not; of a merged one, to who it is now.

    :param expected: the candidates that the person saw; if they are others by now, nothing is decided.
    :raises CrmError: if the item is not open, or there is no such contact of this dealer.
    """
    with transaction(dms_dsn, f"review {item_id}") as cur:
        item = _locked(cur, item_id, reason, who, expected)
        cur.execute(
            "SELECT coalesce(merged_into, contact_id) FROM crm.contact WHERE contact_id = %s AND dealer = %s",
            (contact_id, item.dealer),
        )
        if (found := cur.fetchone()) is None:
            raise CrmError(f"review {item_id}: dealer {item.dealer} has no contact {contact_id}; nothing was written")
        _decide(cur, item, "LINKED", found[0], reason, who)


def create(dms_dsn: str, item_id: int, *, reason: str, who: str, expected: Sequence[int] | None = None) -> int:
    """
    Make a new contact of what an open item's row says, give it the activity, and return its number.

    :param expected: as of ``link``.
    :raises CrmError: if the item is not open, or its row names nobody.
    """
    with transaction(dms_dsn, f"review {item_id}") as cur:
        item = _locked(cur, item_id, reason, who, expected)
        contact_id = _new_contact(cur, item, who)
        _decide(cur, item, "CREATED", contact_id, reason, who)
        return contact_id


def dismiss(dms_dsn: str, item_id: int, *, reason: str, who: str, expected: Sequence[int] | None = None) -> None:
    """
    Leave an open item's activity without a contact: it is nobody's.

    :param expected: as of ``link``.
    :raises CrmError: if the item is not open.
    """
    with transaction(dms_dsn, f"review {item_id}") as cur:
        _decide(cur, _locked(cur, item_id, reason, who, expected), "DISMISSED", None, reason, who)


def merge_contacts(dms_dsn: str, keep: int, goes: int, *, reason: str, who: str) -> int:
    """
    Make two contacts of one dealer one; return how many activities came along.

    What leads to ``goes`` leads to ``keep`` from now on. Of their preferences the more restrictive stays for each party
    and channel, and no withdrawal is lost; each change stands in the history.

    :raises CrmError: if they are not two living contacts of one dealer.
    """
    if not reason.strip() or not who.strip():
        raise CrmError("a merge names who does it and why; nothing was written")
    with transaction(dms_dsn, f"merge of contact {goes} into {keep}") as cur:
        cur.execute("SELECT crm.merge_contacts(%s, %s, %s, %s)", (keep, goes, who, reason))
        [(moved,)] = cur.fetchall()
        return int(moved)


def _locked(cur: cursor, item_id: int, reason: str, who: str, expected: Sequence[int] | None) -> ReviewItem:
    if not reason.strip() or not who.strip():
        raise CrmError("a decision names who took it and why; nothing was written")
    cur.execute("SELECT crm.lock_dealer(dealer) FROM crm.review_item WHERE review_item_id = %s", (item_id,))
    cur.execute(_OPEN + "AND r.review_item_id = %s", (item_id,))
    if (told := cur.fetchone()) is None:
        raise CrmError(f"review {item_id} is not open; `python -m include.crm review` lists those that are")
    item = _item(told)
    if expected is not None and tuple(expected) != item.candidates:
        raise CrmError(f"review {item_id} has other candidates by now; nothing was written. Look at it again")
    return item


def _decide(cur: cursor, item: ReviewItem, state: str, contact_id: int | None, reason: str, who: str) -> None:
    if contact_id is not None:
        cur.execute(
            "UPDATE crm.activity SET contact_id = %s WHERE activity_id = %s AND type = %s",
            (contact_id, item.activity_id, item.activity_type),
        )
    cur.execute(
        "UPDATE crm.review_item SET state = %s, contact_id = %s, decided_by = %s, decided_at = clock_timestamp(), "
        "why = %s WHERE review_item_id = %s",
        (state, contact_id, who, reason, item.id),
    )


def _new_contact(cur: cursor, item: ReviewItem, who: str) -> int:
    import polars as pl

    from include.crm.activities import PERSON
    from include.crm.people import new_contact, own_addresses

    rows = pl.DataFrame([{"row": item.id, **item.said}], {"row": pl.Int64, **dict.fromkeys(PERSON, pl.String)})
    contact, points = new_contact(rows, own_addresses(cur, item.dealer))
    if contact["last_key"] is None and contact["number_key"] is None:
        raise CrmError(
            f"review {item.id}: its row names nobody, so no contact can be made of it; link it to one, or dismiss it"
        )
    columns = [name for name in contact if name != "person"]
    cur.execute(
        f"INSERT INTO crm.contact (dealer, created_by, {', '.join(columns)}) "  # noqa: S608
        f"VALUES (%s, %s, {', '.join(['%s'] * len(columns))}) RETURNING contact_id",
        [item.dealer, who, *(contact[name] for name in columns)],
    )
    [(contact_id,)] = cur.fetchall()
    for point in points:
        cur.execute(
            "INSERT INTO crm.contact_point (contact_id, kind, normalised, as_given) VALUES (%s, %s, %s, %s)",
            (contact_id, point["kind"], point["normalised"], point["as_given"]),
        )
    return int(contact_id)
