"""What the DDC feed reads: points of sale, customers that moved, and the invoices of three kinds, on rows by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from include.contract import load_contract
from include.window import day_window
from tests.dms.french import DAY, LONG_AGO, MOMENT, NOON, PARIS, VIN, France, days_with_their_edges, edges
from tests.dms.reading import Database

DOCUMENTS = ("workshop_invoice", "counter_invoice", "vehicle_sale")
DAYS = pytest.mark.parametrize(("day", "hours"), days_with_their_edges(), ids=["plain", "spring", "autumn"])
NO_ANSWER = ("legal_basis", "source", "captured_at", "wording_version", "reviewed_at", "withdrawn_at")


def plant(france: France, table: str, **told: Any) -> int:
    return france.customer(**told) if table == "customer" else france.document(table, **told)


@pytest.mark.parametrize("table", ["customer", *DOCUMENTS])
def test_the_columns_are_the_contracts_in_its_order(france: France, table: str) -> None:
    plant(france, table)
    [kind] = [one for one in load_contract("fcs_ddc_daily").tables if one.name == table]
    assert tuple(france.records(table)[0]) == kind.columns


@DAYS
@pytest.mark.parametrize("table", DOCUMENTS)
def test_a_document_belongs_to_the_paris_day_of_its_posting(france: France, table: str, day: date, hours: int) -> None:
    window = day_window(day, PARIS)
    assert window.end - window.start == timedelta(hours=hours)
    for number, at in enumerate(edges(window)):
        # The date on it is another day's: only the posting decides.
        france.document(table, at, document_number=f"F{number}", document_date=date(2026, 1, 2))
    found = {shift: france.records(table, day + timedelta(days=shift)) for shift in (-1, 0, 1)}
    assert {shift: [row["document_number"] for row in rows] for shift, rows in found.items()} == {
        -1: ["F0"],
        0: ["F1", "F2"],
        1: ["F3"],
    }
    assert found[0][0]["posted_at"] == f"{window.start:%Y-%m-%dT%H:%M:%SZ}"


@DAYS
def test_a_customer_moves_on_the_paris_day_of_the_change(france: France, day: date, hours: int) -> None:
    del hours
    planted = [france.customer(LONG_AGO, changed_at=at) for at in edges(day_window(day, PARIS))]
    found = [
        [int(row["customer_id"]) for row in france.records("customer", day + timedelta(days=shift))[::10]]
        for shift in (-1, 0, 1)
    ]
    assert found == [planted[:1], planted[1:3], planted[3:]]


@pytest.mark.parametrize(
    ("created", "changed", "erased", "movement"),
    [
        (0, 0, None, "CREATE"),
        (0, 1, None, "CREATE"),
        (-1, 0, None, "UPDATE"),
        (-1, 0, 1, "DELETE"),
        (0, 1, 2, "DELETE"),
    ],
)
def test_the_window_says_what_a_movement_is(
    france: France, created: int, changed: int, erased: int | None, movement: str
) -> None:
    start = day_window(DAY, PARIS).start
    customer = france.customer(start + created * MOMENT, changed_at=start + changed * MOMENT)
    if erased is not None:
        france.database.rows("SELECT dms.erase_customer(%s, %s)", (customer, start + erased * MOMENT))
    assert {row["movement"] for row in france.records("customer")} == {movement}


def test_a_living_customer_has_ten_answers_in_byte_order_and_unknown_is_no(france: France) -> None:
    customer = france.customer()
    france.database.rows("ALTER TABLE dms.contact_preference DISABLE TRIGGER USER")
    france.preference(customer, channel="SMS", service_follow_up=True, wording_version="w1", reviewed_at=NOON,
                      reviewed_by="DEALER")  # fmt: skip
    france.preference(customer, channel="LETTER", opted_in=False, withdrawn_at=NOON)
    france.database.rows("ALTER TABLE dms.contact_preference ENABLE TRIGGER USER")
    rows = france.records("customer")
    channels = ["EMAIL", "LETTER", "SMS", "SOCIAL_MEDIA", "TELEPHONE"]
    assert [(row["party"], row["channel"]) for row in rows] == [
        (party, channel) for party in ("THIRD_PARTY", "US") for channel in channels
    ]
    assert len({row["row_id"] for row in rows}) == 10
    told = {(row["party"], row["channel"]): row for row in rows}
    sms, letter = told.pop(("US", "SMS")), told.pop(("US", "LETTER"))
    assert (sms["opted_in"], sms["service_follow_up"], sms["general_marketing"]) == ("t", "t", "f")
    assert [sms[name] for name in NO_ANSWER] == [
        "CONSENT", "counter", "2025-01-07T09:30:00Z", "w1", "2026-06-10T10:00:00Z", ""
    ]  # fmt: skip
    assert (letter["opted_in"], letter["withdrawn_at"]) == ("f", "2026-06-10T10:00:00Z")
    for row in told.values():
        assert [row[name] for name in ("opted_in", "service_follow_up", "general_marketing")] == ["f"] * 3
        assert [row[name] for name in NO_ANSWER] == [""] * 6


def test_an_erased_customer_is_one_row_with_the_number_alone_and_moves_once(france: France) -> None:
    customer = france.customer(LONG_AGO)
    france.preference(customer)
    france.database.rows("SELECT dms.erase_customer(%s, %s)", (customer, NOON))
    [row] = france.records("customer")
    assert {name: value for name, value in row.items() if value} == {
        "row_id": str(16 * customer), "dealer_id": "1", "dealer_code": "0001AP", "customer_id": str(customer),
        "movement": "DELETE", "changed_at": "2026-06-10T10:00:00Z",
    }  # fmt: skip
    france.database.rows("UPDATE dms.customer SET changed_at = %s", (NOON + timedelta(days=1),))
    assert france.records("customer", DAY + timedelta(days=1)) == []
    assert france.records("customer") == [row]


def test_customers_are_in_byte_order_of_the_text_and_only_those_asked_for(france: France) -> None:
    for number, point in ((9, 1), (10, 1), (100, 2), (11, None)):
        france.customer(customer_id=number, point_of_sale_id=point)
    assert [row["customer_id"] for row in france.records("customer")[::10]] == ["100", "10", "9"]
    assert [row["customer_id"] for row in france.records("customer", points=[1])[::10]] == ["10", "9"]


@pytest.mark.parametrize("table", DOCUMENTS)
def test_lines_are_in_byte_order_with_doubles_side_by_side_and_a_document_without_lines_is_one_row(
    france: France, table: str
) -> None:
    france.document(table, document_number="a1")
    france.document(table, document_number="F-2", lines=2)
    france.document(table, document_number="F-2")
    france.document(table, document_number="F10", lines=0)
    france.document(table, document_number="Z9", document_type="CREDIT_MEMO")
    france.document(table, document_number="Z9", point_of_sale_id=2)
    assert [(row["dealer_code"], row["document_number"], row["line_number"]) for row in france.records(table)] == [
        ("0001AC", "Z9", "1"), ("0001AP", "Z9", "1"), ("0001AP", "F-2", "1"), ("0001AP", "F-2", "1"),
        ("0001AP", "F-2", "2"), ("0001AP", "F10", ""), ("0001AP", "a1", "1"),
    ]  # fmt: skip
    assert {row["dealer_id"] for row in france.records(table, points=[2])} == {"2"}


@pytest.mark.parametrize("table", DOCUMENTS)
def test_a_document_of_an_erased_customer_names_nobody(france: France, table: str) -> None:
    customer = france.customer(LONG_AGO)
    france.document(table, customer_id=customer)
    [row] = france.records(table)
    assert (row["buyer"], row["customer_id"]) == ("CUSTOMER", str(customer))
    france.database.rows("SELECT dms.erase_customer(%s)", (customer,))
    [row] = france.records(table)
    assert (row["buyer"], row["customer_id"]) == ("ERASED", "")


@pytest.mark.parametrize("table", ["workshop_invoice", "vehicle_sale"])
def test_a_document_of_nobody_says_so(france: France, table: str) -> None:
    france.document(table)
    [row] = france.records(table)
    assert (row["buyer"], row["customer_id"]) == ("NONE", "")


def test_a_cash_sale_shows_what_was_typed_and_an_account_sale_does_not(france: France) -> None:
    customer = france.customer()
    france.document("counter_invoice", document_number="F1", cash_sale=True)
    france.document("counter_invoice", document_number="F2", cash_sale=True, buyer_name="Somebody")
    france.document("counter_invoice", document_number="F3", cash_sale=True, customer_id=customer)
    france.document("counter_invoice", document_number="F4", customer_id=customer, buyer_name="Somebody")
    france.document("counter_invoice", document_number="F5")
    found = [(row["buyer"], row["customer_id"], row["buyer_name"]) for row in france.records("counter_invoice")]
    assert found == [
        ("CASH", "", ""), ("CASH", "", "Somebody"), ("CASH", str(customer), ""), ("CUSTOMER", str(customer), ""),
        ("CUSTOMER", "", ""),
    ]  # fmt: skip


def test_the_last_reading_is_of_an_earlier_posting_in_kilometres(france: France) -> None:
    def reading(days: int, odometer: int | None, **told: Any) -> None:
        france.document("workshop_invoice", NOON + timedelta(days=days), odometer=odometer, **told)

    reading(0, 50_000)
    assert france.records("workshop_invoice")[0]["previous_odometer_km"] == ""
    reading(-3, 41_000, document_date=date(2027, 1, 1), point_of_sale_id=2)
    reading(-5, 49_000)
    reading(-2, 26_000, odometer_unit="MI")
    reading(-1, None)
    reading(1, 60_000)
    reading(-1, 90_000, vin="VF3ABCDEFG7654321")
    [row] = france.records("workshop_invoice")
    assert (row["odometer_km"], row["previous_odometer_km"]) == ("50000", "41000")


def test_the_last_reading_is_one_of_the_same_company_whatever_its_site(france: France) -> None:
    own, theirs = france.point(dealer_id=2), france.another_companys_point()
    for days, point, odometer in ((9, own, 41_000), (3, theirs, 49_000)):
        france.document("workshop_invoice", NOON - timedelta(days=days), point_of_sale_id=point, odometer=odometer)
    france.document("workshop_invoice")
    france.document("workshop_invoice", point_of_sale_id=theirs)
    rows = france.records("workshop_invoice", points=[1, theirs])
    assert {row["dealer_id"]: row["previous_odometer_km"] for row in rows} == {"1": "41000", str(theirs): "49000"}


def test_a_vehicle_without_vin_has_no_last_reading(france: France) -> None:
    france.document("workshop_invoice", NOON - timedelta(days=1), vin=None)
    france.document("workshop_invoice", vin=None)
    assert france.records("workshop_invoice")[0]["previous_odometer_km"] == ""


@pytest.mark.parametrize(
    ("earlier", "open_sales"),
    [
        ({}, "1"),
        ({"point_of_sale_id": 2}, "1"),
        ({"at": NOON}, "1"),
        ({"at": NOON + timedelta(days=1)}, "0"),
        ({"vin": "VF3ABCDEFG7654321"}, "0"),
        ({"sale_kind": "VO"}, "0"),
        ({"document_type": "CREDIT_MEMO"}, "0"),
    ],
)
def test_a_new_vehicle_that_was_sold_before_is_counted(
    france: France, earlier: dict[str, Any], open_sales: str
) -> None:
    usual: dict[str, Any] = {"at": NOON - timedelta(days=9), "document_number": "F0"}
    france.document("vehicle_sale", **(usual | earlier))
    france.document("vehicle_sale")
    found = {row["document_number"]: row["open_sales_of_vehicle"] for row in france.records("vehicle_sale")}
    assert found["F1"] == open_sales
    assert found.get("F0", "0") == "0"


def test_a_new_vehicle_that_a_fellow_dealer_bought_is_sold_once_by_each(france: France) -> None:
    theirs = france.another_companys_point()
    france.document("vehicle_sale", NOON - timedelta(days=9), point_of_sale_id=theirs, document_number="F0")
    france.document("vehicle_sale")
    assert [row["open_sales_of_vehicle"] for row in france.records("vehicle_sale")] == ["0"]
    france.document("vehicle_sale", point_of_sale_id=theirs)
    assert [row["open_sales_of_vehicle"] for row in france.records("vehicle_sale", points=[theirs])] == ["1"]


@pytest.mark.parametrize(
    ("credit", "open_sales"),
    [({}, "0"), ({"original_document_number": "F9"}, "1"), ({"point_of_sale_id": 2}, "1")],
    ids=["of that sale", "of another", "of a namesake elsewhere"],
)
def test_a_credit_takes_a_sale_back(france: France, credit: dict[str, Any], open_sales: str) -> None:
    france.document("vehicle_sale", NOON - timedelta(days=9), document_number="F0")
    taken_back: dict[str, Any] = {
        "document_type": "CREDIT_MEMO",
        "document_number": "A0",
        "original_document_number": "F0",
    }
    france.document("vehicle_sale", NOON - timedelta(days=2), **(taken_back | credit))
    france.document("vehicle_sale")
    [row] = france.records("vehicle_sale")
    assert row["open_sales_of_vehicle"] == open_sales
    [row] = france.records("vehicle_sale", DAY - timedelta(days=2))
    assert row["open_sales_of_vehicle"] == "0", "a credit sells nothing"


def test_a_used_vehicle_is_sold_as_often_as_it_comes_back(france: France) -> None:
    for back in (300, 0):
        france.document("vehicle_sale", NOON - timedelta(days=back), sale_kind="VO", taken_in_on=date(2026, 6, 1))
    [row] = france.records("vehicle_sale")
    assert (row["open_sales_of_vehicle"], row["taken_in_on"], row["vin"]) == ("0", "2026-06-01", VIN)


def test_a_point_of_sale_comes_with_what_the_header_says(france: France) -> None:
    assert france.points_of_sale() == [
        (2, "0001AC", "Nord", PARIS, None, None, "999000001", "99900000100001", "AC"),
        (1, "0001AP", "Nord", PARIS, None, None, "999000001", "99900000100001", "AP"),
    ]


def test_one_code_at_two_sites_and_none_at_all_are_seen(france: France) -> None:
    twice, without = france.point(dealer_id=2, rrdi_code="0001AP"), france.point(dealer_id=2, rrdi_code=None)
    assert [(row[0], row[1]) for row in france.points_of_sale()] == [
        (2, "0001AC"), (1, "0001AP"), (twice, "0001AP"), (without, None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "found"),
    [
        (DAY, None, [None]),
        (DAY + timedelta(days=1), None, []),
        (LONG_AGO, DAY + timedelta(days=1), [None]),
        # Closed, and read for what it may still owe of its last days.
        (LONG_AGO, DAY, [DAY]),
        (LONG_AGO, DAY - timedelta(days=61), [DAY - timedelta(days=61)]),
        (LONG_AGO, DAY - timedelta(days=62), []),
    ],
)
@pytest.mark.parametrize("whose", ["point", "site"])
def test_a_point_of_sale_is_there_while_it_and_its_site_trade_and_62_days_after(
    france: France, whose: str, valid_from: date, valid_to: date | None, found: list[date | None]
) -> None:
    if whose == "point":
        point = france.point(valid_from=valid_from, valid_to=valid_to)
    else:
        point = france.point(dealer_id=2)
        france.database.rows(
            "UPDATE dms.dealer SET active_from = %s, active_to = %s WHERE dealer_id = 2", (valid_from, valid_to)
        )
    assert [row[5] for row in france.points_of_sale() if row[0] == point] == found


def test_a_point_of_sale_ends_after_it_begins_and_has_a_brand_of_the_feed(france: France) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation, match="point_of_sale_check"):
        france.point(valid_from=DAY, valid_to=DAY)
    france.database.connection.rollback()


@pytest.mark.parametrize("brand", ["FT", "ap", ""])
def test_another_brand_is_refused(france: France, brand: str) -> None:
    with pytest.raises(psycopg2.errors.CheckViolation, match="brand"):
        france.point(brand=brand)


def test_neither_country_sees_the_other(france: France) -> None:
    database: Database = france.database
    database.rows(
        "INSERT INTO dms.dealer (dealer_id, legal_entity_id, name, renault_dealer_number, trade_partner_dealer, "
        "time_zone, active_from) VALUES (9, 1, 'North', '82690001', true, 'Europe/London', '2020-01-01'); "
        "INSERT INTO dms.dealer_franchise VALUES (DEFAULT, 9, 'RENAULT', '2020-01-01', NULL); "
        "INSERT INTO dms.customer (dealer_id, given_name, family_name, changed_at, created_at) "
        "VALUES (9, 'Sample', 'Customer', '2026-06-10 10:00Z', '2026-06-10 10:00Z')"
    )
    assert [row[0] for row in database.dealers(DAY)] == [9]
    assert list(database.renault_dealers(DAY)) == ["North"]
    assert [row[0] for row in france.points_of_sale()] == [2, 1]
    assert database.value("SELECT count(*) FROM dms.v_ddc_customers") == 0
