"""The extraction and the views under it, on a few rows written by hand."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg2.errors
import pytest

from include.window import day_window
from tests.dms.reading import COLUMNS, DAY, ISO_UTC, NOON, ZONE, Database, Sell, ids


def test_a_line_comes_whole_in_the_columns_agreed(empty: Database, sell: Sell) -> None:
    line = sell()
    [row] = empty.extract_day(DAY)
    assert tuple(row) == COLUMNS
    assert row == {
        "invoice_line_id": str(line), "dealer_id": "1", "account_class": "TRADE",
        "registered_trade_partner_id": "ABCD", "sharing_objection": "f",
        "dealer_code": "82690001", "trade_partner_id": "ABCD", "trade_account_number": "T00001",
        "document_type": "INVOICE", "document_number": "PI1", "document_date": "2026-06-10",
        "posted_at": "2026-06-10T11:00:00Z", "original_document_number": "", "line_number": "1",
        "part_number": "7701234567", "part_family_code": "EN01", "quantity": "2", "unit_price": "10.00",
        "discount_percent": "10.00", "discount_amount": "2.00", "net_amount": "18.00", "vat_amount": "3.60",
        "currency": "GBP", "sale_channel": "WHOLESALE", "order_source": "PHONE",
    }  # fmt: skip


def test_the_extraction_is_the_view_and_nothing_else(sample: Database) -> None:
    day = date(2026, 11, 19)
    window = day_window(day, ZONE)
    names = ", ".join(f"{name}::text" for name in COLUMNS)
    expected = sample.rows(
        f"SELECT {names.replace('posted_at::text', ISO_UTC)} FROM dms.v_trade_parts_sale_lines "
        "WHERE posted_at >= %s AND posted_at < %s AND account_class = 'TRADE'",
        (window.start, window.end),
    )
    got = sample.extract_day(day, range(1, 13))
    assert len(got) > 200
    as_text = {tuple(row[name] for name in COLUMNS) for row in got}
    assert as_text == {
        tuple("" if v is None else {"true": "t", "false": "f"}.get(v, v) for v in row) for row in expected
    }


@pytest.mark.parametrize(
    ("day", "hours"), [(DAY, 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)], ids=["plain", "spring", "autumn"]
)
def test_a_day_is_half_open_between_local_midnights(empty: Database, sell: Sell, day: date, hours: int) -> None:
    window = day_window(day, ZONE)
    assert window.end - window.start == timedelta(hours=hours)
    tick = timedelta(microseconds=1)
    before, first, last, after = (
        sell(posted_at=at, document_number=f"PI{number}")
        for number, at in enumerate((window.start - tick, window.start, window.end - tick, window.end))
    )
    assert ids(empty.extract_day(day)) == [first, last]
    assert ids(empty.extract_day(day - timedelta(days=1))) == [before]
    assert ids(empty.extract_day(day + timedelta(days=1))) == [after]


def test_the_posting_decides_not_the_date_on_the_document(empty: Database, sell: Sell) -> None:
    back_dated = sell(document_date=date(2026, 5, 20))
    sell(document_number="PI2", posted_at=NOON + timedelta(days=1))
    assert ids(empty.extract_day(DAY)) == [back_dated]


@pytest.mark.parametrize("channel", ["WORKSHOP", "COUNTER_SALE", "WHOLESALE"])
@pytest.mark.parametrize("customer", [1, None], ids=["known", "cash"])
def test_no_private_customer_comes_whatever_the_channel(
    empty: Database, sell: Sell, channel: str, customer: int | None
) -> None:
    line = sell(trade_account_id=None, customer_id=customer, sale_channel=channel)
    assert empty.extract_day(DAY) == []
    assert empty.rows("SELECT invoice_line_id, account_class FROM dms.v_trade_parts_sale_lines") == [(line, "RETAIL")]


def test_internal_sales_do_not_come_unless_booked_on_a_trade_account(empty: Database, sell: Sell) -> None:
    sell(trade_account_id=None, sale_channel="INTERNAL")
    wrong = sell(sale_channel="INTERNAL")
    [row] = empty.extract_day(DAY)
    assert (int(row["invoice_line_id"]), row["account_class"], row["sale_channel"]) == (wrong, "TRADE", "INTERNAL")
    assert empty.value("SELECT count(*) FROM dms.v_trade_parts_sale_lines WHERE account_class = 'INTERNAL'") == 1


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("1 Mill Lane ABCD", "ABCD"),
        ("1 Mill Lane ABCD  ", "ABCD"),
        ("1 Mill Lane ABCDE", "ABCDE"),
        ("1 Mill Lane abcd", "abcd"),
        ("1 Mill LaneABCD", "LaneABCD"),
        ("1 MILL ROAD", "ROAD"),
        ("ABCD", "ABCD"),
        ("", ""),
        (None, ""),
    ],
)
def test_the_code_is_given_as_it_stands_in_the_address(
    empty: Database, sell: Sell, address: str | None, seen: str
) -> None:
    sell()
    empty.rows("UPDATE dms.trade_account SET address_line_1 = %s", (address,))
    [row] = empty.extract_day(DAY)
    assert row["trade_partner_id"] == seen


@pytest.mark.parametrize(
    ("document_date", "registered"),
    [("2025-12-31", ""), ("2026-01-01", "ABCD"), ("2026-06-30", "ABCD"), ("2026-07-01", "")],
)
def test_the_register_counts_on_the_date_of_the_document(
    empty: Database, sell: Sell, document_date: str, registered: str
) -> None:
    sell(document_date=document_date)
    [row] = empty.extract_day(DAY)
    assert row["registered_trade_partner_id"] == registered


def test_an_account_has_one_registration_on_any_day(empty: Database, sell: Sell) -> None:
    del sell  # it wrote a registration until 30 June
    insert = (
        "INSERT INTO dms.trade_partner_registration (trade_partner_id, trade_account_id, valid_from) VALUES (%s, 1, %s)"
    )
    empty.rows(insert, ("WXYZ", "2026-07-01"))
    with pytest.raises(psycopg2.errors.ExclusionViolation, match="conflicting key value violates exclusion constraint"):
        empty.rows(insert, ("WXYZ", "2026-06-30"))


@pytest.mark.parametrize(
    ("objected_on", "flag"), [(None, "f"), ("2026-06-09", "t"), ("2026-06-11", "t"), ("2026-11-01", "t")]
)
def test_an_objection_on_record_counts_for_every_line_that_is_still_to_be_sent(
    empty: Database, sell: Sell, objected_on: str | None, flag: str
) -> None:
    sell()
    empty.rows("UPDATE dms.trade_account SET sharing_objection_on = %s", (objected_on,))
    [row] = empty.extract_day(DAY)
    assert row["sharing_objection"] == flag


def test_only_the_dealers_asked_for_come(empty: Database, sell: Sell) -> None:
    first, second = sell(dealer_id=1), sell(dealer_id=2)
    assert ids(empty.extract_day(DAY, [1])) == [first]
    assert ids(empty.extract_day(DAY, [2, 1])) == [first, second]
    assert empty.extract_day(DAY, [3]) == []


def test_lines_are_in_byte_order_with_doubles_side_by_side(empty: Database, sell: Sell) -> None:
    last = sell(document_number="a1")
    second = sell(document_number="PI-2", line_number=2)
    first = sell(document_number="PI-2")
    twin = sell(document_number="PI-2")
    third = sell(document_number="PI10")
    credit = sell(document_type="CREDIT_MEMO", document_number="zz", quantity=-1)
    south = sell(dealer_id=2, document_number="A")
    # Bytes: "-" before digits, capitals before small letters; the twin's line number repeats the first's.
    assert ids(empty.extract_day(DAY)) == [credit, first, twin, second, third, last, south]


def test_dealers_are_those_in_the_scheme_and_trading_on_the_day(empty: Database, sell: Sell) -> None:
    del sell  # it wrote the dealers: the third is outside the scheme
    empty.rows("UPDATE dms.dealer SET renault_dealer_number = NULL WHERE dealer_id = 2")
    assert empty.dealers(DAY) == [(1, "82690001", "North", ZONE, None), (2, None, "South", ZONE, None)]
    for active_from, active_to, days in (
        ("2026-06-10", "2026-06-11", [False, True, False]),
        ("2026-06-11", None, [False, False, True]),
        ("2020-01-01", "2026-06-10", [True, False, False]),
    ):
        empty.rows("UPDATE dms.dealer SET active_from = %s, active_to = %s", (active_from, active_to))
        around = [DAY + timedelta(days=turn) for turn in (-1, 0, 1)]
        assert [bool(empty.dealers(day)) for day in around] == days
