"""What a checked file changes in the CRM, and what it leaves alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from include.contract import load_contract
from include.crm.apply import apply_import
from include.crm.arrival import CrmError
from tests.crm.dealing import TABLES, Dealing, sold, worked

STANDING = [table for table in TABLES if not table.startswith("import")]


def test_a_sold_unit_becomes_an_activity_of_a_new_contact(crm: Dealing) -> None:
    done = crm.sales(
        sold(Amount_Financed='"$12,000.00"', Term="240 mo", Monthly_Payment="99.50", LastPayment="03/18/2046")
    )
    assert (done.created, done.new, done.contacts_created, done.rules) == (1, 1, 1, {"NEW": 1})
    [row] = crm.rows(
        "SELECT v.type, source_key, key_source, shown_on, v.description, v.amount_financed, v.term_months, "
        "v.monthly_payment, v.last_payment_on, v.cash_purchase, possible_unit, v.identifier_type, kind, first_name, "
        "last_name, dms_customer_number, postal_code, v.created_at::date = current_date "
        "FROM crm.v_activity v JOIN crm.activity USING (activity_id) "
        "JOIN crm.contact c ON c.contact_id = v.contact_id"
    )
    assert row == (
        "SOLD_UNIT", "D100/S-100", "source", date(2026, 3, 18),
        "2024 Samplecraft Roamer R24 (Travel Trailer), stock S-100", Decimal("12000.00"), 240, Decimal("99.50"),
        date(2046, 3, 18), False, "1M8GDM9AXKP042788", "VIN", "PERSON", "Avery", "Sample", "C100", "00501", True,
    )  # fmt: skip
    assert crm.rows("SELECT kind, normalised, as_given FROM crm.contact_point ORDER BY 1") == [
        ("CELL", "5550100199", "5550100199"),
        ("EMAIL", "avery.sample@example.org", "avery.sample@example.org"),
    ]


def test_the_same_arrival_ten_times_changes_nothing_at_all(crm: Dealing) -> None:
    arrival = crm.check("proresponse_sales", sold(), sold(DealNumber="D2", SoldDate="1000-01-01"))
    first = crm.apply(arrival)
    before = crm.versions()
    again = [crm.apply(arrival) for _ in range(9)]
    assert crm.versions() == before
    assert not first.already
    assert {done.already for done in again} == {True}
    assert {(done.import_id, done.applied_at, done.created, done.rows_rejected) for done in again} == {
        (first.import_id, first.applied_at, 1, 1)
    }


def test_the_same_rows_in_ten_files_touch_no_row(crm: Dealing) -> None:
    sales = [sold(), sold(DealNumber="D2", CustomerNumber="", FirstName="", LastName="", Company="CASH", Email="")]
    orders = [worked(), worked(Line="2"), worked(WONumber="", OpenDate="03/11/2026")]
    crm.sales(*sales)
    crm.service(*orders)
    before = crm.versions(*STANDING)
    for _ in range(9):
        done = [crm.sales(*sales), crm.service(*orders)]
        assert [(each.created, each.updated, each.unchanged) for each in done] == [(0, 0, 2), (0, 0, 2)]
    assert crm.versions(*STANDING) == before


def test_a_changed_row_updates_its_activity_and_no_other(crm: Dealing) -> None:
    crm.sales(sold(), sold(DealNumber="D2"))
    before = dict(crm.rows("SELECT deal_number, xmin::text FROM crm.activity"))
    changed = sold(Amount_Financed="500.00", Term="12", Monthly_Payment="45.00", LastPayment="03/18/2027")
    done = crm.sales(changed, sold(DealNumber="D2"))
    assert (done.created, done.updated, done.unchanged) == (0, 1, 1)
    after = dict(crm.rows("SELECT deal_number, xmin::text FROM crm.activity"))
    assert (after["D2"], after["D100"]) == (before["D2"], after["D100"])
    assert after["D100"] != before["D100"]
    assert crm.rows(
        "SELECT cash_purchase, term_months, first_import_id < last_import_id, changed_at > created_at "
        "FROM crm.activity WHERE deal_number = 'D100'"
    ) == [(False, 12, True, True)]


def test_lines_of_a_work_order_add_up_and_a_later_file_replaces_the_sum(crm: Dealing) -> None:
    crm.service(worked(Line="1", RO_Amount="100.00"), worked(Line="2", RO_Amount="20.50"), worked(WONumber="W2"))
    amount = "SELECT work_order_amount, line_count, work_order_status FROM crm.activity WHERE work_order_number = 'W1'"
    assert crm.rows(amount) == [(Decimal("120.50"), 2, "OPEN")]
    assert crm.rows("SELECT lines FROM crm.match_decision ORDER BY lines") == [([2, 3],), ([4],)]
    done = crm.service(
        worked(Line="1", RO_Amount="100.00", Status="CLOSED", CloseDate="03/19/2026"),
        worked(Line="2", RO_Amount="30.00", Status="CLOSED", CloseDate="03/19/2026"),
        worked(Line="3", RO_Amount="1.00", Status="CLOSED", CloseDate="03/19/2026"),
    )
    assert (done.updated, done.created) == (1, 0)
    assert crm.rows(amount) == [(Decimal("131.00"), 3, "CLOSED")]
    assert crm.value("SELECT occurred_on FROM crm.activity WHERE work_order_number = 'W1'") == date(2026, 3, 19)


def test_a_line_that_stands_there_twice_counts_once_and_lines_without_numbers_all_count(crm: Dealing) -> None:
    crm.service(
        worked(Line="1", RO_Amount="10.00"), worked(Line="1", RO_Amount="15.00"),
        worked(WONumber="W2", RO_Amount="10.00"), worked(WONumber="W2", RO_Amount="10.00"),
    )  # fmt: skip
    assert crm.rows("SELECT work_order_number, work_order_amount FROM crm.activity ORDER BY 1") == [
        ("W1", Decimal("15.00")),
        ("W2", Decimal("20.00")),
    ]


def test_an_open_work_order_that_comes_daily_is_one_activity_with_one_decision(crm: Dealing) -> None:
    for amount in ("10.00", "20.00", "30.00"):
        crm.service(worked(RO_Amount=amount))
    assert crm.rows("SELECT work_order_amount FROM crm.activity") == [(Decimal("30.00"),)]
    assert crm.value("SELECT count(*) FROM crm.match_decision") == 1


def test_a_number_of_two_branches_is_two_work_orders(crm: Dealing) -> None:
    done = crm.service(
        worked(Branch="North"), worked(Branch="South"), worked(Branch="No/rth"), worked(Branch="No", WONumber="rth/W1")
    )
    assert done.created == 4
    assert crm.value("SELECT count(DISTINCT contact_id) FROM crm.activity") == 1


def test_without_a_number_the_key_is_derived_and_marked(crm: Dealing) -> None:
    open_order = {"WONumber": "", "OpenDate": "03/10/2026"}
    crm.service(worked(**open_order, RO_Amount="10.00"), worked(**open_order, RO_Amount="5.00"))
    crm.service(worked(**open_order, RO_Amount="18.00", CloseDate="03/12/2026", Status="CLOSED"))
    [(key, source, amount)] = crm.rows("SELECT source_key, key_source, work_order_amount FROM crm.activity")
    assert (source, amount) == ("derived", Decimal("18.00"))
    assert key.startswith("derived:")
    assert len(key) == len("derived:") + 32
    # Another unit, another customer, another day, and, where no unit is told, another amount: other work orders.
    nothing = {**open_order, "VIN": "", "RO_Amount": "7.00"}
    done = crm.service(
        worked(**open_order, VIN="ABC12345"),
        worked(**open_order, CustomerNumber="C200"),
        worked(WONumber="", OpenDate="03/11/2026"),
        worked(**nothing),
        worked(**{**nothing, "RO_Amount": "8.00"}),
    )
    assert (done.created, done.updated) == (5, 0)


def test_a_boat_and_its_motor_in_one_deal_are_two_sold_units(crm: Dealing) -> None:
    done = crm.sales(sold(), sold(StockNumber="S-101", VIN="ABC12345", Model="Outboard"))
    assert (done.created, done.contacts_created) == (2, 1)
    # The typing error in the identifier is mended at the dealer's: the same unit by its stock number.
    assert crm.sales(sold(VIN="2G4WF52L6S1472882")).updated == 1


def test_a_deal_without_a_number_is_known_by_day_customer_and_unit(crm: Dealing) -> None:
    crm.sales(sold(DealNumber=""))
    assert crm.sales(sold(DealNumber="", Amount_Financed="10.00")).updated == 1
    assert crm.rows("SELECT key_source, cash_purchase FROM crm.activity") == [("derived", False)]


def test_a_row_that_comes_twice_in_a_file_counts_as_the_later_says(crm: Dealing) -> None:
    crm.sales(sold(Amount_Financed="1.00"), sold(Amount_Financed="2.00"))
    assert crm.rows("SELECT amount_financed FROM crm.activity") == [(Decimal("2.00"),)]


def test_a_doubtful_row_waits_without_a_contact_and_follows_its_file_all_the_same(crm: Dealing) -> None:
    crm.sales(sold())
    doubt = {"DealNumber": "D2", "CustomerNumber": "", "FirstName": "Averil", "CellPhone": "5550100199", "Email": ""}
    done = crm.sales(sold(**doubt))
    assert (done.review, done.linked, done.contacts_created) == (1, 0, 0)
    assert crm.rows("SELECT contact_id, amount_financed FROM crm.activity WHERE deal_number = 'D2'") == [(None, None)]
    [(candidates, said, state)] = crm.rows("SELECT candidates, said, state FROM crm.review_item")
    assert (candidates, state) == ([crm.value("SELECT contact_id FROM crm.contact")], "OPEN")
    assert (said["first_name"], said["cell_phone"], said["email"]) == ("Averil", "5550100199", None)
    assert crm.sales(sold(**doubt, Amount_Financed="5.00")).updated == 1
    assert crm.value("SELECT count(*) FROM crm.review_item") == 1


def test_dealers_do_not_know_each_others_contacts(crm: Dealing) -> None:
    crm.sales(sold())
    done = crm.sales(sold(), dealer="harbour_marine")
    assert (done.created, done.new) == (1, 1)
    assert crm.rows("SELECT dealer, count(*) FROM crm.contact GROUP BY 1 ORDER BY 1") == [
        ("harbour_marine", 1),
        ("lakeside_rv", 1),
    ]


def test_a_dealers_own_address_leads_to_nobody(crm: Dealing) -> None:
    crm.rows("INSERT INTO crm.own_address VALUES ('lakeside_rv', 'PHONE', '(555) 010-0199')")
    crm.sales(sold(Email="", CustomerNumber=""))
    assert crm.sales(sold(Email="", CustomerNumber="", DealNumber="D2")).new == 1
    assert crm.rows("SELECT * FROM crm.contact_point") == []


def test_rows_of_one_person_become_one_contact_with_all_its_points(crm: Dealing) -> None:
    done = crm.sales(
        sold(CustomerNumber=""),
        sold(CustomerNumber="", DealNumber="D2", HomePhone="555 010 0177", Email=""),
        sold(CustomerNumber="", DealNumber="D3", CellPhone="", HomePhone="", Email="avery.sample@example.org"),
    )
    assert (done.created, done.new, done.contacts_created) == (3, 3, 1)
    assert crm.value("SELECT count(*) FROM crm.contact_point") == 3


def test_a_header_and_no_rows_is_applied_as_such(crm: Dealing) -> None:
    done = crm.sales()
    assert (done.rows_accepted, done.created, done.already) == (0, 0, False)
    assert crm.value("SELECT count(*) FROM crm.import") == 1


def test_an_older_file_that_comes_later_adds_and_does_not_overwrite(crm: Dealing) -> None:
    old = crm.check("proresponse_sales", sold(Amount_Financed="1.00"), sold(DealNumber="D2"), sold(DealNumber="D3"))
    crm.sales(sold(Amount_Financed="2.00"), sold(DealNumber="D3", Amount_Financed="9.00"))
    done = crm.apply(old)
    assert (done.created, done.older, done.updated) == (1, 2, 0)
    amounts = "SELECT deal_number, amount_financed FROM crm.activity ORDER BY 1"
    assert crm.rows(amounts) == [("D100", Decimal("2.00")), ("D2", None), ("D3", Decimal("9.00"))]


def test_what_a_later_file_only_confirmed_is_not_overwritten_by_an_older_one(crm: Dealing) -> None:
    crm.sales(sold(Amount_Financed="1.00"))
    held = crm.check("proresponse_sales", sold(Amount_Financed="3.00"))
    assert crm.sales(sold(Amount_Financed="1.00")).unchanged == 1
    assert crm.apply(held).older == 1
    assert crm.value("SELECT amount_financed FROM crm.activity") == Decimal("1.00")


def test_of_files_seen_together_the_partners_time_says_which_is_later(crm: Dealing) -> None:
    seen = datetime(2026, 3, 20, 6, tzinfo=UTC)
    late, early = (datetime(2026, 3, day, tzinfo=UTC) for day in (19, 18))
    crm.sales(sold(Amount_Financed="2.00"), seen_at=seen, file_time=late)
    assert crm.sales(sold(Amount_Financed="1.00"), seen_at=seen, file_time=early).older == 1
    assert crm.value("SELECT amount_financed FROM crm.activity") == Decimal("2.00")


def test_another_arrival_under_the_same_number_is_refused(crm: Dealing) -> None:
    crm.sales(sold())
    other = crm.check("proresponse_sales", sold(DealNumber="D2"), id=1)
    with pytest.raises(CrmError, match="with other content"):
        crm.apply(other)


def test_a_file_of_another_contract_is_refused(crm: Dealing) -> None:
    arrival = crm.check("proresponse_service", worked())
    accepted, rejected = crm.paths[1]
    with pytest.raises(CrmError, match="does not say which activities"):
        apply_import(crm.dsn, load_contract("proresponse_sales"), arrival, accepted=accepted, rejected=rejected)
