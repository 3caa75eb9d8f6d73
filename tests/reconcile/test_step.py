"""The step over real files: what was planted is found, what is unexplained holds, and a person's word counts."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from include.quality.data_docs import build, external_references
from local.sample import amend, planted_differences
from tests.outbound.changes import lose_codes, sell_dearer
from tests.reconcile.conftest import FRIDAY, MONTHLY, OCTOBER, Month, deliver_day

pytestmark = pytest.mark.timeout(600)


def told(month: Month) -> Counter[tuple[str, str, str, str, str]]:
    with month.monthly.ledger() as ledger:
        rows = ledger.reconciliations(interface=MONTHLY.id, business_date=OCTOBER)
        return Counter(
            (one.kind, row.dealer, one.document_type, one.document_number, one.line_number)
            for row in rows
            for one in ledger.reconciliation_differences(row.id)
        )


def test_all_that_was_planted_is_found_and_classified_and_nothing_else(whole: Month) -> None:
    amend(whole.daily.dms_dsn, OCTOBER)
    run = whole.run()
    planted = Counter(tuple(each) for each in planted_differences(whole.daily.dms_dsn, OCTOBER))
    assert told(whole) == planted
    assert {kind for kind, *_ in planted} == {
        "LATE_CREDIT",
        "BACK_DATED",
        "OTHER_MONTH",
        "CORRECTED_LINE",
        "DAY_NOT_SENT",
        "REJECTED_IN_DAILY",
    }
    assert {file.state for file in whole.monthly.files(run)} == {"PUBLISHED"}, "explained differences hold nothing"
    for dealer in whole.members():
        row, differences = whole.found(dealer)
        file = whole.file(dealer)
        assert (row.rows_here, row.total_here, row.held_for) == (file.rows, file.control_total, None)
        parts = [(one.net_here or 0) - (one.net_there or 0) for one in differences]
        assert row.difference == sum(parts)


def test_what_the_daily_side_adds_up_to_is_what_the_ledger_has(whole: Month) -> None:
    whole.run()
    for dealer in whole.members():
        row, _ = whole.found(dealer)
        with whole.daily.ledger() as ledger:
            files = ledger.files(interface="merkle_sar_daily", dealer=dealer, states=["PUBLISHED"])
        assert row.rows_there == sum(file.rows or 0 for file in files)
        assert row.total_there == sum(file.control_total or 0 for file in files)


def test_a_dealer_outside_the_scheme_has_nothing_to_be_reconciled_with(whole: Month) -> None:
    run = whole.run()
    others = {file.dealer for file in whole.monthly.files(run)} - set(whole.members())
    assert others
    with whole.monthly.ledger() as ledger:
        found = {row.dealer for row in ledger.reconciliations(interface=MONTHLY.id, business_date=OCTOBER)}
        (file,) = ledger.files(interface=MONTHLY.id, dealer=min(others))
        assert "NOT_RECONCILED" in {event.kind for event in ledger.events(file.id)}
    assert found == set(whole.members())
    assert any("does not serve this dealer" in line for line in whole.monthly.said)


def held_friday(month: Month) -> str:
    """Have the Friday's daily file of the dealer with most rows that day held by its row check; return the dealer."""
    code = month.members()[0]
    lose_codes(month.daily, code)
    run = deliver_day(month.daily, FRIDAY)
    assert {file.state for file in month.daily.files(run) if file.dealer == code} == {"HELD"}
    # Put right again before the month is made.
    month.daily.change(
        "UPDATE dms.trade_account SET address_line_1 = before.address_line_1 FROM kept.trade_account AS before "
        "WHERE before.trade_account_id = trade_account.trade_account_id"
    )
    return code


@pytest.fixture
def held(month: Month) -> str:
    month.daily.change("CREATE SCHEMA kept; CREATE TABLE kept.trade_account AS TABLE dms.trade_account")
    return held_friday(month)


