"""Doubts and contacts in the hands of people."""

from __future__ import annotations

import psycopg2
import pytest

from include.crm.arrival import CrmError
from include.crm.review import create, dismiss, link, merge_contacts, open_items
from tests.crm.dealing import Dealing, sold

DOUBT = sold(DealNumber="D2", CustomerNumber="", FirstName="Averil", CellPhone="5550100199", Email="")


def doubtful(crm: Dealing) -> tuple[int, int]:
    """Return the open item and its only candidate."""
    crm.sales(sold())
    crm.sales(DOUBT)
    [item] = open_items(crm.dsn)
    [candidate] = item.candidates
    return item.id, candidate


def test_an_item_is_linked_to_a_candidate(crm: Dealing) -> None:
    item, candidate = doubtful(crm)
    assert "Averil" not in repr(open_items(crm.dsn))
    link(crm.dsn, item, candidate, reason="same signature", who="kim")
    assert crm.rows("SELECT DISTINCT contact_id FROM crm.activity") == [(candidate,)]
    assert crm.rows("SELECT state, contact_id, decided_by, why FROM crm.review_item") == [
        ("LINKED", candidate, "kim", "same signature")
    ]
    for again in (dismiss, create):
        with pytest.raises(CrmError, match="is not open"):
            again(crm.dsn, item, reason="r", who="kim")


def test_a_new_contact_is_made_of_what_the_row_says_and_found_from_then_on(crm: Dealing) -> None:
    item, candidate = doubtful(crm)
    made = create(crm.dsn, item, reason="a sister", who="kim")
    assert made != candidate
    assert crm.rows("SELECT first_name, last_name, created_by FROM crm.contact WHERE contact_id = %s", (made,)) == [
        ("Averil", "Sample", "kim")
    ]
    done = crm.sales(DOUBT.replace("D2", "D3"))
    assert (done.linked, done.review) == (1, 0)
    assert crm.value("SELECT contact_id FROM crm.activity WHERE deal_number = 'D3'") == made


def test_of_nobody_no_contact_is_made_and_the_item_can_be_dismissed(crm: Dealing) -> None:
    crm.sales(sold(CustomerNumber="", FirstName="", LastName="CASH", Email="", CellPhone=""))
    [item] = open_items(crm.dsn, dealer="lakeside_rv")
    assert (item.rule, item.candidates) == ("T0", ())
    with pytest.raises(CrmError, match="names nobody"):
        create(crm.dsn, item.id, reason="r", who="kim")
    dismiss(crm.dsn, item.id, reason="counter sale", who="kim")
    assert open_items(crm.dsn) == []
    assert crm.value("SELECT contact_id FROM crm.activity") is None


def test_nobody_of_another_dealer_is_linked(crm: Dealing) -> None:
    item, _ = doubtful(crm)
    crm.sales(sold(), dealer="harbour_marine")
    other = crm.value("SELECT contact_id FROM crm.contact WHERE dealer = 'harbour_marine'")
    with pytest.raises(CrmError, match=f"has no contact {other}"):
        link(crm.dsn, item, other, reason="r", who="kim")
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        crm.rows("UPDATE crm.activity SET contact_id = %s WHERE dealer = 'lakeside_rv'", (other,))


def two(crm: Dealing) -> tuple[int, int]:
    crm.sales(sold(), sold(DealNumber="D2", CustomerNumber="C200", LastName="Other", Email="other@example.org"))
    keep, goes = [row for (row,) in crm.rows("SELECT contact_id FROM crm.contact ORDER BY last_name DESC")]
    return keep, goes


def test_merged_contacts_are_one_to_every_later_file(crm: Dealing) -> None:
    keep, goes = two(crm)
    assert merge_contacts(crm.dsn, keep, goes, reason="married", who="kim") == 1
    assert crm.rows("SELECT DISTINCT contact_id FROM crm.activity") == [(keep,)]
    crm.sales(sold(DealNumber="D3", CustomerNumber="C200", LastName="Third", Email="", CellPhone=""))
    assert crm.value("SELECT contact_id FROM crm.activity WHERE deal_number = 'D3'") == keep
    # An e-mail of the one and the last name of the other: the name is the kept one's.
    crm.sales(sold(DealNumber="D4", CustomerNumber="", Email="other@example.org", CellPhone=""))
    assert crm.value("SELECT contact_id FROM crm.activity WHERE deal_number = 'D4'") == keep
    assert crm.rows("SELECT kept, gone, cardinality(activity_ids), merged_by, why FROM crm.contact_merge") == [
        (keep, goes, 1, "kim", "married")
    ]
    with pytest.raises(CrmError, match="are not two contacts of one dealer"):
        merge_contacts(crm.dsn, keep, goes, reason="again", who="kim")


def test_nothing_is_entered_for_a_contact_that_was_merged(crm: Dealing) -> None:
    keep, goes = two(crm)
    merge_contacts(crm.dsn, keep, goes, reason="r", who="kim")
    note = "INSERT INTO crm.activity (dealer, type, contact_id) VALUES ('lakeside_rv', 'NOTE', %s)"
    lead = (
        "INSERT INTO crm.lead (dealer, contact_id, requested_at, source, interest, vehicle_status) "
        "VALUES ('lakeside_rv', %s, now(), 'web', 'buy', 'new')"
    )
    for entry in (note, lead):
        with pytest.raises(psycopg2.errors.RaiseException, match=f"is {keep} now"):
            crm.rows(entry, (goes,))
        crm.rows(entry, (keep,))


def test_who_was_merged_twice_leads_to_the_last_one(crm: Dealing) -> None:
    keep, goes = two(crm)
    crm.sales(sold(DealNumber="D3", CustomerNumber="C300", LastName="Third", Email="", CellPhone=""))
    last = crm.value("SELECT max(contact_id) FROM crm.contact")
    merge_contacts(crm.dsn, keep, goes, reason="r", who="kim")
    merge_contacts(crm.dsn, last, keep, reason="r", who="kim")
    assert crm.rows("SELECT DISTINCT merged_into FROM crm.contact WHERE contact_id <> %s", (last,)) == [(last,)]
    done = crm.sales(sold(DealNumber="D4", CustomerNumber="C200", LastName="Fourth", Email="", CellPhone=""))
    assert done.linked == 1
    assert crm.value("SELECT contact_id FROM crm.activity WHERE deal_number = 'D4'") == last


def test_contacts_of_two_dealers_are_not_merged(crm: Dealing) -> None:
    crm.sales(sold())
    crm.sales(sold(), dealer="harbour_marine")
    keep, goes = [row for (row,) in crm.rows("SELECT contact_id FROM crm.contact ORDER BY 1")]
    for pair in ((keep, goes), (keep, keep), (keep, 999), (999, keep)):
        with pytest.raises(CrmError, match="nothing was merged"):
            merge_contacts(crm.dsn, *pair, reason="r", who="kim")
    assert crm.rows("SELECT DISTINCT merged_into FROM crm.contact") == [(None,)]
