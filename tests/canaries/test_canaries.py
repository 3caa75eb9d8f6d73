"""Personal values and secrets go where they must, and nowhere else: real runs, then every place is looked through."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.postgres import Postgres
from tests.canaries.places import in_database, in_files, in_pages
from tests.canaries.planted import DATABASE_PASSWORD, PERSON, Canaries
from tests.canaries.runs import SAMPLE, connect_databases, deliver, import_sales, post_payments
from tests.pages.conftest import browsers

if TYPE_CHECKING:
    from tests.dags.airflow_world import AirflowWorld

# Where people and vehicles belong: what docs/crm.md and docs/warranty.md keep, by table and column. A column that is
# named here and holds nothing fails the test as well, so that the list does not grow beyond what is true.
MAY_HOLD = {
    "crm.activity.unit_identifier",
    "crm.contact.address",
    "crm.contact.city",
    "crm.contact.first_key",
    "crm.contact.first_name",
    "crm.contact.last_key",
    "crm.contact.last_name",
    "crm.contact.postal_code",
    "crm.contact_point.as_given",
    "crm.contact_point.normalised",
    "crm.rejected_row.raw",
    "crm.review_item.said",
    "warranty.claim.vin",
    "warranty.payment_line.vin",
}

PERSONAL = re.compile(r"/(rejected|contacts|warranty/claims|warranty/lines)/\d+")


def test_a_value_is_found_in_every_form_of_it_and_no_number_is_taken_for_one() -> None:
    canaries = Canaries()
    canaries.add_secret("private key", "b3BlbnNzaC1rZXktdjEA")
    for kind, value in PERSON.items():
        for form in (value, value.upper(), value.lower(), f"'{value}'", f'{{"{value}"}}', f"x\n{value},y"):
            assert kind in canaries.kinds_in(form), kind
    for part in ("Quillfeather", "7319264", "KP731964", "zaunkoenig", "GB33 QQKX 9714 3617 3192 64"):
        assert canaries.kinds_in(f"failed on {part}."), part
    assert canaries.kinds_in("key: b3BlbnNzaC1rZXktdjEAAAAA") == {"private key"}
    assert canaries.kinds_in("at 06:00:00.971430, row 1971439, hash a97143b") == set()


def test_what_is_planted_stays_where_it_must(
    make_airflow_world: Callable[..., AirflowWorld],
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    from airflow.configuration import conf

    monkeypatch.setenv("AIRFLOW_VAR_STABLE_SECONDS", "0.2")
    caplog.set_level(logging.INFO)  # as tasks log in Airflow
    canaries = Canaries()
    canaries.add_secret("database password", DATABASE_PASSWORD)
    worlds: list[AirflowWorld] = []
    for name, sample in (("fcs_ddc_daily", SAMPLE), ("proresponse_sales", None), ("renault_warranty_payments", None)):
        world = make_airflow_world(name, sample)
        connect_databases(world, canaries, monkeypatch)
        worlds.append(world)
    deliveries, sales, payments = worlds
    sent = deliver(deliveries)
    kinds = set(PERSON) - {"phone", "bank account"}
    assert canaries.kinds_in(sent) == kinds, "what is sent is what a search must be able to find"
    import_sales(sales)
    post_payments(payments)

    logged = caplog.text
    assert "include." in logged
    told = capfd.readouterr()
    leaks: dict[str, dict[str, set[str]]] = {}
    said = f"{told.out}\n{told.err}"
    assert "rows read" in said
    leaks["what the runs logged"] = _lines(canaries, logged)
    leaks["what the runs said"] = _lines(canaries, said)
    leaks["warnings"] = _lines(canaries, "\n".join(str(each.message) for each in recwarn))
    leaks["Airflow's database"] = in_database(canaries, postgres.dsn("airflow"), ("public",))
    leaks["the ledger"] = in_database(canaries, sales.ledger_dsn, ("ledger",))
    leaks["quality reports"], reports = in_files(canaries, sales.folder / "reports")
    assert reports > 10
    leaks["Airflow's log files"], _ = in_files(canaries, Path(conf.get("logging", "base_log_folder")))
    begin = ["/", "/files", "/arrivals", "/rejected", "/feeds", "/quality", "/catalogue", "/notices", "/contacts",
             "/warranty"]  # fmt: skip
    begin += [f"/of/{world.dag_id}" for world in worlds] + _pages_of_runs(worlds)
    for role in ("viewer", "op", "admin"):
        found, answered = in_pages(canaries, browsers()(role), "/exchange", begin)
        assert _unreached(answered) == set(), f"the links lead a person with the role {role} to every page"
        leaks[f"the pages, as {role}"] = found
    # Who may see personal data sees it where a decision needs it; were it not found there, it could not be elsewhere.
    as_admin = leaks["the pages, as admin"]
    shown = {path for path in as_admin if PERSONAL.fullmatch(path)}
    assert {path.rpartition("/")[0] for path in shown} == {
        "/rejected", "/contacts", "/warranty/claims", "/warranty/lines",
    }  # fmt: skip
    leaks["the pages, as admin"] = {path: kinds for path, kinds in as_admin.items() if path not in shown}
    kept = in_database(canaries, sales.dms_dsn, ("crm", "warranty"))
    assert sorted(kept) == sorted(MAY_HOLD), "columns that hold personal values, and the list of those that may"
    leaks["the CRM and the books"] = {name: kinds & set(canaries.secrets) for name, kinds in kept.items()}
    found_at = [
        f"{where}, {name}: {', '.join(sorted(kinds))}"
        for where, each in leaks.items()
        for name, kinds in each.items()
        if kinds
    ]
    assert not found_at, "\n".join(["personal values or secrets where they may not be", *found_at])


def _lines(canaries: Canaries, text: str) -> dict[str, set[str]]:
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if kinds := canaries.kinds_in(line):
            found[f"line {number}"] = kinds
    return found


def _pages_of_runs(worlds: list[AirflowWorld]) -> list[str]:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        runs = [(world.dag_id, run.run_id) for world in worlds for run in DagRun.find(world.dag_id, session=session)]
    return [f"/runs/{dag_id}/{run_id}" for dag_id, run_id in runs]


def _unreached(answered: set[str]) -> set[str]:
    """Return the routes of pages to which no address led that was answered."""
    from fastapi.routing import APIRoute

    from plugins.pages.app import make_pages

    routes = [route for route in make_pages().routes if isinstance(route, APIRoute) and "GET" in route.methods]

    def form(path: str) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{[a-z_]+(:path)?\}", lambda m: ".+" if m[1] else "[^/]+", path))

    return {route.path for route in routes if not any(form(route.path).fullmatch(each) for each in answered)}