def test_a_daily_file_still_held_holds_the_month_until_it_has_gone(month: Month, held: str) -> None:
    month.run()
    file = month.file(held)
    assert file.state == "HELD"
    assert "DAY_HELD" in str(file.reason)
    assert "2026-10-30" in str(file.reason)
    assert "reconciliation/2026-10.csv" in str(file.reason)
    assert {month.file(dealer).state for dealer in month.members() if dealer != held} == {"PUBLISHED"}
    row, differences = month.found(held)
    open_ones = [one for one in differences if not one.explained]
    assert row.held_for == file.reason
    assert {(one.kind, one.posted_on) for one in open_ones} == {("DAY_HELD", FRIDAY)}

    deliver_day(month.daily, FRIDAY)
    month.run()
    assert month.file(held).state == "PUBLISHED"
    assert month.file(held).sha256 == file.sha256, "the bytes that were made then"


def test_a_month_held_for_an_open_day_is_held_again_for_the_same_and_released_for_just_that(
    month: Month, held: str
) -> None:
    month.run()
    file = month.file(held)
    month.run()
    assert (month.file(held).state, month.file(held).reason) == ("HELD", file.reason)
    with month.monthly.ledger("person:oncall") as ledger:
        events = len(ledger.events(file.id))
        ledger.release(file.id, reason="the Friday goes with the next month, as agreed")
        assert [event.kind for event in ledger.events(file.id)].count("HELD") == 1, "the same reason is said once"
    assert events
    month.run()
    assert month.file(held).state == "PUBLISHED"


def test_a_release_for_one_thing_is_none_for_another(month: Month, held: str) -> None:
    month.run()
    with month.monthly.ledger("person:oncall") as ledger:
        ledger.release(month.file(held).id, reason="the Friday goes with the next month, as agreed")
        (thursday,) = ledger.files(
            interface="merkle_sar_daily", dealer=held, business_date=date(2026, 10, 29), states=["PUBLISHED"]
        )
    Path(month.monthly.archive.path(str(thursday.sha256))).unlink()
    month.run()
    assert month.file(held).state == "HELD"
    assert "BYTES_GONE" in str(month.file(held).reason)


def test_a_month_that_is_held_for_two_things_says_both(month: Month, held: str) -> None:
    with_franchise = {"dealer": held}
    month.daily.change(
        "UPDATE dms.dealer_franchise SET valid_to = '2026-10-12' WHERE valid_to IS NULL "
        "AND dealer_id = (SELECT dealer_id FROM dms.v_dealers WHERE dealer_code = %(dealer)s)",
        with_franchise,
    )
    month.daily.change(
        "INSERT INTO dms.dealer_franchise (dealer_id, franchise, valid_from) "
        "SELECT dealer_id, 'DACIA', '2026-10-12' FROM dms.v_dealers WHERE dealer_code = %(dealer)s",
        with_franchise,
    )
    month.run((held,))
    file = month.file(held)
    assert file.state == "HELD"
    assert str(file.reason).startswith("its franchise changed")
    assert "DAY_HELD" in str(file.reason)
    month.run((held,))
    assert month.file(held).reason == file.reason, "said once, however often it is found"
    deliver_day(month.daily, FRIDAY)
    month.run((held,))
    assert month.file(held).state == "HELD", "the franchise is still for a person"
    assert "DAY_HELD" not in str(month.file(held).reason)
    with month.monthly.ledger("person:oncall") as ledger:
        ledger.release(file.id, reason="one file, says Renault")
    month.run((held,))
    assert month.file(held).state == "PUBLISHED"


def test_one_release_is_for_both(month: Month, held: str) -> None:
    month.run((held,), publish=False)
    file = month.file(held)
    with month.monthly.ledger("person:oncall") as ledger:
        ledger.move(file.id, "HELD", reason=f"something else; {file.reason}")
        ledger.release(file.id, reason="both are known")
    month.run((held,))
    assert month.file(held).state == "PUBLISHED"


def test_a_redelivery_is_not_reconciled(whole: Month) -> None:
    code = whole.members()[0]
    whole.run((code,))
    row, _ = whole.found(code)
    with whole.monthly.ledger("person:oncall") as ledger:
        ledger.redeliver(row.file_id, reason="their disk was full")
    whole.run((code,))
    assert whole.file(code).state == "PUBLISHED"
    assert whole.found(code)[0].batch_id == row.batch_id
    assert any("a redelivery of what the partner had" in line for line in whole.monthly.said)


