"""The whole DAG through Airflow's own `dag.test()`, against a real partner, DMS and ledger."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from local.partners.process import start_partner
from tests.outbound.world import LAST_DAY

if TYPE_CHECKING:
    from local.postgres import Postgres
    from tests.dags.airflow_world import AirflowWorld

ALL_GREEN = dict.fromkeys(("extract", "check", "render", "publish", "conclude", "report"), "success")


def test_run_delivers_its_day_and_a_second_run_sends_nothing(
    airflow_world: AirflowWorld, postgres: Postgres, capfd: pytest.CaptureFixture[str]
) -> None:
    run = airflow_world.run(LAST_DAY)
    assert airflow_world.states(run) == ALL_GREEN
    home = airflow_world.home()
    with airflow_world.ledger() as ledger:
        files = ledger.files(interface="merkle_sar_daily")
        assert {file.business_date for file in files} == {LAST_DAY}
        assert {str(file.file_name): file.sha256 for file in files} == {
            name: hashlib.sha256(content).hexdigest() for name, content in home.items()
        }
    again = airflow_world.run(LAST_DAY)
    assert airflow_world.states(again) == ALL_GREEN
    assert airflow_world.home() == home
    assert (airflow_world.folder / "reports" / "merkle_sar_daily").is_dir()
    assert not any((airflow_world.folder / "staging").iterdir())
    _nothing_personal_or_secret_in(postgres, airflow_world, said=capfd.readouterr().out)


def test_person_chooses_day_and_dealers(airflow_world: AirflowWorld) -> None:
    with psycopg2.connect(airflow_world.dms_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT min(dealer_code) FROM dms.v_dealers WHERE trade_partner_dealer")
        (dealer,) = cursor.fetchone() or ("",)
    day = LAST_DAY - timedelta(days=3)
    run = airflow_world.run(None, business_date=day.isoformat(), dealers=[dealer])
    assert airflow_world.states(run) == ALL_GREEN
    with airflow_world.ledger() as ledger:
        assert [(file.dealer, file.business_date) for file in ledger.files()] == [(dealer, day)]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a day that is not over": (
        {"business_date": (datetime.now(UTC).date() + timedelta(days=2)).isoformat()},
        "is not over before",
    ),
    "dealers that name nobody": (
        {"business_date": LAST_DAY.isoformat(), "dealers": ["82699999"]},
        "dealers names 82699999",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused_in_words(
    airflow_world: AirflowWorld, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    conf, words = REFUSED[case]
    run = airflow_world.run(None, **conf)
    states = airflow_world.states(run)
    assert (states["extract"], states["publish"], states["conclude"]) == ("failed", "upstream_failed", "failed")
    assert str(run.state) == "failed"
    assert words in capfd.readouterr().out
    assert airflow_world.home() == {}


def test_changed_host_key_fails_at_once_and_nothing_is_sent(
    airflow_world: AirflowWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with start_partner(tmp_path / "impostor", ["merkle"]) as impostor:
        wrong = replace(airflow_world.partner, port=impostor["merkle"].port)
        airflow_world.connect_partner(monkeypatch, wrong)
        run = airflow_world.run(LAST_DAY)
        assert list((impostor["merkle"].home / "inbound" / "sar").iterdir()) == []
    states = airflow_world.states(run)
    assert (states["render"], states["publish"], states["conclude"]) == ("success", "failed", "failed")
    (publish,) = [instance for instance in run.get_task_instances() if instance.task_id == "publish"]
    assert publish.try_number == 1
    assert "GATED: stopped at GATED; see the red task before this one" in capfd.readouterr().out


def _nothing_personal_or_secret_in(postgres: Postgres, world: AirflowWorld, *, said: str) -> None:
    """Neither Airflow's metadata nor its logs may hold a row's values or the partner's key."""
    with psycopg2.connect(world.dms_dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT trade_account_number FROM dms.v_trade_parts_sale_lines WHERE account_class = 'TRADE'"
        )
        accounts = {str(account) for (account,) in cursor.fetchall() if account}
    with psycopg2.connect(postgres.dsn("airflow")) as connection, connection.cursor() as cursor:
        kept = ""
        for table in ("xcom", "rendered_task_instance_fields", "dag_run", "log"):
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            kept += "\n".join(text for (text,) in cursor.fetchall())
    key_lines = world.partner.private_key.read_text().splitlines()[1:-1]
    assert accounts
    assert key_lines
    assert "rows read" in said
    for place in (kept, said):
        assert [account for account in accounts if f'"{account}"' in place or f" {account} " in place] == []
        assert [line for line in key_lines if line in place] == []
