"""A period is run again from a page: once, by who may, with a reason, as a run of Airflow's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from fastapi.testclient import TestClient

from local.postgres import Postgres
from tests.ledger.conftest import bring, intent
from tests.pages.conftest import Pages
from tests.pages.test_access import token

pytestmark = pytest.mark.usefixtures("known_dags")


def run(pages: Pages, interface: str, role: str = "op", **told: Any) -> Any:
    form = {"form_token": token(role), "reason": "the line was down", **told}
    return pages.of(role).post(f"/exchange/runs/{interface}", data=form)


def runs(interface: str) -> list[Any]:
    from airflow.models.dagrun import DagRun

    return [each for each in DagRun.find(interface) if str(each.state) == "queued"]


def test_a_held_files_period_is_run_for_its_dealer_with_who_and_why(pages: Pages) -> None:
    file = bring(pages.ledger, pages.ledger.plan(**intent()), "GATED")
    assert 'id="run"' not in pages.of("viewer").get(f"/exchange/files/{file.id}").text
    assert 'id="run"' in pages.of("op").get(f"/exchange/files/{file.id}").text
    answer = run(pages, "merkle_sar_daily", file=str(file.id))
    assert answer.status_code == 303
    (made,) = [each for each in runs("merkle_sar_daily") if (each.conf or {}).get("dealers") == [file.dealer]]
    assert made.conf == {"business_date": file.window.last_date.isoformat(), "dealers": [file.dealer]}
    assert (made.triggering_user_name, made.run_type) == ("the-op", "manual")
    page = pages.of("op").get(f"/exchange/runs/{answer.headers['location']}").text
    assert "The run is <b>queued</b>: the line was down." in page
    assert run(pages, "merkle_sar_daily", file=str(file.id)).status_code == 409, "a second click"


def test_of_four_clicks_at_the_same_moment_one_makes_a_run(pages: Pages) -> None:
    browsers = [pages.of("op") for _ in range(4)]
    form = {"form_token": token("op"), "reason": "the line was down", "period": "2026-10-09"}

    def click(browser: TestClient) -> int:
        return browser.post("/exchange/runs/merkle_sar_daily", data=form).status_code

    with ThreadPoolExecutor(4) as clicks:
        assert sorted(clicks.map(click, browsers)) == [303, 409, 409, 409]
    assert len([each for each in runs("merkle_sar_daily") if each.conf == {"business_date": "2026-10-09"}]) == 1


def test_who_clicks_meanwhile_waits_until_it_is_known_whether_there_is_a_run(pages: Pages, postgres: Postgres) -> None:
    form = {"form_token": token("op"), "reason": "the line was down", "period": "2026-10-10"}
    assert run(pages, "merkle_sar_daily", period="2026-10-11").status_code == 303  # now the pages are made
    with (
        closing(psycopg2.connect(postgres.dsn("airflow"))) as another,
        another.cursor() as cursor,
        ThreadPoolExecutor(1) as clicks,
    ):
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('exchange run merkle_sar_daily'))")
        answer = clicks.submit(pages.of("op").post, "/exchange/runs/merkle_sar_daily", data=form)
        with pytest.raises(TimeoutError):
            answer.result(timeout=2)
        another.rollback()
        assert answer.result(timeout=30).status_code == 303


@pytest.mark.parametrize(
    ("interface", "period", "conf"),
    [
        ("merkle_sar_daily", "2026-11-20", {"business_date": "2026-11-20"}),
        ("renault_sar_monthly", "2026-10", {"month": "2026-10"}),
        ("proresponse_sales", "", {}),
    ],
)
def test_an_interface_is_run_for_a_period_or_for_what_has_come(
    pages: Pages, interface: str, period: str, conf: dict[str, str]
) -> None:
    before = {each.run_id for each in runs(interface)}
    assert run(pages, interface, period=period).status_code == 303
    (made,) = [each for each in runs(interface) if each.run_id not in before]
    assert made.conf == conf


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"period": "yesterday"}, 422),
        ({"period": "{{ ds }}"}, 422),
        ({"period": "2026-10-05", "reason": " "}, 422),
        ({"file": "1; DROP"}, 422),
        ({"file": "999999"}, 404),
    ],
)
def test_nonsense_runs_nothing(pages: Pages, told: dict[str, str], status: int) -> None:
    before = len(runs("merkle_sar_daily"))
    assert run(pages, "merkle_sar_daily", **told).status_code == status
    assert run(pages, "nobody", period="2026-10-05").status_code == 404
    assert run(pages, "merkle_sar_daily", role="viewer", period="2026-10-05").status_code == 403
    assert len(runs("merkle_sar_daily")) == before


def test_a_paused_dag_is_named(pages: Pages) -> None:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        model = DagModel.get_dagmodel("fcs_ddc_daily", session=session)
        assert model is not None
        model.is_paused = True
    answer = run(pages, "fcs_ddc_daily", period="2026-10-05")
    assert answer.status_code == 409
    assert "is paused" in answer.text
