"""The warranty payments' DAG through Airflow's own `dag.test()`, from a partner's directory to the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from include.feeds import add_feed
from local.postgres import Postgres
from tests.collect.collecting import drop
from tests.imports.payments import VIN, paid, payment
from tests.warranty.books import Books, claim

if TYPE_CHECKING:
    from tests.dags.airflow_world import AirflowWorld


@pytest.fixture
def payments(make_airflow_world: Callable[..., AirflowWorld], monkeypatch: pytest.MonkeyPatch) -> AirflowWorld:
    monkeypatch.setenv("AIRFLOW_VAR_STABLE_SECONDS", "0.2")
    world = make_airflow_world("renault_warranty_payments", None)
    (world.partner.home / "payments").mkdir(parents=True)
    with world.ledger() as ledger:
        add_feed(
            ledger,
            interface="renault_warranty_payments",
            dealer="uk_group",
            directory="payments",
            pattern=r"^GAREXP_[0-9]+\.csv$",
            date_format="%d/%m/%Y",
            conn_id="renault_sftp",
            delete_from_server=True,
        )
    return world


def test_run_posts_what_is_right_and_names_what_is_not(
    payments: AirflowWorld, postgres: Postgres, capfd: pytest.CaptureFixture[str]
) -> None:
    books = Books(payments.dms_dsn).open()
    books.load(claim("C1"), claim("C2"))
    home = payments.partner.home / "payments"
    good = payment("CN1", paid("C1"), paid("C2", "60.00"), paid("C3", RetailDealer="R7"))
    drop(home / "GAREXP_1.csv", good)
    drop(home / "GAREXP_2.csv", payment("CN2", paid("C1"), Labour="99.00"))
    run = payments.run(None)
    said = capfd.readouterr().out
    assert payments.states(run) == {
        **dict.fromkeys(("collect", "check", "post", "remove", "report"), "success"),
        "conclude": "failed",
    }
    assert "renault_warranty_payments: 2 to look at" in said
    assert "REJECTED (TOTALS)" in said
    assert "labour: header 99.00, lines 100.00" in said
    assert (
        "CN1 has 100.00 GBP in suspense, for retail dealer codes that are nobody's here or another main dealer's: R7"
        in said
    )
    assert [path.name for path in home.iterdir()] == ["GAREXP_2.csv"]
    assert books.outcomes() == {
        ("CN1", 1): ("FULL", "K-C1", "NUMBER"),
        ("CN1", 2): ("UNDER", "K-C2", "NUMBER"),
        ("CN1", 3): ("UNMATCHED", None, "UNKNOWN_RETAIL_DEALER"),
    }
    site = payments.folder / "reports" / "renault_warranty_payments" / "site"
    assert 'href="figures.html"' in (site / "index.html").read_text()
    figures = (site / "figures.html").read_text()
    assert "100.00 GBP in suspense" in figures
    assert "<td>dealer_1</td><td>GBP</td>" in figures
    drop(home / "GAREXP_3.csv", good)
    there = books.balances()
    assert set(payments.states(payments.run(None)).values()) == {"success"}
    assert books.balances() == there
    kept = payments.kept(postgres) + said + capfd.readouterr().out
    assert "GAREXP_1.csv" in kept
    assert VIN not in kept
