"""Rejected rows, quality results and the history of row counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.ledger import FileRow, Ledger, LedgerError, QualityResult, RejectedRow
from tests.ledger.conftest import bring, execute, intent


@pytest.fixture(scope="module")
def one_file(dsn: str) -> FileRow:
    with Ledger(dsn, actor="test") as ledger:
        return ledger.plan(**intent())


def test_every_rejected_row_keeps_every_reason(ledger: Ledger, one_file: FileRow) -> None:
    rows = [RejectedRow(12, ("net_amount-required", "a+b-duplicateValues")), RejectedRow(7, ("part_number-pattern",))]
    ledger.replace_rejected_rows(one_file.id, rows)
    assert ledger.rejected_rows(one_file.id) == [
        RejectedRow("7", ("part_number-pattern",)),
        RejectedRow("12", ("net_amount-required", "a+b-duplicateValues")),
    ]
    assert ledger.rejected_rows(one_file.id, limit=1) == [RejectedRow("7", ("part_number-pattern",))]


def test_a_second_check_replaces_the_first(ledger: Ledger, one_file: FileRow) -> None:
    ledger.replace_rejected_rows(one_file.id, [RejectedRow(n, ("a-required",)) for n in range(10)])
    ledger.replace_rejected_rows(one_file.id, [RejectedRow(3, ("b-required",))])
    assert ledger.rejected_rows(one_file.id) == [RejectedRow("3", ("b-required",))]
    ledger.replace_rejected_rows(one_file.id, [])
    assert ledger.rejected_rows(one_file.id) == []


def test_rejected_rows_stream_in_more_than_one_portion(ledger: Ledger, one_file: FileRow) -> None:
    rows = (RejectedRow(n, ("a-required", "b-required") if n % 3 == 0 else ("a-required",)) for n in range(60_000))
    ledger.replace_rejected_rows(one_file.id, rows)
    assert ledger.rejected_reasons(one_file.id) == {"a-required": 60_000, "b-required": 20_000}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.builds(
            RejectedRow,
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30),
            st.lists(
                st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
                min_size=1,
                max_size=4,
            ).map(tuple),
        ),
        max_size=20,
    )
)
def test_any_key_and_reason_come_back_as_they_were(ledger: Ledger, one_file: FileRow, rows: list[RejectedRow]) -> None:
    ledger.replace_rejected_rows(one_file.id, rows)
    found = ledger.rejected_rows(one_file.id)
    assert sorted((row.row_key, row.reasons) for row in found) == sorted((row.row_key, row.reasons) for row in rows)


def test_a_failing_source_leaves_the_earlier_rows_and_shows_its_own_error(ledger: Ledger, one_file: FileRow) -> None:
    ledger.replace_rejected_rows(one_file.id, [RejectedRow(1, ("a-required",))])

    def breaking() -> Iterator[RejectedRow]:
        yield RejectedRow(2, ("a-required",))
        raise ValueError("the snapshot is damaged")

    with pytest.raises(ValueError, match="the snapshot is damaged"):
        ledger.replace_rejected_rows(one_file.id, breaking())
    with pytest.raises(LedgerError, match="row 3 is rejected without a reason"):
        ledger.replace_rejected_rows(one_file.id, [RejectedRow(3, ())])
    assert ledger.rejected_rows(one_file.id) == [RejectedRow("1", ("a-required",))]


def test_rejected_rows_of_no_file_are_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no file 1000000000"):
        ledger.replace_rejected_rows(10**9, [RejectedRow(1, ("a",))])


def result(reader: str, rule: str, status: str = "pass") -> QualityResult:
    return QualityResult(reader, rule, ("net_amount",), "completeness", "error", status, 10, 0, None)  # type: ignore[arg-type]


def test_each_reading_replaces_its_own_results_only(ledger: Ledger, one_file: FileRow) -> None:
    ledger.replace_quality_results(one_file.id, [result("row_check", "a"), result("row_check", "b")])
    ledger.replace_quality_results(one_file.id, [result("gate", "a", "fail")])
    assert len(ledger.quality_results(one_file.id)) == 3
    ledger.replace_quality_results(one_file.id, [result("gate", "a"), result("volume", "rows")])
    assert ledger.quality_results(one_file.id) == [
        result("gate", "a"),
        result("row_check", "a"),
        result("row_check", "b"),
        result("volume", "rows"),
    ]
    ledger.replace_quality_results(one_file.id, [])
    assert len(ledger.quality_results(one_file.id)) == 4


def test_history_is_the_same_weekdays_delivered_files(ledger: Ledger) -> None:
    dealer = str(intent()["dealer"])
    friday = date(2026, 11, 20)
    for weeks, rows in ((1, 10), (2, 20), (3, 30), (5, 50)):
        bring(ledger, ledger.plan(**intent(dealer, friday - timedelta(weeks=weeks))), "PUBLISHED", rows=rows)
    bring(ledger, ledger.plan(**intent(dealer, friday)), "PUBLISHED", rows=99)
    bring(ledger, ledger.plan(**intent(dealer, friday - timedelta(days=1))), "PUBLISHED", rows=98)
    bring(ledger, ledger.plan(**intent(dealer, friday - timedelta(weeks=4))), "GATED", rows=97)
    asked: dict[str, Any] = {
        "interface": "merkle_sar_daily",
        "dealer": dealer,
        "environment": "live",
        "weekday": 4,
        "before": friday,
    }
    assert ledger.row_counts_history(**asked, weeks=8) == [50, 30, 20, 10]
    assert ledger.row_counts_history(**asked, weeks=3) == [30, 20, 10]
    assert ledger.row_counts_history(**{**asked, "weekday": 3}, weeks=3) == [98]
    assert ledger.row_counts_history(**{**asked, "environment": "test"}, weeks=8) == []
    assert ledger.row_counts_history(**{**asked, "before": friday + timedelta(days=1)}, weeks=1) == [99]


def test_history_counts_the_revision_that_the_partner_has(ledger: Ledger) -> None:
    dealer = str(intent()["dealer"])
    friday = date(2026, 11, 13)
    delivered = bring(ledger, ledger.plan(**intent(dealer, friday)), "PUBLISHED", rows=10)
    proposal = ledger.propose_revision(
        delivered, batch_id=None, content_hash="n", rows=12, control_total=None, difference={}
    )
    bring(ledger, ledger.move(proposal.id, "PLANNED", reason="released"), "PUBLISHED", rows=12)
    asked: dict[str, Any] = {"interface": "merkle_sar_daily", "dealer": dealer, "environment": "live", "weekday": 4}
    assert ledger.row_counts_history(**asked, before=date(2026, 11, 20), weeks=2) == [12]


def test_a_damaged_file_table_says_so(ledger: Ledger, dsn: str) -> None:
    """A hand-made number that another file has already is found when the next one is counted."""
    dealer = str(intent()["dealer"])
    first, second = ledger.plan(**intent(dealer)), ledger.plan(**intent(dealer, date(2026, 11, 19)))
    execute(dsn, f"UPDATE ledger.file SET sequence = 1 WHERE id = {first.id}")
    with pytest.raises(LedgerError, match="file_sequence_is_used_once"):
        ledger.allot_sequence(second.id)
