"""The inbound DAGs through Airflow's own `dag.test()`, from a partner's directory to the CRM."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from include.feeds import add_feed
from local.postgres import Postgres
from tests.collect.collecting import drop
from tests.imports.importing import file_of, sold

if TYPE_CHECKING:
    from tests.dags.airflow_world import AirflowWorld

DIRECTORY = "lakeside/outgoing"


@pytest.fixture
def sales(make_airflow_world: Callable[..., AirflowWorld], monkeypatch: pytest.MonkeyPatch) -> AirflowWorld:
    monkeypatch.setenv("AIRFLOW_VAR_STABLE_SECONDS", "0.2")
    world = make_airflow_world("proresponse_sales", None)
    (world.partner.home / DIRECTORY).mkdir(parents=True)
    with world.ledger() as ledger:
        for dealer, directory in (("lakeside", DIRECTORY), ("nowhere", "does/not/exist")):
            add_feed(
                ledger,
                interface="proresponse_sales",
                dealer=dealer,
                directory=directory,
                pattern=r"_SL\.csv$",
                conn_id="proresponse_sftp",
                delete_from_server=True,
            )
    return world


def crm(world: AirflowWorld, query: str) -> list[tuple[Any, ...]]:
    with psycopg2.connect(world.dms_dsn) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetchall()
    connection.close()
    return found


def test_run_imports_what_is_there_and_a_second_one_finds_nothing_new(
    sales: AirflowWorld, postgres: Postgres, capfd: pytest.CaptureFixture[str]
) -> None:
    home = sales.partner.home / DIRECTORY
    bad = sold(DealNumber="D2", StockNumber="S2", SoldDate="", LastName="Canarybird")
    drop(home / "a_SL.csv", file_of(sold(LastName="Canarybird"), bad))
    drop(home / "b_SL.csv", b"\xff\xfe" + file_of(sold(LastName="Canarybird")))
    drop(home / "readme.txt", b"none of ours")
    run = sales.run(None)
    said = capfd.readouterr().out
    # One dealer's directory and one of the files are at fault; the other file is imported all the same.
    assert sales.states(run) == {
        **dict.fromkeys(("collect", "check", "apply", "remove", "report"), "success"),
        "conclude": "failed",
    }
    assert "proresponse_sales: 2 to look at" in said
    assert "dealer nowhere: a whole feed could not be had (REMOTE_PATH_MISSING)" in said
    assert "REJECTED (ENCODING)" in said
    assert "2 rows read, 1 of them rejected; activities: 1 created" in said
    assert sorted(path.name for path in home.iterdir()) == ["b_SL.csv", "readme.txt"]
    assert crm(sales, "SELECT type, last_name FROM crm.activity JOIN crm.contact USING (contact_id)") == [
        ("SOLD_UNIT", "Canarybird")
    ]
    assert (sales.folder / "reports" / "proresponse_sales" / "site" / "index.html").exists()
    with sales.ledger() as ledger:
        feeds = {feed.dealer: feed.id for feed in ledger.inbound_feeds()}
        ledger.move_inbound_feed(feeds["nowhere"], "PAUSED", reason="the dealer is asked where its files are")
    again = sales.run(None)
    said += capfd.readouterr().out
    assert set(sales.states(again).values()) == {"success"}
    assert "0 rows read" in said
    assert crm(sales, "SELECT count(*) FROM crm.activity") == [(1,)]
    # Neither logs nor metadata nor ledger nor reports tell who bought what.
    kept = sales.kept(postgres) + said
    assert "a_SL.csv" in kept
    assert "Canarybird" not in kept


def test_file_that_has_not_come_makes_one_run_red_and_no_other(
    sales: AirflowWorld, capfd: pytest.CaptureFixture[str]
) -> None:
    with psycopg2.connect(sales.ledger_dsn) as connection, connection.cursor() as cursor:
        # The ledger lets nobody rewrite it; this feed is to be three days old all the same.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM ledger.inbound_feed WHERE dealer = 'nowhere'")
        cursor.execute("UPDATE ledger.inbound_feed SET changed_at = changed_at - interval '3 days'")
    connection.close()
    assert sales.states(sales.run(None))["conclude"] == "failed"
    said = capfd.readouterr().out
    assert "proresponse_sales, dealer lakeside: the file of " in said
    assert "has not come; ask the dealer or the partner" in said
    assert set(sales.states(sales.run(None)).values()) == {"success"}


def test_setting_that_is_no_number_of_seconds_stops_the_run_and_says_what_to_set(
    sales: AirflowWorld, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_STABLE_SECONDS", "a minute")
    states = sales.states(sales.run(None))
    assert (states["collect"], states["apply"], states["conclude"]) == ("failed", "upstream_failed", "failed")
    said = capfd.readouterr().out
    assert "stable_seconds is 'a minute'; set the variable to seconds from 0 to 900" in said
    assert "see the log of `collect`" in said
