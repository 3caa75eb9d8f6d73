"""The whole DDC DAG through Airflow's own `dag.test()`, over the French sample group."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest
from lxml import etree

from local.postgres import Postgres
from local.sample import Parameters, french_truth

if TYPE_CHECKING:
    from tests.dags.airflow_world import AirflowWorld

LAST_DAY = date(2026, 11, 20)  # A Friday.
SAMPLE: dict[str, Any] = {"dealers": 2, "days": 12, "lines": 600, "seed": 7, "until": LAST_DAY}
TRUTH = french_truth(Parameters(**SAMPLE))
GOING = sorted(point.rrdi for point in TRUTH.points if point.goes_on(LAST_DAY))


@pytest.fixture
def ddc(make_airflow_world: Callable[..., AirflowWorld]) -> AirflowWorld:
    return make_airflow_world("fcs_ddc_daily", SAMPLE)


def data_files(world: AirflowWorld) -> list[str]:
    return [name for name in world.home() if not name.endswith(".manifest.xml")]


def test_run_delivers_who_agreed_and_names_the_others(
    ddc: AirflowWorld, postgres: Postgres, capfd: pytest.CaptureFixture[str]
) -> None:
    run = ddc.run(LAST_DAY)
    said = capfd.readouterr().out
    assert data_files(ddc) == [f"DDC_{rrdi}_20261120_000001.xml" for rrdi in GOING]
    with ddc.ledger() as ledger:
        states = {file.dealer: file.state for file in ledger.files(interface="fcs_ddc_daily")}
    fates = {"GOES": "PUBLISHED", "WITHHELD": "WITHHELD", "HELD": "HELD"}
    assert states == {point.label: fates[point.fate] for point in TRUTH.points}
    # Numbers that somebody has to mend make it red; what nobody agreed to does not.
    held = [point for point in TRUTH.points if point.fate == "HELD"]
    assert ddc.states(run)["conclude"] == "failed"
    assert f"{len(held)} of {len(states)} files of fcs_ddc_daily did not go" in said
    withheld = sum(state == "WITHHELD" for state in states.values())
    assert f"{withheld} of {len(states)} files are withheld" in said
    _nobody_is_named(postgres, ddc, said=said)


def test_points_of_sale_by_hand_and_a_preview_send_nothing_twice(ddc: AirflowWorld) -> None:
    run = ddc.run(None, business_date="2026-11-20", dealers=GOING[:2], mode="preview")
    assert set(ddc.states(run).values()) == {"success"}
    assert ddc.home() == {}
    run = ddc.run(None, business_date="2026-11-20", dealers=GOING[:2])
    assert set(ddc.states(run).values()) == {"success"}
    home = ddc.home()
    assert data_files(ddc) == [f"DDC_{rrdi}_20261120_000001.xml" for rrdi in GOING[:2]]
    assert all(etree.fromstring(content) is not None for content in home.values())
    run = ddc.run(None, business_date="2026-11-20", dealers=GOING[:2])
    assert ddc.states(run)["conclude"] == "success"
    assert ddc.home() == home


def _nobody_is_named(postgres: Postgres, world: AirflowWorld, *, said: str) -> None:
    """Neither Airflow's metadata and logs nor the ledger nor the reports may hold anything of a person."""
    with psycopg2.connect(world.dms_dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT email, mobile, family_name FROM dms.customer WHERE point_of_sale_id IS NOT NULL"
            " UNION ALL SELECT signatory_name, NULL, NULL FROM dms.agreement"
            " UNION ALL SELECT vin, registration, NULL FROM dms.workshop_invoice"
        )
        values = {str(value) for row in cursor.fetchall() for value in row if value is not None and len(value) > 5}
    kept = world.kept(postgres) + said
    assert len(values) > 100
    assert [value for value in values if value in kept] == []
