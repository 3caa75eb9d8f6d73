"""The ledger as a task uses it: open for the length of one task, signed with who writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from plugins.connections import postgres_dsn

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.ledger import Ledger


@contextmanager
def ledger_session(conn_id: str, context: Context) -> Iterator[Ledger]:
    """Yield the ledger behind ``conn_id``; its events name the DAG, the run, the task and the try."""
    from include.ledger import Ledger

    instance = context["ti"]
    actor = f"airflow:{instance.dag_id}/{context['run_id']}/{instance.task_id}/try {instance.try_number}"
    with Ledger(postgres_dsn(conn_id), actor=actor) as ledger:
        ledger.check_schema()
        yield ledger
