"""The whole monthly DAG through Airflow's own `dag.test()`, after daily files of the month that really went."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from include.quality.gate import GateProcess
from include.window import month_window
from local.partners.process import start_partner
from tests.outbound.changes import sell_dearer
from tests.outbound.world import World

if TYPE_CHECKING:
    from tests.dags.airflow_world import AirflowWorld

OCTOBER = date(2026, 10, 1)
DAYS = [date(2026, 10, 14), date(2026, 10, 15)]
SAMPLE: dict[str, Any] = {"dealers": 5, "days": 45, "lines": 3000, "seed": 7, "until": date(2026, 11, 6)}
STEPS = ("extract", "check", "render", "reconcile", "publish", "conclude", "report")
ALL_GREEN = dict.fromkeys(STEPS, "success")


@dataclass
class Month:
    """The monthly DAG's world, and the daily interface over the same DMS, ledger and archive."""

    airflow: AirflowWorld
    daily: World

    def dealers(self) -> dict[str, bool]:
        """Dealer code and whether it takes part in the trade-partner scheme."""
        return dict(
            self.daily.query(
                "SELECT dealer_code, trade_partner_dealer FROM dms.v_dealers WHERE dealer_code IS NOT NULL"
            )
        )


@pytest.fixture
def month(make_airflow_world: Callable[..., AirflowWorld], tmp_path: Path) -> Iterator[Month]:
    airflow = make_airflow_world("renault_sar_monthly", SAMPLE)
    with start_partner(tmp_path / "merkle", ["merkle"]) as partners, GateProcess() as gate:
        daily = World(tmp_path, airflow.dms_dsn, airflow.ledger_dsn, partners["merkle"], gate)
        for day in DAYS:
            daily.deliver(day)
        yield Month(airflow, daily)


def test_run_reconciles_and_delivers_its_month_and_a_second_run_sends_nothing(month: Month) -> None:
    world, dealers = month.airflow, month.dealers()
    run = world.run(OCTOBER)
    window = month_window(OCTOBER, "Europe/Paris")
    assert (run.data_interval_start, run.data_interval_end) == (window.start, window.end)
    assert world.states(run) == ALL_GREEN
    home = world.home()
    assert sorted(home) == sorted(f"SAR_M_{dealer}_202610_000001.csv" for dealer in dealers)
    with world.ledger() as ledger:
        files = {str(file.file_name): file for file in ledger.files(interface="renault_sar_monthly")}
        assert {name: file.sha256 for name, file in files.items()} == {
            name: hashlib.sha256(content).hexdigest() for name, content in home.items()
        }
        compared = ledger.reconciliations(interface="renault_sar_monthly", business_date=OCTOBER)
    assert {row.dealer for row in compared} == {dealer for dealer, scheme in dealers.items() if scheme}
    assert all(row.held_for is None and row.rows_there > 0 for row in compared)
    # All but two days have no daily file here.
    assert all(row.kinds["DAY_NOT_SENT"] > 0 for row in compared)
    reports = world.folder / "reports" / "renault_sar_monthly"
    assert (reports / "reconciliation" / "2026-10.csv").is_file()
    assert list(reports.rglob("reconciliation-2026-10.html"))
    assert not any((world.folder / "staging").glob("*/*monthly*"))

    again = world.run(None, month="2026-10")
    assert world.states(again) == ALL_GREEN
    assert world.home() == home


def test_preview_sends_nothing_and_says_what_delivering_would_do(
    month: Month, capfd: pytest.CaptureFixture[str]
) -> None:
    world, dealer = month.airflow, min(month.dealers())

    def preview() -> str:
        run = world.run(None, month="2026-10", mode="preview", dealers=[dealer])
        assert world.states(run) == ALL_GREEN
        with world.ledger() as ledger:
            (file,) = ledger.files(environment="preview")
        assert (file.state, file.period) == ("CANCELLED", "2026-10")
        said = str(file.reason)
        assert said in capfd.readouterr().out
        return said

    assert preview().startswith("would be sent: ")
    assert world.home() == {}
    assert world.states(world.run(None, month="2026-10", dealers=[dealer])) == ALL_GREEN
    home = world.home()
    assert list(home) == [f"SAR_M_{dealer}_202610_000001.csv"]
    assert "nothing would be sent" in preview()
    sell_dearer(month.daily)
    assert "a revision would be proposed" in preview()
    assert world.home() == home
    with world.ledger() as ledger:
        (live,) = ledger.files(environment="live", interface="renault_sar_monthly")
    assert live.state in ("PUBLISHED", "ACKED")


def test_daily_file_still_on_its_way_holds_that_dealers_month_until_it_has_gone(month: Month) -> None:
    world = month.airflow
    dealer, other = sorted(dealer for dealer, scheme in month.dealers().items() if scheme)[:2]
    day = month.daily.extract(date(2026, 10, 20), [dealer])
    held = world.run(None, month="2026-10", dealers=[dealer, other])
    assert world.states(held) == ALL_GREEN | {"conclude": "failed"}
    assert str(held.state) == "failed"
    assert list(world.home()) == [f"SAR_M_{other}_202610_000001.csv"]
    with world.ledger() as ledger:
        (file,) = ledger.files(interface="renault_sar_monthly", dealer=dealer)
    assert (file.state, "2026-10-20" in str(file.reason)) == ("HELD", True)

    month.daily.check(day)
    month.daily.render(day)
    month.daily.publish(day)
    assert world.states(world.run(None, month="2026-10", dealers=[dealer, other])) == ALL_GREEN
    assert sorted(world.home()) == [f"SAR_M_{code}_202610_000001.csv" for code in (dealer, other)]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a month that is not over": ({"month": f"{datetime.now(UTC).year + 1}-12"}, "is not over before"),
    "dealers that name nobody": ({"month": "2026-10", "dealers": ["82699999"]}, "dealers names 82699999"),
    "no month": ({}, "no data interval and no month"),
    "a day for a month": ({"business_date": "2026-10-31"}, "give month and nothing else"),
}


def test_what_cannot_be_meant_is_refused_in_words(
    make_airflow_world: Callable[..., AirflowWorld], capfd: pytest.CaptureFixture[str]
) -> None:
    world = make_airflow_world("renault_sar_monthly", SAMPLE)
    for conf, words in REFUSED.values():
        run = world.run(None, **conf)
        states = world.states(run)
        assert (states["extract"], states["publish"], states["conclude"]) == ("failed", "upstream_failed", "failed")
        assert words in capfd.readouterr().out
    assert world.home() == {}
