"""What goes out with a lead, and what never does, whatever stands in the database."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from include.crm.arrival import CrmError
from include.crm.lead_export import NEVER, adf_document, export_leads, exported_leads, set_rule
from include.crm.review import merge_contacts
from tests.crm.dealing import DEALER, Dealing, sold, worked

TYPES = ("SOLD_UNIT", "WORK_ORDER", "NOTE", "CALL", "EMAIL", "SMS", "VISIT")
SPOKEN = TYPES[2:]


def ask(crm: Dealing, contact: int, dealer: str = DEALER) -> int:
    lead: int = crm.value(
        "INSERT INTO crm.lead (dealer, contact_id, requested_at, source, interest, vehicle_status, unit_make, "
        "comments) VALUES (%s, %s, '2026-03-20 10:00+00', 'web form', 'buy', 'new', "
        "'Samplecraft & Sons', 'Call me <soon>') "
        "RETURNING lead_id",
        (dealer, contact),
    )
    return lead


def speak(crm: Dealing, contact: int, kind: str, text: str) -> int:
    activity: int = crm.value(
        "INSERT INTO crm.activity (dealer, type, contact_id, occurred_on, description) "
        "VALUES (%s, %s, %s, '2026-03-19', %s) RETURNING activity_id",
        (DEALER, kind, contact, text),
    )
    return activity


def somebody(crm: Dealing) -> int:
    crm.sales(sold())
    contact: int = crm.value("SELECT contact_id FROM crm.contact")
    return contact


def test_a_lead_goes_out_once_as_adf(crm: Dealing) -> None:
    contact = somebody(crm)
    speak(crm, contact, "NOTE", "likes blue")
    set_rule(crm.dsn, DEALER, "NOTE", excluded=False, reason="agreed", who="kim")
    lead = ask(crm, contact)
    [exported] = export_leads(crm.dsn, DEALER, who="kim")
    root = etree.fromstring(exported.document)
    prospect = root.find("prospect")
    assert root.tag == "adf"
    assert prospect is not None
    assert [child.tag for child in prospect] == ["id", "requestdate", "vehicle", "customer", "vendor", "provider"]
    assert root.findtext("prospect/id") == str(lead)
    assert root.findtext("prospect/requestdate") == "2026-03-20T10:00:00+00:00"
    assert root.findtext("prospect/vehicle/make") == "Samplecraft & Sons"
    names = [(name.get("part"), name.text) for name in root.iterfind("prospect/customer/contact/name")]
    assert names == [("first", "Avery"), ("last", "Sample")]
    assert root.findtext("prospect/customer/contact/email") == "avery.sample@example.org"
    assert root.findtext("prospect/customer/contact/address/postalcode") == "00501"
    assert root.findtext("prospect/customer/comments") == "Call me <soon>\n2026-03-19 NOTE: likes blue"
    assert b'<?ADF version="1.0"?>' in exported.document
    assert b"S-100" not in exported.document
    assert export_leads(crm.dsn, DEALER, who="kim") == []
    assert exported_leads(crm.dsn, DEALER) == [exported]
    assert "Avery" not in repr(exported)


def test_without_a_rule_nothing_but_the_lead_goes_out(crm: Dealing) -> None:
    contact = somebody(crm)
    for kind in SPOKEN:
        speak(crm, contact, kind, f"marker of {kind}")
    ask(crm, contact)
    [exported] = export_leads(crm.dsn, DEALER, who="kim")
    assert b"marker" not in exported.document


def test_a_rule_can_be_taken_back_after_something_went_out(crm: Dealing) -> None:
    contact = somebody(crm)
    speak(crm, contact, "CALL", "marker")
    for excluded, expected in ((False, True), (True, False)):
        set_rule(crm.dsn, DEALER, "CALL", excluded=excluded, reason="r", who="kim")
        ask(crm, contact)
        [exported] = export_leads(crm.dsn, DEALER, who="kim")
        assert (b"marker" in exported.document) == expected
    with pytest.raises(psycopg2.errors.RaiseException, match="does not stand"):
        crm.rows(
            "INSERT INTO crm.lead_export_item SELECT e.lead_export_id, e.dealer, a.activity_id, a.type, "
            "r.lead_export_rule_id FROM crm.lead_export e, crm.activity a, crm.lead_export_rule r "
            "WHERE a.type = 'CALL' AND r.ended_at IS NOT NULL AND e.lead_export_id = 2"
        )


def test_a_sale_and_a_work_order_are_let_out_by_no_rule(crm: Dealing) -> None:
    for kind in NEVER:
        with pytest.raises(CrmError, match="never goes out"):
            set_rule(crm.dsn, DEALER, kind, excluded=False, reason="r", who="kim")
        with pytest.raises(psycopg2.errors.CheckViolation, match="rule_never_lets_sales_and_service_out"):
            crm.rows(
                "INSERT INTO crm.lead_export_rule (dealer, activity_type, excluded, said_by, why) "
                "VALUES ('lakeside_rv', %s, false, 'k', 'w')",
                (kind,),
            )
        set_rule(crm.dsn, DEALER, kind, excluded=True, reason="said once more", who="kim")


@pytest.mark.parametrize("claimed", ["SOLD_UNIT", "NOTE"])
def test_the_database_holds_a_sale_back_whatever_it_is_called(crm: Dealing, claimed: str) -> None:
    contact = somebody(crm)
    ask(crm, contact)
    export_leads(crm.dsn, DEALER, who="kim")
    set_rule(crm.dsn, DEALER, "NOTE", excluded=False, reason="r", who="kim")
    with pytest.raises(psycopg2.errors.IntegrityError):
        crm.rows(
            "INSERT INTO crm.lead_export_item (lead_export_id, dealer, activity_id, activity_type, "
            "lead_export_rule_id) SELECT lead_export_id, 'lakeside_rv', (SELECT activity_id FROM crm.activity), %s, "
            "(SELECT lead_export_rule_id FROM crm.lead_export_rule) FROM crm.lead_export",
            (claimed,),
        )


def test_a_note_that_went_out_does_not_become_a_sale(crm: Dealing) -> None:
    contact = somebody(crm)
    note = speak(crm, contact, "NOTE", "n")
    set_rule(crm.dsn, DEALER, "NOTE", excluded=False, reason="r", who="kim")
    ask(crm, contact)
    export_leads(crm.dsn, DEALER, who="kim")
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        crm.rows(
            "UPDATE crm.activity SET type = 'SOLD_UNIT', cash_purchase = true, source_key = 'x', "
            "key_source = 'source', content_hash = '', first_import_id = 1, last_import_id = 1 WHERE activity_id = %s",
            (note,),
        )


def test_a_lead_follows_its_contact_when_that_is_merged(crm: Dealing) -> None:
    crm.sales(sold(), sold(DealNumber="D2", CustomerNumber="C2", LastName="Other", Email="o@example.org"))
    keep, goes = [row for (row,) in crm.rows("SELECT contact_id FROM crm.contact ORDER BY last_name DESC")]
    ask(crm, goes)
    merge_contacts(crm.dsn, keep, goes, reason="r", who="kim")
    [exported] = export_leads(crm.dsn, DEALER, who="kim")
    assert b"avery.sample@example.org" in exported.document


def test_a_merged_contacts_addresses_go_out_where_the_kept_one_has_none(crm: Dealing) -> None:
    other = {"DealNumber": "D2", "CustomerNumber": "C2", "LastName": "Other", "CellPhone": "5550107777"}
    crm.sales(sold(CellPhone="", HomePhone="5550108888"), sold(**other, Email="another@example.org"))
    keep, goes = [row for (row,) in crm.rows("SELECT contact_id FROM crm.contact ORDER BY last_name DESC")]
    merge_contacts(crm.dsn, keep, goes, reason="r", who="kim")
    ask(crm, keep)
    [exported] = export_leads(crm.dsn, DEALER, who="kim")
    contact = etree.fromstring(exported.document).find("prospect/customer/contact")
    assert contact is not None
    assert [(each.tag, each.get("type"), each.text) for each in contact if each.tag in ("email", "phone")] == [
        ("email", None, "avery.sample@example.org"), ("phone", "voice", "5550108888"),
        ("phone", "cellphone", "5550107777"),
    ]  # fmt: skip


@given(st.text())
def test_any_text_makes_a_document_that_can_be_read(text: str) -> None:
    lead: dict[str, Any] = dict.fromkeys(
        ("unit_year", "unit_model", "stock_number", "company_name", "address", "city", "state", "postal_code", "email",
         "home_phone", "cell_phone")
    ) | {
        "lead_id": 1, "dealer": text, "source": text, "interest": "buy", "vehicle_status": "new", "unit_make": text,
        "comments": text, "kind": "PERSON", "first_name": text, "last_name": text,
        "requested_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    root = etree.fromstring(adf_document(lead, [("NOTE", "2026-01-01", text)]))
    read = root.findtext("prospect/vehicle/make") or ""
    # There are characters that XML cannot hold at all.
    assert read == "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))


sentences = st.tuples(st.sampled_from(TYPES), st.integers(0, 2), st.text("abc<&\u00e9 ", max_size=8))
rules = st.tuples(st.sampled_from(TYPES), st.booleans())
claims = st.tuples(st.integers(0, 9), st.sampled_from(TYPES), st.integers(0, 9), st.booleans())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spoken=st.lists(sentences, max_size=8),
    said=st.lists(rules, max_size=6),
    leads=st.lists(st.integers(0, 2), min_size=1, max_size=3),
    forced=st.lists(claims, max_size=5),
)
def test_no_sale_and_no_work_order_ever_stands_in_an_exported_lead(
    crm: Dealing,
    spoken: list[tuple[str, int, str]],
    said: list[tuple[str, bool]],
    leads: list[int],
    forced: list[tuple[int, str, int, bool]],
) -> None:
    """Whatever activities and rules there are, and however somebody writes past our own code."""
    dealer = f"dealer_{crm.last}_{crm.value('SELECT count(*) FROM crm.contact')}"
    people = [
        crm.value(
            "INSERT INTO crm.contact (dealer, kind, last_name, created_by) VALUES (%s, 'PERSON', 'P', 'k') "
            "RETURNING contact_id",
            (dealer,),
        )
        for _ in range(3)
    ]
    kinds: dict[int, str] = {}
    for number, (kind, whose, text) in enumerate(spoken):
        imported: dict[str, Any] = {
            "source_key": str(number), "key_source": "source", "content_hash": b"", "first_import_id": 1,
            "last_import_id": 1, "occurred_on": "2026-01-01",
        }  # fmt: skip
        own: dict[str, dict[str, Any]] = {
            "SOLD_UNIT": {"cash_purchase": True},
            "WORK_ORDER": {"work_order_amount": 1, "line_count": 1},
        }
        values = {
            "dealer": dealer, "type": kind, "contact_id": people[whose], "description": f"[{kind}-{number}]{text}",
            **((imported | own[kind]) if kind in NEVER else {}),
        }  # fmt: skip
        activity = crm.value(
            f"INSERT INTO crm.activity ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))}) "
            "RETURNING activity_id",
            list(values.values()),
        )
        kinds[activity] = kind
    allowed: set[str] = set()
    for kind, excluded in said:
        try:
            set_rule(crm.dsn, dealer, kind, excluded=excluded, reason="r", who="k")
            (allowed.discard if excluded else allowed.add)(kind)
        except CrmError:
            assert kind in NEVER
    for whose in leads:
        ask(crm, people[whose], dealer)
    exported = export_leads(crm.dsn, dealer, who="k")
    for document in (each.document.decode() for each in exported):
        for number, (kind, _, _) in enumerate(spoken):
            assert f"[{kind}-{number}]" not in document or kind in allowed
    items = crm.rows("SELECT activity_id FROM crm.lead_export_item WHERE dealer = %s", (dealer,))
    told = [f"[{kind}-{n}]" in each.document.decode() for each in exported for n, (kind, _, _) in enumerate(spoken)]
    assert sum(told) == len(items)
    _write_past_us(crm, dealer, list(kinds), forced)
    stands = crm.rows("SELECT activity_id, activity_type FROM crm.lead_export_item WHERE dealer = %s", (dealer,))
    assert {kind for _, kind in stands} <= allowed
    assert {activity: kinds[activity] for activity, _ in stands} == dict(stands)


def _write_past_us(crm: Dealing, dealer: str, activities: list[int], forced: list[tuple[int, str, int, bool]]) -> None:
    """Try to write items with whatever they claim; the database takes those that are true, and allowed."""
    numbers = {
        name: [row for (row,) in crm.rows(f"SELECT {name}_id FROM crm.{name} WHERE dealer = %s ORDER BY 1", (dealer,))]
        for name in ("lead_export", "lead_export_rule")
    }
    for activity, kind, rule, excluded in forced:
        if not activities or not numbers["lead_export_rule"]:
            return
        values = (
            numbers["lead_export"][0],
            dealer,
            activities[activity % len(activities)],
            kind,
            numbers["lead_export_rule"][rule % len(numbers["lead_export_rule"])],
            excluded,
        )
        with closing(psycopg2.connect(crm.dsn)) as connection:
            try:
                with connection, connection.cursor() as cur:
                    cur.execute("INSERT INTO crm.lead_export_item VALUES (%s, %s, %s, %s, %s, %s)", values)
            except (psycopg2.errors.IntegrityError, psycopg2.errors.RaiseException):
                continue


def test_what_an_import_brought_is_not_in_the_lead(crm: Dealing) -> None:
    crm.service(worked())
    contact = crm.value("SELECT contact_id FROM crm.contact")
    ask(crm, contact)
    [exported] = export_leads(crm.dsn, DEALER, who="kim")
    assert b"R24" not in exported.document
    assert b"W1" not in exported.document