def test_an_open_day_without_any_rows_holds_too(month: Month) -> None:
    code = month.members()[0]
    month.daily.change(
        "DELETE FROM dms.parts_invoice_line USING dms.parts_invoice AS document JOIN dms.v_dealers USING (dealer_id) "
        "WHERE parts_invoice_line.parts_invoice_id = document.parts_invoice_id AND dealer_code = %(code)s "
        "AND (posted_at AT TIME ZONE 'Europe/London')::date = '2026-10-30'",
        {"code": code},
    )
    run = month.daily.extract(FRIDAY)
    with month.daily.ledger() as ledger:
        (file,) = [file for file in map(ledger.file, run.file_ids) if file.dealer == code]
        ledger.move(file.id, "HELD", reason="somebody looks at it")
    month.run((code,))
    assert month.file(code).state == "HELD"
    _, differences = month.found(code)
    (mark,) = [one for one in differences if not one.explained]
    assert (mark.kind, mark.document_number, mark.posted_on) == ("DAY_HELD", "", FRIDAY)


def test_a_file_that_a_person_gave_up_is_a_day_not_sent(month: Month) -> None:
    code = month.members()[0]
    run = month.daily.extract(FRIDAY)
    with month.daily.ledger() as ledger:
        (file,) = [file for file in map(ledger.file, run.file_ids) if file.dealer == code]
        ledger.move(file.id, "CANCELLED", reason="the dealer sends it by post")
    month.run((code,))
    assert month.file(code).state == "PUBLISHED"
    _, differences = month.found(code)
    notes = {one.note for one in differences if one.kind == "DAY_NOT_SENT" and one.posted_on == FRIDAY}
    assert notes == {f"daily file {file.id} was given up: the dealer sends it by post"}


def test_a_line_that_vanished_after_it_was_sent_holds_and_others_go(whole: Month) -> None:
    code = whole.members()[0]
    (number,) = whole.daily.query(
        "SELECT min(document_number) FROM dms.v_trade_parts_sale_lines WHERE dealer_code = %(code)s "
        "AND document_type = 'INVOICE' AND document_date = '2026-10-20' AND account_class = 'TRADE' "
        "AND posted_at::date = '2026-10-20'",
        {"code": code},
    )
    whole.daily.change(
        "DELETE FROM dms.parts_invoice_line USING dms.parts_invoice AS document WHERE document.document_number = %(n)s "
        "AND document.dealer_id = (SELECT dealer_id FROM dms.v_dealers WHERE dealer_code = %(code)s) "
        "AND parts_invoice_line.parts_invoice_id = document.parts_invoice_id",
        {"n": number[0], "code": code},
    )
    whole.run()
    assert whole.file(code).state == "HELD"
    assert "UNEXPLAINED" in str(whole.file(code).reason)
    assert number[0] not in str(whole.file(code).reason), "an event stays for ever, a document's number does not"
    assert {whole.file(dealer).state for dealer in whole.members()} == {"HELD", "PUBLISHED"}


def test_a_delivered_month_is_reconciled_again_by_another_run_and_keeps_its_state(whole: Month) -> None:
    whole.run()
    before = told(whole)
    first = {dealer: whole.found(dealer)[0] for dealer in whole.members()}
    whole.run()
    assert told(whole) == before
    for dealer in whole.members():
        row, _ = whole.found(dealer)
        assert row.batch_id > first[dealer].batch_id
        assert row.state == "PUBLISHED"


def test_clearing_the_step_alone_finds_the_same_and_stores_it_once(whole: Month) -> None:
    run = whole.run(publish=False)
    before = told(whole)
    counts = whole.reconcile(run)
    assert counts["held"] == 0
    assert counts["compared"] == len(whole.members())
    assert told(whole) == before
    assert {whole.found(dealer)[0].batch_id for dealer in whole.members()} == {run.batch_id}


