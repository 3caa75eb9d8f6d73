"""The pages behind Airflow's own login, and a ledger and reports for them to show."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg2.extensions import parse_dsn

from include.ledger import Ledger, NewNotice, NoticeRow
from tests.crm.dealing import Dealing
from tests.ledger.conftest import empty

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

ROLES = ("viewer", "op", "admin")


@dataclass
class Pages:
    """The pages as a browser reaches them, with a login or without; and what they show."""

    client: Callable[[str | None], TestClient]
    ledger: Ledger
    reports: Path
    crm: Dealing

    def of(self, role: str | None) -> TestClient:
        """A browser of somebody with ``role``; None is not logged in."""
        return self.client(role)


def connection(dsn: str) -> str:
    parts = parse_dsn(dsn)
    return json.dumps(
        {"conn_type": "postgres", "host": parts["host"], "login": parts["user"], "schema": parts["dbname"]}
    )


def browsers() -> Callable[[str | None], TestClient]:
    """Serve the pages below ``/exchange``; returns what makes a browser of somebody with a role, or not logged in."""
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from plugins.pages.lazy import LazyPages

    manager: Any = create_auth_manager()
    site = FastAPI()
    site.mount("/exchange", LazyPages())

    def client(role: str | None) -> TestClient:
        browser = TestClient(site, base_url="http://127.0.0.1", follow_redirects=False)
        if role is not None:
            browser.cookies.set(
                "_token", manager.generate_jwt(SimpleAuthManagerUser(username=f"the-{role}", role=role))
            )
        return browser

    return client


@pytest.fixture
def pages(
    airflow_database: str, ledger_dsn: str, dms_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pages]:
    """Pages over an empty ledger and a DMS without dealers."""
    for name, dsn in (("LEDGER", ledger_dsn), ("DMS", dms_dsn)):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", connection(dsn))
    monkeypatch.setenv("AIRFLOW_VAR_REPORTS_URL", (tmp_path / "reports").as_uri())
    monkeypatch.setenv("AIRFLOW_VAR_ARCHIVE_URL", (tmp_path / "archive").as_uri())
    empty(ledger_dsn)
    (tmp_path / "crm").mkdir()
    dealing = Dealing(dms_dsn, tmp_path / "crm")
    dealing.empty()
    with Ledger(ledger_dsn, actor="test:pages") as ledger:
        yield Pages(browsers(), ledger, tmp_path / "reports", dealing)


def a_run(dag_id: str = "merkle_sar_daily") -> str:
    """A run of the DAG in Airflow's database, begun an hour ago and not ended; returns its id."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType

    run_id = f"manual__{uuid.uuid4()}"
    with create_session() as session:
        run = DagRun(dag_id=dag_id, run_id=run_id, run_type=DagRunType.MANUAL, run_after=datetime.now(UTC))
        run.start_date = datetime.now(UTC) - timedelta(hours=1)
        session.add(run)
    return run_id


def a_notice(ledger: Ledger, *, kind: str = "LATE", subject: str = "merkle_sar_daily 82600001 2026-11-20") -> NoticeRow:
    """An open notice about a file of merkle_sar_daily."""
    said = "merkle_sar_daily, dealer 82600001: the file of 2026-11-20 <b>is late"
    assert ledger.open_notice(
        NewNotice(kind, subject, "merkle_sar_daily", said, "merkle_sar_daily", "82600001", date(2026, 11, 20))
    )
    return ledger.open_notices()[-1]


@pytest.fixture
def known_dags(airflow_database: str) -> None:
    """Airflow knows every interface's DAG, as after the DAG processor has read its file; none is paused."""
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from tests.dags.airflow_world import parsed

    with create_session() as session:
        if session.get(DagBundleModel, "dags-folder") is None:
            session.add(DagBundleModel(name="dags-folder"))
    sync_bag_to_db(parsed(), "dags-folder", None)
    with create_session() as session:
        for model in session.scalars(select(DagModel)):
            model.is_paused = False
