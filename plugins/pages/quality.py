"""The quality reports of every run, served from the reports' folder: Great Expectations' pages, without internet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse

from include.contract import load_contract
from plugins.pages.access import ReaderDep
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import ledger, reports_folder

router = APIRouter()
WEEKS = 8
# These pages bring scripts of their own within the text, which do not run; their styles are needed.
REPORT_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; frame-ancestors 'self'; form-action 'none'; base-uri 'none'"
)
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get("/quality")
def reports(request: Request, who: ReaderDep) -> HTMLResponse:
    """Show each interface's last weeks, and where its report is."""
    root = Path(reports_folder())
    since = datetime.now(UTC).date() - timedelta(weeks=WEEKS)
    found = []
    with ledger(who.name) as opened:
        for name in who.sees:
            contract = load_contract(name)
            if contract.direction == "outbound":
                days = opened.trend_out(name, since=since)
            else:
                days = opened.trend_in(name, since=since, zone=contract.zone)
            there = (root / name / "site" / "index.html").is_file()
            found.append({"contract": contract, "there": there, "days": days})
    told = {"here": "quality", "found": found, "weeks": WEEKS}
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "quality.html", told)
    return page


@router.get("/quality/{interface}/{path:path}")
def report(who: ReaderDep, interface: str, path: str) -> FileResponse:
    """Return one file of an interface's report; nothing outside of its folder."""
    site = Path(reports_folder()).resolve() / who.require_seen(interface) / "site"
    wanted = (site / (path or "index.html")).resolve()
    if not wanted.is_relative_to(site) or wanted.suffix not in KINDS or not wanted.is_file():
        raise HTTPException(404, "There is no such page in the report.")
    return FileResponse(wanted, media_type=KINDS[wanted.suffix], headers={"Content-Security-Policy": REPORT_POLICY})
