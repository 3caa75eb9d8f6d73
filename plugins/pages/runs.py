"""From a DAG or one of its runs to its files: tabs on Airflow's own pages."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from include.contract import load_contract
from plugins.pages.access import ReaderDep
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import ledger

router = APIRouter()


@router.get("/of/{interface}")
def of_interface(who: ReaderDep, interface: str) -> RedirectResponse:
    """Lead to the list of an interface's files."""
    direction = load_contract(who.require_seen(interface)).direction
    return RedirectResponse(f"../{'files' if direction == 'outbound' else 'arrivals'}?interface={interface}", 307)


@router.get("/runs/{interface}/{run_id:path}")
def of_run(request: Request, who: ReaderDep, interface: str, run_id: str) -> HTMLResponse:
    """Show the files about which a run told the ledger something."""
    contract = load_contract(who.require_seen(interface))
    with create_session() as session:
        found = [
            (run.queued_at, run.start_date, run.end_date, str(run.state), run.note)
            for run in DagRun.find(interface, run_id, session=session)
        ]
    if not found:
        raise HTTPException(404, "There is no such run.")
    queued, started, ended, state, note = found[0]
    now = datetime.now(UTC)
    with ledger(who.name) as opened:
        files, numbers = opened.files_of_run(interface, run_id, since=started or queued or now, until=ended or now)
        arrivals = opened.arrivals(ids=numbers) if numbers else []
    told = {
        "here": "",
        "contract": contract,
        "run_id": run_id,
        "state": state,
        "note": note,
        "files": files,
        "arrivals": arrivals,
    }
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "run.html", told)
    return page
