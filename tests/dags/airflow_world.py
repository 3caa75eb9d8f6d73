"""Whole runs of the DAG through Airflow's own `dag.test()`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from include.ledger import Ledger
from local.partners.process import PartnerEndpoint

if TYPE_CHECKING:
    import pytest
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG


@dataclass
class AirflowWorld:
    """The DAG and what its connections lead to."""

    folder: Path
    dms_dsn: str
    ledger_dsn: str
    partner: PartnerEndpoint
    dag: DAG

    def connect_partner(self, monkeypatch: pytest.MonkeyPatch, partner: PartnerEndpoint, **extra: str) -> None:
        """Point the connection `merkle_sftp` at ``partner``."""
        own = {"private_key": partner.private_key.read_text(), "host_key": partner.host_key}
        monkeypatch.setenv(
            "AIRFLOW_CONN_MERKLE_SFTP",
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
        """Run the DAG for ``day`` as its schedule would; ``day=None`` is a trigger without a logical date."""
        morning = None
        if day is not None:
            morning = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZoneInfo("Europe/London"))
        run: DagRun = self.dag.test(logical_date=morning, run_conf=conf)
        return run

    def states(self, run: DagRun) -> dict[str, str]:
        """Task id and how it ended."""
        return {instance.task_id: str(instance.state) for instance in run.get_task_instances()}

    def ledger(self) -> Ledger:
        return Ledger(self.ledger_dsn, actor="test")

    def home(self) -> dict[str, bytes]:
        """What lies in the partner's folder."""
        return {path.name: path.read_bytes() for path in sorted((self.partner.home / "inbound" / "sar").iterdir())}
