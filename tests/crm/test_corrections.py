"""Rejected rows: kept as they came, out of sight, and applied once a person has corrected them."""

from __future__ import annotations

from decimal import Decimal

import psycopg2
import pytest

from include.crm.arrival import CrmError
from include.crm.corrections import correct_row, discard_row, rejected_row, rejected_rows
from tests.crm.dealing import Dealing, sold, worked

WRONG = sold(DealNumber="D9", SoldDate="1000-01-01", LastName="Marker")


def only(crm: Dealing) -> int:
    [row] = rejected_rows(crm.dsn)
    return row.id


def test_a_rejected_row_is_kept_with_its_reasons_and_its_text(crm: Dealing) -> None:
    crm.sales(sold(), WRONG)
    [row] = rejected_rows(crm.dsn, dealer="lakeside_rv", interface="proresponse_sales", arrival_id=1)
    assert (row.line, row.state, row.raw, row.arrival_id) == (3, "OPEN", WRONG, 1)
    assert row.reasons == ("sold_date-notBefore",)
    assert rejected_rows(crm.dsn, dealer="other") == []
    assert "Marker" not in repr(row)


def test_a_corrected_row_is_applied_as_a_row_of_its_file(crm: Dealing) -> None:
    crm.sales(sold(), WRONG)
    row_id = only(crm)
    corrected = WRONG.replace("1000-01-01", "03/17/2026")
    done = correct_row(crm.dsn, row_id, corrected, reason="typing error, dealer asked", who="kim")
    assert (done.created, done.rows_accepted, done.rows_rejected) == (1, 1, 0)
    row = rejected_row(crm.dsn, row_id)
    assert (row.state, row.decided_by, row.why, row.raw) == ("CORRECTED", "kim", "typing error, dealer asked", WRONG)
    assert crm.rows("SELECT kind, arrival_id FROM crm.import ORDER BY import_id") == [("FILE", 1), ("CORRECTION", 1)]
    assert crm.value("SELECT lines FROM crm.match_decision ORDER BY 1 DESC LIMIT 1") == [3]
    with pytest.raises(CrmError, match="CORRECTED already, by kim"):
        correct_row(crm.dsn, row_id, corrected, reason="again", who="kim")
    with pytest.raises(CrmError, match="CORRECTED already"):
        discard_row(crm.dsn, row_id, reason="again", who="kim")


def test_the_mark_that_an_editor_puts_before_a_text_is_no_part_of_the_number(crm: Dealing) -> None:
    crm.sales(sold(), sold(DealNumber="D2", SoldDate="1000-01-01"))
    done = correct_row(crm.dsn, only(crm), "\ufeff" + sold(DealNumber="D2"), reason="r", who="k")
    assert (done.linked, done.contacts_created, done.rules) == (1, 0, {"T1": 1})


def test_what_is_still_wrong_is_named_and_nothing_is_written(crm: Dealing) -> None:
    crm.sales(WRONG)
    before = crm.versions()
    with pytest.raises(CrmError, match="still breaks sold_date-notBefore") as caught:
        correct_row(crm.dsn, only(crm), WRONG, reason="r", who="kim")
    assert "Marker" not in str(caught.value)
    for text in ("", f"{sold()}\n{sold()}", '"open'):
        with pytest.raises(CrmError, match="not one record"):
            correct_row(crm.dsn, only(crm), text, reason="r", who="kim")
    with pytest.raises(CrmError, match="who took it and why"):
        correct_row(crm.dsn, only(crm), sold(), reason=" ", who="kim")
    assert crm.versions() == before


def test_a_discarded_row_stays_as_evidence(crm: Dealing) -> None:
    crm.sales(WRONG)
    row_id = only(crm)
    discard_row(crm.dsn, row_id, reason="no customer of ours", who="kim")
    assert rejected_rows(crm.dsn) == []
    [row] = rejected_rows(crm.dsn, states=("DISCARDED",))
    assert (row.raw, row.decided_by) == (WRONG, "kim")
    with pytest.raises(psycopg2.errors.RaiseException, match="DISCARDED already"):
        crm.rows("UPDATE crm.rejected_row SET state = 'OPEN', decided_by = NULL, decided_at = NULL, why = NULL")


def test_a_corrected_line_joins_the_lines_of_its_own_file(crm: Dealing) -> None:
    lines = [worked(Line="1", RO_Amount="10.00"), worked(Line="2", RO_Amount="oops"), worked(Line="3", RO_Amount="x")]
    crm.service(*lines)
    amount = "SELECT work_order_amount, line_count FROM crm.activity"
    assert crm.rows(amount) == [(Decimal("10.00"), 1)]
    for row, corrected in zip(rejected_rows(crm.dsn), ("2.50", "3.00"), strict=True):
        correct_row(
            crm.dsn, row.id, row.raw.replace("oops", corrected).replace(",x,", f",{corrected},"), reason="r", who="k"
        )
    assert crm.rows(amount) == [(Decimal("15.50"), 3)]
    # The whole order as one would have written it: nothing to change.
    whole = [worked(Line=str(n), RO_Amount=each) for n, each in enumerate(("10.00", "2.50", "3.00"), 1)]
    assert crm.service(*whole).unchanged == 1


