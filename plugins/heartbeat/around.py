"""What Airflow itself tells: parts that stand still; DAGs paused, broken, unknown, or whose last run failed."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Sequence

from airflow.api.common.airflow_health import HEALTHY, get_airflow_health
from airflow.configuration import conf

from include.ledger import NewNotice
from include.notices import Looked

PARTS = "airflow"
DAGS = "airflow/dags"
API_SECONDS = 15
_MEANING = {
    "metadatabase": "Airflow's database does not answer: nothing runs, and nothing more can be said of its DAGs",
    "scheduler": "Airflow's scheduler gives no sign of life: no DAG runs until it is started again",
    "triggerer": "Airflow's triggerer gives no sign of life: tasks that wait, wait on",
    "dag_processor": "Airflow's DAG processor gives no sign of life: changes of DAGs are not taken up",
    "api-server": "Airflow's API server does not answer: tasks cannot report, and there is no web page",
}


def look_at_airflow(interfaces: Sequence[str]) -> Looked:
    """Return what of Airflow needs a person; of DAGs only those of ``interfaces``."""
    health = get_airflow_health()
    # A part that never ran here has no status; the scheduler always has one.
    ill = [part for part, said in health.items() if said["status"] not in (HEALTHY, None)]
    if not _api_answers():
        ill.append("api-server")
    parts = Looked(
        tuple(NewNotice("COMPONENT", part, PARTS, _MEANING.get(part, f"Airflow: {part} is unhealthy")) for part in ill),
        frozenset([PARTS]),
    )
    return parts if "metadatabase" in ill else parts + _dags(interfaces)


def _api_answers() -> bool:
    """Whether the API server that tasks talk to answers; it needs no login for that."""
    base = conf.get("core", "execution_api_server_url", fallback=None)
    if not base:
        base = f"{conf.get('api', 'base_url', fallback='http://localhost:8080').rstrip('/')}/execution/"
    # No proxy: it is ours, wherever it stands.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{base.rstrip('/')}/health", timeout=API_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, ValueError):
        return False


def _dags(interfaces: Sequence[str]) -> Looked:
    from airflow.models.dag import DagModel
    from airflow.models.errors import ParseImportError
    from airflow.utils.session import create_session
    from sqlalchemy import select

    found: list[NewNotice] = []
    with create_session() as session:
        for name in session.scalars(select(ParseImportError.filename)):
            # The error itself may quote anything; Airflow shows it to who may see it.
            said = f"The DAG file {name} cannot be imported; the list of DAGs in Airflow says why"
            found.append(NewNotice("BROKEN_DAG", str(name), DAGS, said))
        told = select(DagModel.dag_id, DagModel.is_paused, DagModel.is_stale).where(DagModel.dag_id.in_(interfaces))
        known = {dag_id: (is_paused, is_stale) for dag_id, is_paused, is_stale in session.execute(told)}
        for interface in interfaces:
            if interface not in known or known[interface][1]:
                said = f"Airflow does not know the DAG {interface}; is its file there, and does it import?"
                found.append(NewNotice("ABSENT_DAG", interface, DAGS, said, interface))
            elif known[interface][0]:
                said = f"The DAG {interface} is paused: nothing goes or comes until somebody switches it on in Airflow"
                found.append(NewNotice("PAUSED_DAG", interface, DAGS, said, interface))
            elif (run_id := _failed_run(session, interface)) is not None:
                said = f"The last run of {interface} failed: {run_id}; its red task says why"
                found.append(NewNotice("FAILED_RUN", f"{interface} {run_id}", DAGS, said, interface))
    return Looked(tuple(found), frozenset([DAGS]))


def _failed_run(session: object, interface: str) -> str | None:
    """The id of the run that ended last, if it failed."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select
    from sqlalchemy.orm import Session

    assert isinstance(session, Session)
    asked = (
        select(DagRun.run_id, DagRun.state)
        .where(DagRun.dag_id == interface, DagRun.state.in_(("success", "failed")))
        .order_by(DagRun.end_date.desc().nulls_last(), DagRun.id.desc())
        .limit(1)
    )
    row = session.execute(asked).one_or_none()
    return str(row[0]) if row is not None and row[1] == "failed" else None
