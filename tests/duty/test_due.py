"""Which period is due last and next: by each contract's zone, hour and calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.contract import contract_ids, load_contract
from include.duty import last_due, next_due


def at(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("interface", "now", "period", "due_at", "next_at"),
    [
        # Before its hour yesterday's file is the one that is due, and next.
        ("merkle_sar_daily", "2026-11-23 05:59", "2026-11-22", "2026-11-23 06:00", "2026-11-23 06:00"),
        ("merkle_sar_daily", "2026-11-23 06:00", "2026-11-22", "2026-11-23 06:00", "2026-11-24 06:00"),
        # The hour is the clock's, whether that day has 23 hours or 25.
        ("merkle_sar_daily", "2026-03-29 12:00", "2026-03-28", "2026-03-29 06:00", "2026-03-30 06:00"),
        ("merkle_sar_daily", "2026-10-25 12:00", "2026-10-24", "2026-10-25 06:00", "2026-10-26 06:00"),
        # A month: the second working day, and 1 January is none.
        ("renault_sar_monthly", "2026-11-02 12:00", "2026-10", "2026-11-03 12:00", "2026-11-03 12:00"),
        ("renault_sar_monthly", "2026-11-03 12:00", "2026-10", "2026-11-03 12:00", "2026-12-02 12:00"),
        ("renault_sar_monthly", "2027-01-01 00:00", "2026-12", "2027-01-05 12:00", "2027-01-05 12:00"),
    ],
)
def test_the_last_period_and_the_next_promise(interface: str, now: str, period: str, due_at: str, next_at: str) -> None:
    contract = load_contract(interface)
    found = last_due(contract, at(now, contract.zone))
    assert found.window.business_date.isoformat().startswith(period)
    assert found.due_at == at(due_at, contract.zone)
    assert next_due(contract, at(now, contract.zone)).due_at == at(next_at, contract.zone)


@given(st.sampled_from(contract_ids("outbound")), st.integers(0, 3 * 365 * 86_400))
def test_the_newest_period_has_ended_and_the_next_promise_lies_ahead(interface: str, seconds: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    contract = load_contract(interface)
    newest, coming = last_due(contract, now), next_due(contract, now)
    assert newest.window.end <= now
    assert coming.due_at > now
    assert coming.window.start in (newest.window.start, newest.window.end)
