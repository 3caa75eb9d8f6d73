"""Running a period again from a page, as a person does with Airflow's own Trigger: their run, with their reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from airflow.api_fastapi.core_api.datamodels.dag_run import TriggerDAGRunPostBody
from airflow.api_fastapi.core_api.routes.public.dag_run import trigger_dag_run
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse

from include.contract import load_contract
from include.ledger import LedgerError
from include.ledger.cli_decisions import run_parameters
from plugins.pages.access import ReaderDep, require_own_form
from plugins.pages.sources import ledger

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from include.contract import Contract

router = APIRouter()
REASON_LETTERS = 500
UNDER_WAY = (DagRunState.QUEUED, DagRunState.RUNNING)


@router.post("/runs/{interface}", dependencies=[Depends(require_own_form)])
def run(
    request: Request,
    who: ReaderDep,
    user: GetUserDep,
    interface: str,
    period: Annotated[str, Form()] = "",
    file: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """Have Airflow run an interface: for one file's period and dealer, for a period, or for whatever has come in."""
    contract = load_contract(who.require_seen(interface))
    who.require_acting(interface)
    if not reason.strip() or len(reason) > REASON_LETTERS:
        raise HTTPException(422, f"Say why, in one sentence of at most {REASON_LETTERS} letters.")
    asked = _parameters(contract, who.name, period, file)
    body = TriggerDAGRunPostBody(logical_date=None, conf=dict(asked), note=reason.strip())
    with create_session() as session:
        _require_free(interface, asked, session)
        made: Any = trigger_dag_run(interface, body, DBDagBag(), user, session, request)
        run_id = str(made.run_id)
    return RedirectResponse(f"{interface}/{quote(run_id, safe='')}", status_code=303)


def _parameters(contract: Contract, name: str, period: str, file: str) -> Mapping[str, object]:
    """What the run is asked for, checked here: it comes from a form."""
    if contract.direction == "inbound":
        return {}
    if file:
        if not (file.isascii() and file.isdigit() and len(file) <= 18):
            raise HTTPException(422, "A file is named by its number.")
        with ledger(name) as opened:
            try:
                found = opened.file(int(file))
            except LedgerError as error:
                raise HTTPException(404, "There is no such file.") from error
        if found.interface != contract.id:
            raise HTTPException(404, "There is no such file.")
        return run_parameters(found)
    try:
        first = date.fromisoformat(f"{period}-01" if contract.period_unit == "month" else period)
    except ValueError:
        form = "2026-10" if contract.period_unit == "month" else "2026-10-31"
        raise HTTPException(422, f"Name the period, like {form}.") from None
    if contract.period_unit == "month":
        return {"month": f"{first:%Y-%m}"}
    return {"business_date": first.isoformat()}


def _require_free(interface: str, asked: Mapping[str, object], session: Session) -> None:
    """
    Let a run be asked for that would begin, and is not there yet; until ``session`` ends nobody else can ask for one.

    :raises HTTPException: 409 if the DAG is paused, or a run with the same parameters waits or runs.
    """
    from sqlalchemy import text

    session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"exchange run {interface}"})
    model = DagModel.get_dagmodel(interface, session=session)
    if model is not None and model.is_paused:
        raise HTTPException(409, f"The DAG {interface} is paused: switch it on in Airflow first.")
    for state in UNDER_WAY:
        for each in DagRun.find(interface, state=state, session=session):
            if dict(each.conf or {}) == dict(asked):
                raise HTTPException(409, f"Run {each.run_id} for the same is {state.value} already.")
