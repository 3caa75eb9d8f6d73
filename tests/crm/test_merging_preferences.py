"""Two records of one person become one: of every answer the more restrictive stays, and all of it is on record."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest

from include.crm.review import merge_contacts
from tests.crm.dealing import DEALER, Dealing

CONSENT = {"opted_in": True, "general_marketing": True, "service_follow_up": True, "legal_basis": "CONSENT"}


def person(crm: Dealing) -> int:
    contact: int = crm.value(
        "INSERT INTO crm.contact (dealer, kind, last_name, created_by) VALUES (%s, 'PERSON', 'P', 'k') "
        "RETURNING contact_id",
        (DEALER,),
    )
    return contact


def answer(crm: Dealing, contact: int, **told: Any) -> None:
    row = {
        "contact_id": contact, "party": "US", "channel": "EMAIL", "source": "form", "captured_by": "kim",
        "captured_at": "2026-01-01", **told,
    }  # fmt: skip
    crm.rows(
        f"INSERT INTO crm.contact_preference ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
        list(row.values()),
    )


def merged(crm: Dealing, keep: dict[str, Any] | None, goes: dict[str, Any] | None) -> list[tuple[Any, ...]]:
    contacts = person(crm), person(crm)
    for contact, told in zip(contacts, (keep, goes), strict=True):
        if told is not None:
            answer(crm, contact, **told)
    merge_contacts(crm.dsn, *contacts, reason="one person", who="kim")
    assert crm.rows("SELECT * FROM crm.contact_preference WHERE contact_id = %s", (contacts[1],)) == []
    return crm.rows(
        "SELECT opted_in, service_follow_up, general_marketing, legacy_flag, withdrawn_at::date::text "
        "FROM crm.contact_preference WHERE contact_id = %s",
        (contacts[0],),
    )


WITHDRAWN = {"withdrawn_at": "2026-02-01"}
NO_SERVICE = CONSENT | {"service_follow_up": False}
THIRD = {"party": "THIRD_PARTY", **CONSENT}


@pytest.mark.parametrize(
    ("keep", "goes", "expected"),
    [
        (CONSENT, CONSENT, [(True, True, True, None, None)]),
        (CONSENT, NO_SERVICE, [(True, False, True, None, None)]),
        (NO_SERVICE, CONSENT, [(True, False, True, None, None)]),
        (CONSENT, {}, [(False, False, False, None, None)]),
        # Who was never asked has not agreed.
        (CONSENT, None, [(False, False, False, None, None)]),
        (None, CONSENT, []),
        (CONSENT, WITHDRAWN, [(False, False, False, None, "2026-02-01")]),
        (WITHDRAWN, CONSENT, [(False, False, False, None, "2026-02-01")]),
        (None, WITHDRAWN, [(False, False, False, None, "2026-02-01")]),
        (CONSENT, {"legacy_flag": "NO_FOLLOW_UP", **NO_SERVICE}, [(True, False, True, "NO_FOLLOW_UP", None)]),
        (CONSENT, {"legacy_flag": "NO_MARKETING"}, [(False, False, False, "NO_MARKETING", None)]),
        (
            {"legacy_flag": "NO_FOLLOW_UP"},
            {"legacy_flag": "NO_MARKETING"},
            [(False, False, False, "NO_MARKETING", None)],
        ),
        (None, {"legacy_flag": "NO_MARKETING"}, [(False, False, False, "NO_MARKETING", None)]),
        ({"third_party_name": "A", **THIRD}, {"third_party_name": "A", **THIRD}, [(True, True, True, None, None)]),
        ({"third_party_name": "A", **THIRD}, {"third_party_name": "B", **THIRD}, [(False, False, False, None, None)]),
    ],
)
def test_of_two_answers_the_more_restrictive_stays(
    crm: Dealing, keep: dict[str, Any] | None, goes: dict[str, Any] | None, expected: list[tuple[Any, ...]]
) -> None:
    assert merged(crm, keep, goes) == expected


def test_each_change_stands_in_a_history_that_nobody_rewrites(crm: Dealing) -> None:
    merged(crm, CONSENT, WITHDRAWN)
    assert crm.rows("SELECT what, count(*) FROM crm.contact_preference_history GROUP BY 1 ORDER BY 1") == [
        ("DELETE", 1),
        ("INSERT", 2),
        ("UPDATE", 1),
    ]
    for attempt in ("DELETE FROM", "UPDATE", "TRUNCATE"):
        change = " SET what = 'INSERT'" if attempt == "UPDATE" else ""
        for table in ("contact_preference_history", "contact_merge"):
            with pytest.raises(psycopg2.errors.RaiseException, match="only added to"):
                crm.rows(f"{attempt} crm.{table}" + (change if "history" in table else change.replace("what", "why")))


@pytest.mark.parametrize(
    ("told", "constraint"),
    [
        ({"opted_in": True}, "preference_opt_in_has_a_basis"),
        ({"general_marketing": True}, "preference_purpose_needs_an_opt_in"),
        (CONSENT | WITHDRAWN, "preference_withdrawal_beats_a_tick"),
        (
            {"party": "THIRD_PARTY", "opted_in": True, "legal_basis": "LEGITIMATE_INTEREST", "third_party_name": "A"},
            "preference_third_party_needs_consent",
        ),
    ],
)
def test_an_answer_that_cannot_be_is_not_stored(crm: Dealing, told: dict[str, Any], constraint: str) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation, match=constraint):
        answer(crm, person(crm), **told)


def test_an_import_says_nothing_about_preferences(crm: Dealing) -> None:
    from tests.crm.dealing import sold

    crm.sales(sold())
    assert crm.rows("SELECT * FROM crm.contact_preference") == []
