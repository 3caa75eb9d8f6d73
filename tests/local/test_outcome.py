"""What ``make run`` takes for done: every dealer of every day, by the DMS, against the ledger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import psycopg2
import pytest

from include.contract import load_contract
from include.ledger import Ledger
from include.migrations.run import Name
from include.window import Window, day_window, period_window
from local.outcome import NotSent, Outcome, outcome
from local.sample import fill

DAYS = (date(2026, 3, 28), date(2026, 3, 29))  # the second is 23 hours long
INTERFACE = "merkle_sar_daily"


@pytest.fixture
def windows() -> list[Window]:
    return [day_window(day, "Europe/London") for day in DAYS]


@pytest.fixture
def dms(new_dms_dsn: str) -> str:
    fill(new_dms_dsn, dealers=6, days=2, lines=100, seed=1, until=DAYS[-1])
    return new_dms_dsn


@pytest.fixture
def dealers(dms: str) -> list[str]:
    connection = psycopg2.connect(dms)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT dealer_code FROM dms.v_dealers WHERE trade_partner_dealer ORDER BY 1")
            return [code for (code,) in cursor.fetchall()]
    finally:
        connection.close()


@pytest.fixture
def look(dms: str, new_ledger_dsn: str, windows: list[Window]) -> Callable[[], Outcome]:
    return lambda: outcome(load_contract(INTERFACE), windows, dms_dsn=dms, ledger_dsn=new_ledger_dsn)


def deliver(
    ledger: Ledger,
    dealer: str,
    window: Window,
    *,
    up_to: str = "PUBLISHED",
    reason: str | None = None,
    interface: str = INTERFACE,
    partner: str = "merkle",
    file_name: str | None = None,
) -> None:
    """Take a file through the ledger's states; ``up_to`` HELD holds it after the row check."""
    batch = ledger.open_batch(
        interface=interface,
        environment="live",
        window_start=window.start,
        window_end=window.end,
        zone=window.zone,
        business_date=window.business_date,
        run_id="test",
        contract_version="1.0.0",
    )
    file = ledger.plan(
        interface=interface,
        partner=partner,
        dealer=dealer,
        environment="live",
        window_start=window.start,
        window_end=window.end,
        zone=window.zone,
        business_date=window.business_date,
        contract_version="1.0.0",
        batch_id=batch,
    )
    ledger.close_batch(batch, rows_read=0, snapshot="1:1:")
    if up_to == "HELD":
        ledger.move(file.id, "HELD", reason=reason)
        return
    ledger.move(file.id, "CHECKED", rows=0, rejected=0, withheld=0)
    ledger.allot_sequence(file.id)
    ledger.move(
        file.id,
        "RENDERED",
        file_name=file_name or f"{dealer}.csv",
        sha256="0" * 64,
        content_hash="0" * 32,
        bytes=0,
        rows=0,
    )
    ledger.move(file.id, "GATED")
    ledger.move(file.id, "UPLOADING", temp_name=f"{dealer}.part")
    ledger.move(file.id, "UPLOADED")
    ledger.move(file.id, "PUBLISHED", remote_path=f"/inbound/{dealer}.csv")


def lines(found: Outcome) -> list[str]:
    return [str(missing) for missing in found.missing]


def test_a_day_that_nobody_ran_is_missing_for_every_dealer(look: Callable[[], Outcome], dealers: list[str]) -> None:
    found = look()
    assert found.expected == 2 * len(dealers)
    assert len(found.missing) == found.expected
    assert lines(found)[0] == f"2026-03-28 dealer {dealers[0]}: no file was made; look at the day's run"


def test_it_is_done_only_when_the_last_file_has_gone(
    look: Callable[[], Outcome], dealers: list[str], windows: list[Window], new_ledger_dsn: str
) -> None:
    pairs = [(dealer, window) for window in windows for dealer in dealers]
    with Ledger(new_ledger_dsn, actor="test") as ledger:
        for dealer, window in pairs[:-1]:
            deliver(ledger, dealer, window)
        dealer, window = pairs[-1]
        deliver(ledger, dealer, window, up_to="HELD", reason="too few rows")
        assert lines(look()) == [f"2026-03-29 dealer {dealer}: HELD: too few rows"]


def test_all_gone_is_no_problem_and_neither_is_a_dealer_who_does_not_take_part(
    look: Callable[[], Outcome], dealers: list[str], windows: list[Window], new_ledger_dsn: str
) -> None:
    with Ledger(new_ledger_dsn, actor="test") as ledger:
        for window in windows:
            for dealer in dealers:
                deliver(ledger, dealer, window)
    assert lines(look()) == []


def test_a_dealer_without_a_number_is_missing_under_the_name_that_the_ledger_gives_it(
    new_database: Callable[[Name], str], new_ledger_dsn: str, windows: list[Window]
) -> None:
    dms = new_database("dms")
    fill(dms, dealers=6, days=2, lines=100, seed=1, until=DAYS[-1], dealer_without_number=True)
    missing = lines(outcome(load_contract(INTERFACE), windows, dms_dsn=dms, ledger_dsn=new_ledger_dsn))
    unnamed = [line for line in missing if " dms:" in line]
    assert len(unnamed) == len(windows)
    dealer = unnamed[0].split()[2].rstrip(":")
    with Ledger(new_ledger_dsn, actor="test") as ledger:
        deliver(ledger, dealer, windows[0], up_to="HELD", reason="has no dealer number")
    found = outcome(load_contract(INTERFACE), windows, dms_dsn=dms, ledger_dsn=new_ledger_dsn)
    assert f"2026-03-28 dealer {dealer}: HELD: has no dealer number" in lines(found)


def test_a_day_that_is_not_to_be_sent_is_not_missed(
    dms: str, dealers: list[str], windows: list[Window], new_ledger_dsn: str
) -> None:
    unsent = NotSent(dealers[0], DAYS[1])
    found = outcome(load_contract(INTERFACE), windows, dms_dsn=dms, ledger_dsn=new_ledger_dsn, not_sent=(unsent,))
    assert found.expected == 2 * len(dealers) - 1
    assert (DAYS[1], dealers[0]) not in {(each.window.business_date, each.dealer) for each in found.missing}


def test_a_month_by_the_dealers_own_clock_is_found_by_its_first_day(dms: str, new_ledger_dsn: str) -> None:
    """Europe/London's March begins an hour after the contract's, Europe/Paris's."""
    contract = load_contract("renault_sar_monthly")
    asked, own = (period_window("month", DAYS[0], zone) for zone in (contract.zone, "Europe/London"))
    assert asked.start != own.start
    before = outcome(contract, [asked], dms_dsn=dms, ledger_dsn=new_ledger_dsn)
    dealer = before.missing[0].dealer
    assert str(before.missing[0]) == f"2026-03-01 dealer {dealer}: no file was made; look at the month's run"
    with Ledger(new_ledger_dsn, actor="test") as ledger:
        deliver(ledger, dealer, own, interface=contract.id, partner=contract.partner)
    after = outcome(contract, [asked], dms_dsn=dms, ledger_dsn=new_ledger_dsn)
    assert [each.dealer for each in after.missing] == [each.dealer for each in before.missing if each.dealer != dealer]