def test_a_preview_is_compared_with_the_live_daily_files(whole: Month) -> None:
    run = whole.run(environment="preview", publish=False)
    assert {file.environment for file in whole.monthly.files(run)} == {"preview"}
    rows = [whole.found(dealer)[0] for dealer in whole.members()]
    assert {row.environment for row in rows} == {"preview"}
    assert all(row.rows_there for row in rows)
    assert set(whole.monthly.conclude(run)) == {"previewed"}


def test_a_preview_of_a_month_that_would_be_held_says_so_and_holds_nothing(month: Month, held: str) -> None:
    run = month.run(environment="preview", publish=False)
    month.monthly.conclude(run)
    (file,) = [file for file in month.monthly.files(run) if file.dealer == held]
    assert file.state == "CANCELLED"
    assert "would be held: reconciliation:" in str(file.reason)


def test_a_superseded_daily_file_does_not_count_and_its_correction_does(whole: Month) -> None:
    sell_dearer(whole.daily)
    deliver_day(whole.daily, FRIDAY)
    code = whole.members()[0]
    with whole.daily.ledger("person:oncall") as ledger:
        proposals = ledger.files(interface="merkle_sar_daily", dealer=code, states=["PROPOSED"])
        (proposal,) = proposals
    whole.run((code,), environment="preview", publish=False)
    _, differences = whole.found(code)
    assert FRIDAY in {one.posted_on for one in differences if one.kind == "CORRECTED_LINE"}, "a proposal holds nothing"
    with whole.daily.ledger("person:oncall") as ledger:
        ledger.release(proposal.id, reason="the dealer agreed")
    whole.run((code,), environment="preview", publish=False)
    row, differences = whole.found(code)
    assert "DAY_HELD" in row.kinds, "a correction under way will change what the partner has"
    deliver_day(whole.daily, FRIDAY)
    whole.run((code,), environment="preview", publish=False)
    row, differences = whole.found(code)
    assert "DAY_HELD" not in row.kinds
    assert FRIDAY not in {one.posted_on for one in differences if one.kind == "CORRECTED_LINE"}


def test_a_month_whose_staged_rows_are_gone_is_read_from_its_bytes(whole: Month) -> None:
    amend(whole.daily.dms_dsn, OCTOBER)
    run = whole.run(publish=False)
    before = told(whole)
    for path in (whole.monthly.folder / "staging").glob("*/*.fates"):
        path.unlink()
    whole.reconcile(run)
    assert told(whole) == before
    assert {file.state for file in whole.monthly.files(run)} == {"GATED"}


def test_csv_and_page_say_what_the_ledger_says(whole: Month) -> None:
    amend(whole.daily.dms_dsn, OCTOBER)
    whole.run()
    content = (whole.reports / MONTHLY.id / "reconciliation" / "2026-10.csv").read_bytes()
    lines = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    names = ("kind", "dealer", "document_type", "document_number", "line_number")
    assert Counter(tuple(line[name] for name in names) for line in lines) == told(whole)
    build(MONTHLY.id, str(whole.reports))
    site = whole.reports / MONTHLY.id / "site"
    page = (site / "reconciliation-2026-10.html").read_text(encoding="utf-8")
    assert external_references(page) == []
    assert "../reconciliation/2026-10.csv" in page
    for line in lines:
        assert line["document_number"] not in page
    for dealer in whole.members():
        row, _ = whole.found(dealer)
        assert dealer in page
        assert f"{row.total_here:,.2f}" in page
        assert f"{row.total_there:,.2f}" in page
    assert 'href="reconciliation-2026-10.html"' in (site / "index.html").read_text(encoding="utf-8")


def test_a_delivered_month_is_compared_as_it_went_whatever_the_dms_says_today(whole: Month) -> None:
    whole.run()
    before = told(whole)
    sell_dearer(whole.monthly)
    whole.run()
    assert told(whole) == before
    for dealer in whole.members():
        row, _ = whole.found(dealer)
        with whole.monthly.ledger() as ledger:
            assert (row.rows_here, row.total_here) == (
                ledger.file(row.file_id).rows,
                ledger.file(row.file_id).control_total,
            )
