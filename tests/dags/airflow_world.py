"""Whole runs of a DAG through Airflow's own `dag.test()`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2

from include.contract import load_contract
from include.ledger import Ledger
from include.window import period_window
from local.partners.process import PartnerEndpoint
from local.postgres import Postgres

if TYPE_CHECKING:
    import pytest
    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.dagrun import DagRun

ROOT = Path(__file__).resolve().parents[2]
METADATA = ("xcom", "rendered_task_instance_fields", "dag_run", "log")
LEDGER = tuple(
    f"ledger.{name}" for name in ("event", "file", "rejected_row", "quality_result", "arrival", "inbound_feed")
)


def parsed() -> DagBag:
    """Every DAG file, parsed as the DAG processor does."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"), bundle_path=ROOT / "dags", bundle_name="dags-folder")


@dataclass
class AirflowWorld:
    """A DAG and what its connections lead to."""

    folder: Path
    dms_dsn: str
    ledger_dsn: str
    partner: PartnerEndpoint
    dag_id: str

    def connect_partner(self, monkeypatch: pytest.MonkeyPatch, partner: PartnerEndpoint, **extra: str) -> None:
        """Point the partner's own connection, such as `merkle_sftp`, at ``partner``."""
        own = {"private_key": partner.private_key.read_text(), "host_key": partner.host_key}
        monkeypatch.setenv(
            f"AIRFLOW_CONN_{load_contract(self.dag_id).partner.upper()}_SFTP",
            json.dumps(
                {
                    "conn_type": "sftp",
                    "host": partner.host,
                    "port": partner.port,
                    "login": partner.username,
                    "extra": own | extra,
                }
            ),
        )

    def run(self, day: date | None, **conf: Any) -> DagRun:
        """Run the DAG for the period of ``day`` as its schedule would; ``None`` triggers without a logical date."""
        logical_date = None
        if day is not None:
            contract = load_contract(self.dag_id)
            # A week after the period's end it is due, a day's file as well as a month's.
            logical_date = period_window(contract.period_unit, day, contract.zone).end
            logical_date += timedelta(days=7 if contract.period_unit == "month" else 0, hours=6)
        # Parsed anew: `dag.test` leaves a run's parameters in the DAG, and the next run would take them for its own.
        run: DagRun = parsed().dags[self.dag_id].test(logical_date=logical_date, run_conf=conf)
        return run

    def states(self, run: DagRun) -> dict[str, str]:
        """Task id and how it ended."""
        return {instance.task_id: str(instance.state) for instance in run.get_task_instances()}

    def ledger(self) -> Ledger:
        return Ledger(self.ledger_dsn, actor="test")

    def kept(self, postgres: Postgres) -> str:
        """All that Airflow's metadata, the ledger and the quality reports hold, as one text to search in."""
        text = ""
        for dsn, tables in ((postgres.dsn("airflow"), METADATA), (self.ledger_dsn, LEDGER)):
            with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
                for table in tables:
                    cursor.execute(f"SELECT t::text FROM {table} AS t")
                    text += "\n".join(row for (row,) in cursor.fetchall())
            connection.close()
        for path in (self.folder / "reports").rglob("*"):
            if path.suffix in (".json", ".html"):
                text += path.read_text(encoding="utf-8", errors="replace")
        return text

    def home(self) -> dict[str, bytes]:
        """What lies in the partner's folder."""
        folder = self.partner.home / load_contract(self.dag_id).remote_dir.lstrip("/")
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
