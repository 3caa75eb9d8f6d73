"""The decisions that people ask about, each once and by name."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from include.matching.candidates import Contacts
from include.matching.keys import OwnAddresses
from include.matching.match import DECISION, match
from include.matching.tiers import LINKED, RULES, TIERS
from tests.matching.writing import written

NAMES = [
    (1, "john", "smith"),
    (2, "mary", "smith"),
    (3, "robert", "lee"),
    (4, "roberta", "lee"),
    (5, "ann", "poe"),
    (6, "ann", "poe"),
    (7, "(company)", "acme marine"),
]
POINTS = [
    (1, "NUMBER", "C-1"),
    (1, "EMAIL", "smiths@home.example"),
    (2, "SECOND_EMAIL", "mary@work.example"),
    (3, "HOME", "5552010111"),
    (4, "CELL", "5552010111"),
    (5, "EMAIL", "ann@poe.example"),
    (6, "EMAIL", "ann@poe.example"),
    (7, "HOME", "5552010177"),
]


@pytest.fixture(scope="module")
def contacts() -> Contacts:
    return Contacts(
        pl.DataFrame(NAMES, schema=["contact_id", "first", "last"], orient="row"),
        pl.DataFrame(POINTS, schema=["contact_id", "kind", "value"], orient="row"),
    )


def fates(contacts: Contacts, *rows: dict[str, str], own: OwnAddresses | None = None) -> list[tuple[Any, ...]]:
    """Outcome, rule, contact, new contact and candidates of each row."""
    found = match(written(*rows), contacts, own or OwnAddresses())
    return found.select("outcome", "rule", "contact_id", "new_contact", "candidates").rows()


def person(first: str, last: str, **more: str) -> dict[str, str]:
    return {"first_name": first, "last_name": last, **more}


def test_a_contact_of_two_names_answers_to_both_and_is_one_candidate(contacts: Contacts) -> None:
    names = pl.concat([contacts.names, pl.DataFrame([(1, "jane", "doe")], schema=contacts.names.schema, orient="row")])
    both = Contacts(names, contacts.points)
    mailbox = {"email": "smiths@home.example"}
    assert fates(both, person("Jane", "Doe", **mailbox))[0][:3] == ("LINKED", "T2", 1)
    assert fates(both, person("John", "Smith", **mailbox))[0][:3] == ("LINKED", "T2", 1)
    assert fates(both, {"dms_customer_number": "C-1"}) == [("LINKED", "T1", 1, None, [])]
    assert fates(both, person("Walter", "Doe", **mailbox)) == [("REVIEW", "T7", None, None, [1])]
    assert fates(contacts, person("Jane", "Doe", **mailbox))[0][1] == "NEW"


@pytest.mark.parametrize(
    ("row", "rule", "contact"),
    [
        ({"dms_customer_number": "c-1"}, "T1", 1),
        (person("J.", "Smith", email="Smiths@home.example"), "T2", 1),
        ({"last_name": "JOHN & MARY SMITH", "email": "smiths@home.example"}, "T2", 1),
        (person("Mary", "Smith", email="mary@work.example"), "T3", 2),
        (person("Robert", "Lee", home_phone="(555) 201-0111"), "T4", 3),
        ({"last_name": "LEE, ROBERTA", "home_phone": "555-201-0111"}, "T4", 4),
        ({"company_name": "Acme Marine LLC", "cell_phone": "555 201 0177"}, "T4", 7),
    ],
)
def test_an_exact_tier_links(contacts: Contacts, row: dict[str, str], rule: str, contact: int) -> None:
    assert fates(contacts, row) == [("LINKED", rule, contact, None, [])]


@pytest.mark.parametrize(
    ("row", "rule", "candidates"),
    [
        (person("Rob", "Lee", home_phone="555-201-0111"), "T5", [3, 4]),
        (person("Bobert", "Lee", home_phone="555-201-0111"), "T6", [3]),
        # A household has one mailbox: the other one of the couple is asked about, not taken for the first.
        (person("Mary", "Smith", email="smiths@home.example"), "T7", [1]),
        (person("Ann", "Poe", email="ann@poe.example"), "T2", [5, 6]),
        ({"first_name": "CASH", "last_name": "CUSTOMER", "email": "ann@poe.example"}, "T0", []),
        ({"email": "smiths@home.example"}, "T0", []),
    ],
)
def test_a_doubt_goes_to_review(contacts: Contacts, row: dict[str, str], rule: str, candidates: list[int]) -> None:
    assert fates(contacts, row) == [("REVIEW", rule, None, None, candidates)]


@pytest.mark.parametrize(
    "row",
    [
        person("John", "Jones", email="smiths@home.example"),
        person("Robert", "Poe", home_phone="555-201-0111"),
        person("John", "Smith", email="none@none.com", home_phone="000-000-0000"),
        person("John", "Smith"),
    ],
)
def test_a_shared_address_alone_never_links(contacts: Contacts, row: dict[str, str]) -> None:
    assert fates(contacts, row) == [("CREATED", "NEW", None, 0, [])]


def test_the_dealers_own_address_leads_to_nobody(contacts: Contacts) -> None:
    row = person("John", "Smith", email="smiths@home.example")
    own = OwnAddresses(emails=frozenset({"smiths@home.example"}))
    assert fates(contacts, row, own=own) == [("CREATED", "NEW", None, 0, [])]


def test_one_person_of_a_batch_becomes_one_contact(contacts: Contacts) -> None:
    rows = [
        person("Eve", "Moss", email="eve@moss.example"),
        person("Eve", "Moss", email="eve@moss.example", cell_phone="555-201-0155"),
        person("Eve", "Moss", cell_phone="555-201-0155", dms_customer_number="N9"),
        {"dms_customer_number": "N9"},
        person("Adam", "Moss", cell_phone="555-201-0155"),
    ]
    assert [(fate[1], fate[3]) for fate in fates(contacts, *rows)] == [("NEW", 0)] * 4 + [("NEW", 4)]


def test_a_couple_of_one_batch_with_one_mailbox_stays_two(contacts: Contacts) -> None:
    rows = [person(name, "Moss", email="us@moss.example") for name in ("Eve", "Adam", "E", "Eve")]
    assert [fate[3] for fate in fates(contacts, *rows)] == [0, 1, 2, 0]


def test_a_row_follows_the_row_of_the_same_person(contacts: Contacts) -> None:
    rows = [
        person("John", "Smith", dms_customer_number="C-1", cell_phone="555-201-0166"),
        person("John", "Smith", cell_phone="555-201-0166"),
        person("Ann", "Poe", email="ann@poe.example", cell_phone="555-201-0167"),
        person("Ann", "Poe", cell_phone="555-201-0167"),
    ]
    assert fates(contacts, *rows) == [
        ("LINKED", "T1", 1, None, []),
        ("LINKED", "SAME", 1, None, []),
        ("REVIEW", "T2", None, None, [5, 6]),
        ("REVIEW", "SAME", None, None, [5, 6]),
    ]


def test_a_row_does_not_follow_another_first_name_of_its_mailbox(contacts: Contacts) -> None:
    rows = [
        person("John", "Smith", dms_customer_number="C-1", email="new@home.example"),
        person("Joan", "Smith", email="new@home.example"),
    ]
    assert [fate[:4] for fate in fates(contacts, *rows)] == [("LINKED", "T1", 1, None), ("CREATED", "NEW", None, 1)]


def test_a_row_shares_the_doubt_about_the_row_of_the_same_person(contacts: Contacts) -> None:
    rows = [
        person("Mary", "Smith", email="smiths@home.example", cell_phone="555-201-0168"),
        person("Mary", "Smith", cell_phone="555-201-0168"),
    ]
    assert fates(contacts, *rows) == [("REVIEW", "T7", None, None, [1]), ("REVIEW", "SAME", None, None, [1])]


def test_two_telephones_of_one_contact_are_one_candidate() -> None:
    both = [(1, "HOME", "5552010111"), (1, "CELL", "5552010122"), (1, "CELL", "5552010111")]
    twice = Contacts(
        pl.DataFrame(NAMES[:1], schema=["contact_id", "first", "last"], orient="row"),
        pl.DataFrame(both, schema=["contact_id", "kind", "value"], orient="row"),
    )
    row = person("John", "Smith", home_phone="555-201-0111", cell_phone="555-201-0122")
    assert fates(twice, row) == [("LINKED", "T4", 1, None, [])]


def test_a_long_chain_of_rows_is_one_person() -> None:
    rows = [
        person("Eve", "Moss", home_phone=f"555{number:07}", cell_phone=f"555{number + 1:07}")
        for number in range(2_010_000, 2_010_300)
    ]
    nobody = Contacts(
        pl.DataFrame(schema={"contact_id": pl.Int64, "first": pl.String, "last": pl.String}),
        pl.DataFrame(schema={"contact_id": pl.Int64, "kind": pl.String, "value": pl.String}),
    )
    assert set(match(written(*rows), nobody)["new_contact"]) == {0}


def test_no_rows_are_no_decisions(contacts: Contacts) -> None:
    found = match(written(), contacts)
    assert (found.height, found.schema) == (0, DECISION)


def test_a_row_number_that_comes_twice_is_refused(contacts: Contacts) -> None:
    with pytest.raises(ValueError, match="comes twice"):
        match(pl.concat([written(person("A", "B"))] * 2), contacts)


def test_a_kind_of_point_that_is_not_known_is_refused() -> None:
    names = pl.DataFrame(NAMES, schema=["contact_id", "first", "last"], orient="row")
    points = pl.DataFrame([(1, "FAX", "5552010111")], schema=["contact_id", "kind", "value"], orient="row")
    with pytest.raises(ValueError, match="kind FAX"):
        Contacts(names, points)


def test_every_rule_says_what_it_means() -> None:
    assert [tier.rule for tier in TIERS if tier.outcome == LINKED] == ["T1", "T2", "T3", "T4"]
    assert set(RULES) == {"T0", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "SAME", "NEW"}
