"""What a run found when it compared a month's file with the daily ones: stored whole, replaced by a repeat."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from include.archive import Archive
from include.ledger import DELIVERED, FileRow, Ledger, LedgerError, ReconciliationDifference
from include.ledger.chain import verify
from include.ledger.retention import purge
from tests.ledger.conftest import bring, monthly, open_batch

LATE = ReconciliationDifference(
    "LATE_CREDIT", True, "CN", "700123", "1", date(2026, 10, 30), date(2026, 11, 2), Decimal("-12.50"), None, None, ""
)
HELD_DAY = ReconciliationDifference(
    "DAY_HELD", False, "IN", "700124", "3", date(2026, 10, 12), date(2026, 10, 12), Decimal("0.10"), None, 77, "HELD"
)


def planned(ledger: Ledger, dealer: str | None = None, **changes: Any) -> FileRow:
    return ledger.plan(**monthly(dealer, **changes))


def compare(
    ledger: Ledger, file: FileRow, batch_id: int, *differences: ReconciliationDifference, **changes: Any
) -> int:
    facts: dict[str, Any] = {
        "against": "merkle_sar_daily",
        "rows_here": 10,
        "total_here": Decimal("100.00"),
        "rows_there": 9,
        "total_there": Decimal("112.50"),
        "held_for": None,
        **changes,
    }
    return ledger.record_reconciliation(file.id, batch_id=batch_id, differences=differences, **facts)


def test_what_was_found_is_read_as_it_was_written(ledger: Ledger) -> None:
    file, batch_id = planned(ledger), open_batch(ledger)
    assert ledger.reconciliation_of(file.id) is None
    number = compare(ledger, file, batch_id, LATE, HELD_DAY, LATE, held_for="1 line of a day that is held")
    row = ledger.reconciliation_of(file.id)
    assert row is not None
    assert (row.id, row.file_id, row.batch_id, row.against) == (number, file.id, batch_id, "merkle_sar_daily")
    assert (row.rows_here, row.rows_there, row.difference) == (10, 9, Decimal("-12.50"))
    assert (row.kinds, row.unexplained) == ({"DAY_HELD": 1, "LATE_CREDIT": 2}, 1)
    assert (row.held_for, row.environment, row.state) == ("1 line of a day that is held", "live", "PLANNED")
    assert (row.window, row.dealer, row.zone) == (file.window, file.dealer, "Europe/Paris")
    assert ledger.reconciliation_differences(number) == [LATE, HELD_DAY, LATE]
    assert all(isinstance(found.net_here, Decimal) for found in ledger.reconciliation_differences(number))


def test_the_event_carries_counts_and_no_document(ledger: Ledger) -> None:
    file, batch_id = planned(ledger), open_batch(ledger)
    compare(ledger, file, batch_id, LATE, HELD_DAY)
    event = ledger.events(file.id)[-1]
    assert (event.kind, event.from_state, event.to_state) == ("RECONCILED", None, None)
    assert event.detail == {
        "against": "merkle_sar_daily", "batch_id": batch_id, "kinds": {"DAY_HELD": 1, "LATE_CREDIT": 1},
        "unexplained": 1,
    }  # fmt: skip
    assert verify(ledger.dsn).whole


def test_a_repeat_replaces_and_a_later_run_adds(ledger: Ledger) -> None:
    file, first, second = planned(ledger), open_batch(ledger), open_batch(ledger)
    number = compare(ledger, file, first, LATE, HELD_DAY, held_for="x")
    assert compare(ledger, file, first, LATE) == number
    assert ledger.reconciliation_differences(number) == [LATE]
    assert compare(ledger, file, second) != number
    newest = ledger.reconciliation_of(file.id)
    assert newest is not None
    assert (newest.batch_id, newest.kinds, newest.held_for) == (second, {}, None)
    assert ledger.reconciliation_differences(number) == [LATE], "what an earlier run found stays"
    compare(ledger, file, first, HELD_DAY)
    again = ledger.reconciliation_of(file.id)
    assert again is not None
    assert again.batch_id == first, "the newest is the one made last, not the one with the highest batch"


def test_the_newest_of_each_dealer_live_and_preview(ledger: Ledger) -> None:
    batch_id = open_batch(ledger)
    live, other = planned(ledger), planned(ledger)
    preview = planned(ledger, live.dealer, environment="preview")
    earlier = planned(ledger, live.dealer, first=date(2026, 9, 1))
    for file in (preview, live, other, earlier):
        compare(ledger, file, batch_id, LATE)
    asked: dict[str, Any] = {"interface": "renault_sar_monthly", "business_date": date(2026, 10, 1)}
    found = {row.dealer: row for row in ledger.reconciliations(**asked) if row.environment == "live"}
    assert found[live.dealer].file_id == live.id
    assert found[other.dealer].file_id == other.id
    compare(ledger, preview, open_batch(ledger), HELD_DAY)
    of_live, of_preview = ledger.reconciliations(**asked, dealer=live.dealer)
    assert (of_live.file_id, of_live.environment) == (live.id, "live"), "a preview does not hide what went"
    assert (of_preview.file_id, of_preview.kinds) == (preview.id, {"DAY_HELD": 1})
    assert ledger.reconciliations(**{**asked, "interface": "merkle_sar_daily"}) == []


@pytest.mark.parametrize(
    ("changes", "differences", "named"),
    [
        ({"against": "renault_sar_monthly"}, [], "is one of renault_sar_monthly itself"),
        ({"batch_id": 10**9}, [], "has no batch 1000000000"),
        ({"total_here": Decimal("NaN")}, [], "control total"),
        ({}, [replace(LATE, kind="late credit")], "word in capitals"),
        ({}, [LATE, replace(LATE, net_there=Decimal("Infinity"))], "difference 1 has an amount"),
        ({"rows_there": -1}, [], "refused"),
    ],
)
def test_what_is_unsound_is_refused_and_leaves_nothing(
    ledger: Ledger, changes: dict[str, Any], differences: list[ReconciliationDifference], named: str
) -> None:
    file = planned(ledger)
    events = ledger.events(file.id)
    facts: dict[str, Any] = {"batch_id": open_batch(ledger), **changes}
    with pytest.raises(LedgerError, match=named):
        compare(ledger, file, facts.pop("batch_id"), *differences, **facts)
    assert ledger.reconciliation_of(file.id) is None
    assert ledger.events(file.id) == events


def test_an_unknown_file_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no file 999999"):
        compare(ledger, replace(planned(ledger), id=999999), open_batch(ledger))


def test_text_is_stored_as_it_is_however_odd(ledger: Ledger) -> None:
    odd = replace(LATE, document_number="7\t\\N\n\r€", line_number="", note="\\.", net_here=Decimal("0.00"))
    nothing = replace(LATE, document_date=None, posted_on=None, net_here=None, note="\\N")
    number = compare(ledger, planned(ledger), open_batch(ledger), odd, nothing)
    assert ledger.reconciliation_differences(number) == [odd, nothing]
    assert str(ledger.reconciliation_differences(number)[0].net_here) == "0.00"


def test_many_differences_are_stored_in_their_order(ledger: Ledger) -> None:
    file = planned(ledger)
    differences = [replace(LATE, line_number=str(n)) for n in range(12_345)]
    number = compare(ledger, file, open_batch(ledger), *differences)
    assert ledger.reconciliation_differences(number) == differences


def test_retention_takes_the_lines_and_leaves_the_counts(new_ledger_dsn: str, archive: Archive) -> None:
    with Ledger(new_ledger_dsn, actor="test:reconciliations") as ledger:
        file = bring(ledger, planned(ledger), "UPLOADED")
        number = compare(ledger, file, open_batch(ledger), LATE, HELD_DAY)
        file = ledger.move(file.id, "PUBLISHED", remote_path="/in/x.csv")
        assert file.state in DELIVERED
        kept = planned(ledger)
        untouched = compare(ledger, kept, open_batch(ledger), LATE)
        items = purge(
            new_ledger_dsn, archive, today=date(2099, 1, 1), retention={"renault_sar_monthly": 400}, dry_run=False
        )
        assert [(item.file_id, item.differences) for item in items] == [(file.id, 2)]
        assert ledger.reconciliation_differences(number) == []
        row = ledger.reconciliation_of(file.id)
        assert row is not None
        assert (row.kinds, row.purged_at is not None) == ({"DAY_HELD": 1, "LATE_CREDIT": 1}, True)
        assert ledger.reconciliation_differences(untouched) == [LATE]
        assert verify(new_ledger_dsn).whole
