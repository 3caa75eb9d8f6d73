"""What becomes of a row: accepted, rejected with every reason, or withheld, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from include.checks import Checked, RowCheck, RowOrderError
from include.contract import Contract, Table, load_contract
from include.window import Window, day_window
from tests.quality.two_readers import frame_of
from tests.samples import Row, read_sample, sample_paths

DEALER = "82612345"
DAY = date(2026, 3, 16)
KEY = "dealer_code+document_type+document_number+line_number-duplicateValues"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract("merkle_sar_daily")


@pytest.fixture(scope="module")
def window(contract: Contract) -> Window:
    return day_window(DAY, contract.zone)


@pytest.fixture(scope="module")
def good(contract: Contract) -> Row:
    (path,) = (path for path in sample_paths(contract.id, "accepted") if path.stem == "normal_day")
    return next(row for row in read_sample(path, contract) if row["document_type"] == "INVOICE")


def judge(contract: Contract, window: Window, rows: Iterable[Row]) -> Checked:
    return RowCheck(contract.table, window).check(frame_of(contract, list(rows)), DEALER)


def lines(good: Row, *changes: Mapping[str, str | None]) -> list[Row]:
    """Return one good line after another, numbered from 1, with changes."""
    return [
        {**good, "invoice_line_id": str(number), "line_number": str(number), **change}
        for number, change in enumerate(changes, 1)
    ]


def reasons(checked: Checked) -> dict[str, list[str]]:
    return dict(checked.rejected.iter_rows())


def test_every_row_is_accepted_rejected_or_withheld(contract: Contract, window: Window, good: Row) -> None:
    rows = lines(good, {}, {"currency": "EUR"}, {"sharing_objection": "t"}, {}, {"sharing_objection": "t"})
    checked = judge(contract, window, rows)
    assert checked.rows == 5
    assert checked.accepted.height == 2
    assert checked.withheld == {"sharing_objection": 2}
    assert reasons(checked) == {"2": ["currency-enum"]}
    assert tuple(checked.accepted.columns) == contract.table.delivered
    assert checked.accepted["line_number"].to_list() == ["1", "4"]


def test_every_reason_is_named_in_the_contracts_order(contract: Contract, window: Window, good: Row) -> None:
    wrong: dict[str, str | None] = {
        "account_class": "RETAIL", "trade_partner_id": "ab", "quantity": "-1", "currency": None, "order_source": "FAX",
    }  # fmt: skip
    checked = judge(contract, window, lines(good, wrong))
    assert reasons(checked) == {
        "1": [
            "account_class-enum",
            "trade_partner_id-pattern",
            "trade_partner_id-equalsProperty",
            "quantity-signFollows",
            "net_amount-lineArithmetic",
            "currency-required",
            "order_source-enum",
        ]
    }
    assert checked.failed == dict.fromkeys(reasons(checked)["1"], 1)


def test_the_fate_of_every_row_can_be_told_in_the_order_of_the_batch(
    contract: Contract, window: Window, good: Row
) -> None:
    rows = lines(
        good,
        {},
        {"currency": "EUR", "quantity": "-1"},
        {"sharing_objection": "t", "currency": "EUR"},
        {"part_number": "MOTRIO"},
        {"sharing_objection": None},
    )
    fates = judge(contract, window, rows).fates
    assert fates.columns == [*contract.table.columns, "fate", "reasons"]
    assert fates.select(contract.table.columns).equals(frame_of(contract, rows))
    assert list(fates.select("fate", "reasons").iter_rows()) == [
        ("ACCEPTED", None),
        ("REJECTED", "quantity-signFollows net_amount-lineArithmetic currency-enum"),
        ("WITHHELD", "sharing_objection"),
        ("ACCEPTED", None),  # A warning sends the row.
        ("REJECTED", "sharing_objection-required"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [{}, {}],
        [{"currency": "EUR"}],
        [{"sharing_objection": "t"}],
        [{"sharing_objection": "t"}, {"currency": "EUR"}, {"line_number": "2"}, {"line_number": "2"}],
    ],
    ids=["none", "good", "bad", "withheld", "mixed"],
)
def test_fates_are_those_of_the_split(
    contract: Contract, window: Window, good: Row, changes: list[dict[str, str | None]]
) -> None:
    checked = judge(contract, window, lines(good, *changes))
    fates = checked.fates
    assert fates.height == checked.rows
    assert fates.filter(pl.col("fate") == "ACCEPTED").select(contract.table.delivered).equals(checked.accepted)
    rejected = fates.filter(pl.col("fate") == "REJECTED")
    assert dict(rejected.select(contract.table.row_key, pl.col("reasons").str.split(" ")).iter_rows()) == reasons(
        checked
    )
    withheld = fates.filter(pl.col("fate") == "WITHHELD")["reasons"].value_counts()
    assert dict(withheld.iter_rows()) == checked.withheld
    assert fates.schema == dict.fromkeys(fates.columns, pl.String)


def test_warnings_are_counted_and_sent(contract: Contract, window: Window, good: Row) -> None:
    old: dict[str, str | None] = {"document_date": "2026-02-12", "part_number": "MOTRIO"}
    checked = judge(contract, window, lines(good, {}, old))
    assert checked.accepted.height == 2
    assert checked.rejected.is_empty()
    assert checked.failed == {"document_date-notBeforeWindow": 1, "part_number-genuinePart": 1}


def test_an_objection_beats_every_other_reason_and_counts_no_broken_rule(
    contract: Contract, window: Window, good: Row
) -> None:
    checked = judge(contract, window, lines(good, {"sharing_objection": "t", "currency": "EUR", "quantity": "x"}))
    assert checked.withheld == {"sharing_objection": 1}
    assert (checked.accepted.height, checked.rejected.height, checked.failed) == (0, 0, {})


@pytest.mark.parametrize("value", ["true", "T", "1", "t ", None, ""])
def test_an_objection_that_cannot_be_read_is_never_sent(
    contract: Contract, window: Window, good: Row, value: str | None
) -> None:
    checked = judge(contract, window, lines(good, {"sharing_objection": value}))
    assert checked.accepted.is_empty()
    assert checked.rejected.height == 1


def test_the_first_row_of_a_key_stays_and_later_ones_are_rejected(
    contract: Contract, window: Window, good: Row
) -> None:
    rows = lines(good, {}, {"line_number": "1"}, {"line_number": "01"}, {"line_number": "2"})
    assert reasons(judge(contract, window, rows)) == {"2": [KEY], "3": [KEY]}


def test_duplicates_are_found_across_batches_and_forgotten_with_the_dealer(
    contract: Contract, window: Window, good: Row
) -> None:
    check = RowCheck(contract.table, window)
    one = frame_of(contract, lines(good, {}))
    assert check.check(one, DEALER).accepted.height == 1
    assert check.check(frame_of(contract, []), DEALER).rows == 0
    assert reasons(check.check(one, DEALER)) == {"1": [KEY]}
    assert KEY not in check.check(one, "82600001").failed


def test_a_withheld_row_takes_no_key(contract: Contract, window: Window, good: Row) -> None:
    rows = lines(good, {"sharing_objection": "t"}, {"line_number": "1"}, {"line_number": "1"})
    assert reasons(judge(contract, window, rows)) == {"3": [KEY]}


@pytest.mark.parametrize("broken", [None, "x", "1.0"])
def test_a_row_without_a_key_hides_no_duplicate(
    contract: Contract, window: Window, good: Row, broken: str | None
) -> None:
    rows = lines(good, {}, {"line_number": broken}, {"line_number": "1"})
    found = reasons(judge(contract, window, rows))
    assert found["3"] == [KEY]
    assert KEY not in found["2"]


def test_rows_out_of_order_are_an_error_not_a_missed_duplicate(contract: Contract, window: Window, good: Row) -> None:
    later, earlier = ({**good, "document_number": number} for number in ("B", "A"))
    told = r'dealer 82612345: the key goes backwards at row {} .*COLLATE "C"'
    with pytest.raises(RowOrderError, match=told.format(2)):
        judge(contract, window, [later, earlier])
    check = RowCheck(contract.table, window)
    check.check(frame_of(contract, [later]), DEALER)
    with pytest.raises(RowOrderError, match=told.format(1)):
        check.check(frame_of(contract, [earlier]), DEALER)


def test_line_numbers_are_ordered_as_numbers(contract: Contract, window: Window, good: Row) -> None:
    rows = lines(good, {"line_number": "2"}, {"line_number": "9"}, {"line_number": "10"}, {"line_number": "10"})
    assert reasons(judge(contract, window, rows)) == {"4": [KEY]}


def test_a_dealer_that_comes_back_is_an_error(contract: Contract, window: Window, good: Row) -> None:
    check = RowCheck(contract.table, window)
    one = frame_of(contract, lines(good, {}))
    check.check(one, DEALER)
    check.check(one, "82600001")
    with pytest.raises(RowOrderError, match="82612345 comes back after 82600001"):
        check.check(one, DEALER)


def test_other_columns_than_the_contracts_are_an_error(contract: Contract, window: Window, good: Row) -> None:
    frame = frame_of(contract, lines(good, {}))
    with pytest.raises(ValueError, match="the batch has the columns dealer_id, invoice_line_id"):
        RowCheck(contract.table, window).check(
            frame.select("dealer_id", "invoice_line_id", pl.all().exclude("^d.*id$", "^i.*id$")), DEALER
        )


@pytest.mark.parametrize(
    "value", ["\x00", "a\nb", "\r\n", "\x1b[2J", "\ufffd", "\U0010ffff", "\u202e", " ", "9" * 5000]
)
def test_odd_text_in_any_column_is_judged_without_falling_over(
    contract: Contract, window: Window, good: Row, value: str
) -> None:
    for column in contract.table.columns:
        checked = judge(contract, window, [{**good, column: value}])
        assert checked.accepted.height + checked.rejected.height == 1


@pytest.mark.parametrize(
    ("day", "inside", "outside"),
    [
        ("2026-03-29", "2026-03-29T00:00:00Z 2026-03-29T22:59:59Z", "2026-03-28T23:59:59Z 2026-03-29T23:00:00Z"),
        ("2026-10-25", "2026-10-24T23:00:00Z 2026-10-25T23:59:59Z", "2026-10-24T22:59:59Z 2026-10-26T00:00:00Z"),
        ("2026-07-15", "2026-07-14T23:00:00Z 2026-07-15T22:59:59Z", "2026-07-14T22:59:59Z 2026-07-15T23:00:00Z"),
    ],
    ids=["spring", "autumn", "summer"],
)  # fmt: skip
def test_a_day_is_as_long_as_its_clock_makes_it(
    contract: Contract, good: Row, day: str, inside: str, outside: str
) -> None:
    window = day_window(date.fromisoformat(day), contract.zone)
    changes = [{"posted_at": moment, "document_date": day} for moment in f"{inside} {outside}".split()]
    found = reasons(judge(contract, window, lines(good, *changes)))
    assert found == {"3": ["posted_at-withinWindow"], "4": ["posted_at-withinWindow"]}


@pytest.mark.parametrize(
    ("quantity", "price", "net", "right"),
    [
        ("1", "0.01", "0.02", True),  # 0.02 - 0.01 is above 0.01 in binary floats
        ("1", "0.01", "0.020001", False),
        ("1", "0.03", "0.02", True),
        ("1", "0.03", "0.019999", False),
        ("3", "1.10", "3.31", True),
        ("3", "1.10", "3.32", False),
    ],
)
def test_amounts_are_compared_to_the_last_digit(
    contract: Contract, window: Window, good: Row, quantity: str, price: str, net: str, right: bool
) -> None:
    change: dict[str, str | None] = {
        "quantity": quantity, "unit_price": price, "discount_amount": "0.00", "net_amount": net,
    }  # fmt: skip
    found = judge(contract, window, lines(good, change)).failed
    assert ("net_amount-lineArithmetic" not in found) is right


def test_sums_beyond_64_bits_are_exact(contract: Contract, window: Window, good: Row) -> None:
    # 999 * 1_000_000_000.01 = 999_000_000_009.99; in millionths the product has 24 digits.
    big: dict[str, str | None] = {"quantity": "999", "unit_price": "1000000000.01", "discount_amount": "0.00"}
    right = judge(contract, window, lines(good, {**big, "net_amount": "999000000010.00"}))
    wrong = judge(contract, window, lines(good, {**big, "net_amount": "999000000010.01"}))
    assert right.failed == {}
    assert wrong.failed == {"net_amount-lineArithmetic": 1}


def test_the_check_needs_no_rows(contract: Contract, window: Window) -> None:
    checked = judge(contract, window, [])
    assert checked == Checked(checked.accepted, checked.rejected, {}, {}, 0, checked.tell)
    assert checked.accepted.is_empty()
    assert tuple(checked.accepted.columns) == contract.table.delivered


def test_the_result_does_not_depend_on_how_rows_are_cut_into_batches(
    contract: Contract, window: Window, good: Row
) -> None:
    rows = lines(
        good,
        *(
            {"line_number": str(number // 3 + 1), "currency": "EUR" if number % 7 == 0 else "GBP"}
            for number in range(60)
        ),
    )
    whole = reasons(judge(contract, window, rows))
    for size in (1, 7, 59):
        check = RowCheck(contract.table, window)
        parts = [check.check(frame_of(contract, rows[start : start + size]), DEALER) for start in range(0, 60, size)]
        assert {key: value for part in parts for key, value in reasons(part).items()} == whole


def test_a_contract_without_a_key_searches_no_duplicates(contract: Contract, window: Window, good: Row) -> None:
    rules = tuple(rule for rule in contract.rules if rule.kind != "duplicateValues")
    keyless = replace(contract, tables=(replace(contract.table, rules=rules),))
    assert judge(keyless, window, lines(good, {}, {"line_number": "1"})).accepted.height == 2


@pytest.fixture(scope="module")
def invoices() -> Table:
    (table,) = (table for table in load_contract("fcs_ddc_daily").tables if table.name == "workshop_invoice")
    return table


@pytest.fixture(scope="module")
def invoice(invoices: Table) -> list[Row]:
    """Three lines, the last one of nothing: a change of it need not change the totals."""
    paths = sample_paths("fcs_ddc_daily", "accepted", invoices)
    (path,) = (path for path in paths if path.stem == "normal_day")
    rows = read_sample(path, load_contract("fcs_ddc_daily"), invoices)
    return [row for row in rows if row["document_number"] == "F260313"]


def judge_invoices(invoices: Table, rows: list[Row]) -> Checked:
    contract = load_contract("fcs_ddc_daily")
    numbered = [row | {"row_id": str(number)} for number, row in enumerate(rows, 1)]
    check = RowCheck(invoices, day_window(DAY, contract.zone))
    return check.check(frame_of(contract, numbered, invoices), "0042A01")


WHOLE = "workshop_invoice.lines-wholeDocument"


def test_a_document_with_a_rejected_line_is_rejected_whole_and_its_neighbours_are_not(
    invoices: Table, invoice: list[Row]
) -> None:
    before, after = ([row | {"document_number": number} for row in invoice] for number in ("F260312", "F260314"))
    spoiled = [*invoice[:2], invoice[2] | {"line_type": "GIFT"}]
    checked = judge_invoices(invoices, [*before, *spoiled, *after])
    assert reasons(checked) == {"4": [WHOLE], "5": [WHOLE], "6": ["workshop_invoice.line_type-enum"]}
    assert checked.accepted["document_number"].to_list() == ["F260312"] * 3 + ["F260314"] * 3
    assert checked.failed == {WHOLE: 2, "workshop_invoice.line_type-enum": 1}
    assert checked.fates["reasons"].to_list()[3:6] == [WHOLE, WHOLE, "workshop_invoice.line_type-enum"]


def test_an_invoice_and_a_credit_of_one_number_are_two_documents(invoices: Table, invoice: list[Row]) -> None:
    credit = [
        row
        | {"document_type": "CREDIT_MEMO", "original_document_number": "F1", "net_amount": "0.00", "vat_amount": "0.00"}
        | {"unit_price": "0.00", "discount_amount": "0.00", "total_net": "0.00", "total_vat": "0.00"}
        | {"total_gross": "0.00", "line_type": "GIFT"}
        for row in invoice
    ]
    checked = judge_invoices(invoices, [*credit, *invoice])
    assert set(reasons(checked)) == {"1", "2", "3"}
    assert checked.accepted["document_type"].to_list() == ["INVOICE"] * 3


def test_a_warning_about_a_line_takes_nobody_with_it(invoices: Table, invoice: list[Row]) -> None:
    checked = judge_invoices(invoices, [row | {"odometer_km": "100"} for row in invoice])
    assert checked.accepted.height == 3
    assert checked.failed == {"workshop_invoice.odometer_km-notBelow": 3}


def test_a_line_twice_spoils_its_document(invoices: Table, invoice: list[Row]) -> None:
    checked = judge_invoices(invoices, [*invoice, invoice[2]])
    twice = "workshop_invoice.document_type+document_number+line_number-duplicateValues"
    assert reasons(checked) == {"1": [WHOLE], "2": [WHOLE], "3": [WHOLE], "4": [twice]}


@pytest.mark.parametrize(("off", "right"), [("0.02", True), ("-0.02", True), ("0.03", False), ("-0.03", False)])
def test_totals_are_those_of_the_lines_to_two_cents(invoices: Table, invoice: list[Row], off: str, right: bool) -> None:
    def moved(amount: str | None) -> str:
        return f"{Decimal(amount or '') + Decimal(off)}"

    rows = [row | {"total_net": moved(row["total_net"]), "total_gross": moved(row["total_gross"])} for row in invoice]
    failed = judge_invoices(invoices, rows).failed
    assert failed == ({} if right else {"workshop_invoice.total_net-sumOfLines": 3})


def test_an_invoice_without_lines_is_rejected(invoices: Table, invoice: list[Row]) -> None:
    items = [field.name for field in invoices.fields if field.item]
    (told,) = reasons(judge_invoices(invoices, [invoice[0] | dict.fromkeys(items)])).values()
    assert "workshop_invoice.line_number-required" in told
