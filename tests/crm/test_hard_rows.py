"""Rows that are right and all the same could stop a file, make a double, or take a name away."""

from __future__ import annotations

from decimal import Decimal
from threading import Thread

import pytest

from include.crm.arrival import Applied
from include.crm.review import merge_contacts
from tests.crm.dealing import Dealing, sold, worked

LARGEST = "999999999999.99"
"""What the row check lets through."""


def test_the_largest_amounts_of_the_row_check_stop_no_file(crm: Dealing) -> None:
    loan = {"Amount_Financed": LARGEST, "Term": "240", "Monthly_Payment": LARGEST, "LastPayment": "03/18/2046"}
    assert crm.sales(sold(), sold(DealNumber="D2", **loan)).created == 2
    assert crm.service(*(worked(Line=str(line), RO_Amount=LARGEST) for line in range(3))).created == 1
    assert crm.rows("SELECT coalesce(amount_financed, work_order_amount) FROM crm.activity ORDER BY 1") == [
        (Decimal(LARGEST),),
        (3 * Decimal(LARGEST),),
        (None,),
    ]


ODD = ["a\rb", "a\r\nb", "\\.", "a\n\\.\nb", "a\u2028b", "\x7f\x85", "a\tb", "\\N", "\\", '""', "{}", "NULL", "=1+1"]


def test_any_text_goes_in_as_it_came_and_comes_again_as_the_same(crm: Dealing) -> None:
    rows = [
        sold(DealNumber=f"D{number}", Address=f'"{text}"', StockNumber=f'"x{text}y"') for number, text in enumerate(ODD)
    ]
    wrong = [row.replace("03/18/2026", "1000-01-01") for row in rows] + [sold(LastName="a\x00b")]
    done = crm.sales(*rows, *wrong)
    assert (done.created, done.rows_rejected) == (len(ODD), len(wrong))
    assert crm.rows("SELECT stock_number FROM crm.activity ORDER BY activity_id") == [
        (f"x{text}y".replace('""', '"'),) for text in ODD
    ]
    assert [raw for (raw,) in crm.rows("SELECT raw FROM crm.rejected_row ORDER BY line")][:-1] == wrong[:-1]
    before = crm.versions("activity", "contact", "contact_point")
    assert crm.sales(*rows).unchanged == len(ODD)
    assert crm.versions("activity", "contact", "contact_point") == before


def test_capitals_make_no_second_sale_of_a_unit(crm: Dealing) -> None:
    crm.sales(sold(StockNumber="", VIN="1m8gdm9axkp042788"), sold(DealNumber="D2", StockNumber="s-1"))
    done = crm.sales(sold(StockNumber="", VIN="1M8GDM9AXKP042788"), sold(DealNumber="D2", StockNumber="S-1"))
    assert (done.created, crm.value("SELECT count(*) FROM crm.activity")) == (0, 2)


STEPS = [
    {"StockNumber": "", "VIN": "", "Amount_Financed": "1.00"},
    {"StockNumber": "", "Amount_Financed": "2.00"},
    {"Amount_Financed": "3.00"},
]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_a_deal_whose_unit_is_told_bit_by_bit_is_one_activity(crm: Dealing, order: tuple[int, ...]) -> None:
    files = [crm.check("proresponse_sales", sold(**told), sold(DealNumber="D2")) for told in STEPS]
    for number in order:
        crm.apply(files[number])
    newest = ("D100/S-100", Decimal("3.00"), "S-100", "1M8GDM9AXKP042788")
    assert crm.rows(
        "SELECT source_key, amount_financed, stock_number, unit_identifier FROM crm.activity WHERE deal_number = 'D100'"
    ) == [newest]
    assert crm.value("SELECT count(*) FROM crm.match_decision") == 2
    before = crm.versions("activity")
    assert crm.sales(sold(**STEPS[2]), sold(DealNumber="D2")).unchanged == 2
    assert crm.versions("activity") == before


def test_units_of_one_deal_stay_apart_where_it_is_not_clear_which_is_meant(crm: Dealing) -> None:
    boat, motor = {"StockNumber": "B-1", "VIN": ""}, {"StockNumber": "M-1", "VIN": ""}
    crm.sales(sold(**boat))
    assert crm.sales(sold(**motor)).created == 1
    assert crm.sales(sold(**boat), sold(**motor)).unchanged == 2
    # Not told in the first file, and two of them in the second.
    crm.sales(sold(DealNumber="D2", StockNumber="", VIN=""))
    assert crm.sales(sold(DealNumber="D2", **boat), sold(DealNumber="D2", **motor)).created == 2
    # Deals of other dealers are other deals.
    crm.sales(sold(DealNumber="D3", StockNumber="", VIN=""), dealer="harbour_marine")
    assert crm.sales(sold(DealNumber="D3")).created == 1


def test_a_new_contact_has_a_name_if_any_of_its_rows_says_one(crm: Dealing) -> None:
    crm.sales(
        sold(FirstName="Nobody", LastName=""),
        sold(DealNumber="D2"),
        sold(DealNumber="D3", FirstName="Aver", LastName="Other", Email=""),
    )
    assert crm.rows("SELECT first_name, last_name, first_key, last_key FROM crm.contact") == [
        ("Avery", "Sample", "avery", "sample")
    ]


def test_who_was_merged_is_met_under_both_names(crm: Dealing) -> None:
    """Else the next file makes the double again that a person has just joined."""
    other = {"CustomerNumber": "", "LastName": "Other", "Email": "other@example.org", "CellPhone": ""}
    crm.sales(sold(CustomerNumber=""), sold(DealNumber="D2", **other))
    keep, goes = [row for (row,) in crm.rows("SELECT contact_id FROM crm.contact ORDER BY last_name DESC")]
    merge_contacts(crm.dsn, keep, goes, reason="married", who="kim")
    done = crm.sales(sold(DealNumber="D3", **other), sold(DealNumber="D4", CustomerNumber=""))
    assert (done.linked, done.contacts_created, done.rules) == (2, 0, {"T2": 2})
    assert crm.rows("SELECT DISTINCT contact_id FROM crm.activity") == [(keep,)]


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_who_waited_for_the_dealer_sees_what_was_written(own_crm: Dealing, level: str) -> None:
    own_crm.rows(
        f"ALTER DATABASE \"{own_crm.value('SELECT current_database()')}\" SET default_transaction_isolation = '{level}'"
    )
    files = 2 * [own_crm.check("proresponse_sales", *(sold(DealNumber=f"D{n}") for n in range(9))) for _ in range(2)]
    done: list[Applied] = []
    threads = [Thread(target=lambda each=each: done.append(own_crm.apply(each))) for each in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.already for each in done) == [False, False, True, True]