def test_a_work_order_says_that_its_amount_lacks_a_line(crm: Dealing) -> None:
    lines = [worked(Branch="N", Line="1", RO_Amount="10.00"), worked(Branch="N", Line="2", RO_Amount="20.00")]
    other = worked(Branch="S", Line="1", RO_Amount="7.00")
    wrong = lines[1].replace("20.00", "oops")
    late = crm.check("proresponse_service", wrong, worked(Branch="S", RO_Amount='"x\ny"'))
    crm.service(*lines, other)
    shown = "SELECT branch, work_order_amount, rejected_lines FROM crm.v_activity ORDER BY 1"
    assert crm.rows(shown) == [("N", Decimal("30.00"), 0), ("S", Decimal("7.00"), 0)]
    # What an older file could not say is no news; nor is what belongs to no order for sure.
    crm.apply(late)
    crm.service(worked(WONumber="", RO_Amount="oops"), worked(RO_Amount="1.00") + ",more", wrong, dealer="other")
    assert crm.rows(shown + ", 2")[-2:] == [("N", Decimal("30.00"), 0), ("S", Decimal("7.00"), 0)]
    crm.service(lines[0], wrong, other)
    assert crm.rows(shown) == [("N", Decimal("10.00"), 1), ("S", Decimal("7.00"), 0)]
    assert crm.rows("SET ROLE crm_reader; " + shown)[0][2] == 1
    row = rejected_rows(crm.dsn, arrival_id=crm.last)[0]
    correct_row(crm.dsn, row.id, lines[1], reason="r", who="k")
    assert crm.rows(shown) == [("N", Decimal("30.00"), 0), ("S", Decimal("7.00"), 0)]


def test_it_joins_also_where_its_file_only_confirmed_the_other_lines(crm: Dealing) -> None:
    crm.service(worked(Line="1", RO_Amount="10.00"))
    assert crm.service(worked(Line="1", RO_Amount="10.00"), worked(Line="2", RO_Amount="x")).unchanged == 1
    correct_row(crm.dsn, only(crm), worked(Line="2", RO_Amount="4.00"), reason="r", who="k")
    assert crm.rows("SELECT work_order_amount, line_count FROM crm.activity") == [(Decimal("14.00"), 2)]


def test_a_corrected_line_takes_the_place_of_one_with_its_number(crm: Dealing) -> None:
    crm.service(
        worked(Line="1", RO_Amount="10.00"), worked(Line="2", RO_Amount="1.00"), worked(Line="1", RO_Amount="oops"),
        worked(WONumber="W2", RO_Amount="10.00"), worked(WONumber="W2", RO_Amount="oops"),
    )  # fmt: skip
    for row in rejected_rows(crm.dsn):
        done = correct_row(crm.dsn, row.id, row.raw.replace("oops", "15.00"), reason="r", who="k")
        assert (done.updated, done.created) == (1, 0)
    orders = "SELECT work_order_number, work_order_amount, line_count FROM crm.activity ORDER BY 1"
    # Lines without a number are lines of their own.
    assert crm.rows(orders) == [("W1", Decimal("16.00"), 2), ("W2", Decimal("25.00"), 2)]
    before = crm.versions("activity")
    again = [worked(Line="2", RO_Amount="1"), worked(Line="1", RO_Amount="15.0"), worked(WONumber="W2", RO_Amount="15")]
    assert crm.service(*again, worked(WONumber="W2", RO_Amount="10.00")).unchanged == 2
    assert crm.versions("activity") == before


def test_a_corrected_line_replaces_what_an_earlier_file_said_of_the_order(crm: Dealing) -> None:
    crm.service(worked(Line="1", RO_Amount="10.00"))
    crm.service(worked(Line="1", RO_Amount="x"))
    correct_row(crm.dsn, only(crm), worked(Line="1", RO_Amount="12.00"), reason="r", who="k")
    assert crm.rows("SELECT work_order_amount, line_count FROM crm.activity") == [(Decimal("12.00"), 1)]


def test_a_correction_does_not_undo_what_a_later_file_said(crm: Dealing) -> None:
    crm.sales(sold(SoldDate="1000-01-01"))
    crm.sales(sold(Amount_Financed="7.00"))
    done = correct_row(crm.dsn, only(crm), sold(Amount_Financed="1.00"), reason="r", who="k")
    assert (done.older, done.updated, done.created) == (1, 0, 0)
    assert crm.value("SELECT amount_financed FROM crm.activity") == Decimal("7.00")


def test_rejected_rows_are_for_those_who_were_granted_them(crm: Dealing) -> None:
    crm.sales(sold(), WRONG)
    assert crm.rows("SET ROLE crm_reader; SELECT count(*) FROM crm.activity") == [(1,)]
    for table in ("rejected_row", "review_item", "lead_export"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            crm.rows(f"SET ROLE crm_reader; SELECT * FROM crm.{table}")
    assert crm.rows("SET ROLE crm_restricted; SELECT raw FROM crm.rejected_row") == [(WRONG,)]
    readable = "SELECT table_name FROM information_schema.role_table_grants WHERE grantee = %s AND table_schema = 'crm'"
    theirs, ours = (set(crm.rows(readable, (role,))) for role in ("crm_reader", "crm_restricted"))
    assert theirs < ours
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        crm.rows("SET ROLE crm_restricted; UPDATE crm.rejected_row SET raw = ''")


def test_no_value_of_a_row_stands_in_an_error(own_crm: Dealing, caplog: pytest.LogCaptureFixture) -> None:
    own_crm.rows("ALTER TABLE crm.contact ADD CONSTRAINT no_such_name CHECK (last_name <> 'Sample')")
    arrival = own_crm.check("proresponse_sales", sold())
    with pytest.raises(CrmError, match="constraint no_such_name of table contact") as caught:
        own_crm.apply(arrival)
    assert "Avery" not in f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"
    assert caught.value.__suppress_context__
    assert own_crm.value("SELECT count(*) FROM crm.import") == 0
