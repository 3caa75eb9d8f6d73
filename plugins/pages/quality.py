"""The quality reports of every run, served from the reports' folder: Great Expectations' pages, without internet."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse

from include.contract import Contract, load_contract
from include.ledger import Ledger
from plugins.pages.access import ReaderDep
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import ledger, reports_folder

router = APIRouter()
WEEKS = 8
LABEL_LETTERS = 100
# These pages bring scripts of their own within the text, which do not run; their styles are needed.
REPORT_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; frame-ancestors 'self'; form-action 'none'; base-uri 'none'"
)
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get("/quality")
def reports(request: Request, who: ReaderDep, dealer: str = "") -> HTMLResponse:
    """Show each interface's last weeks, of all dealers or of one, and where its report is."""
    root = Path(reports_folder())
    since = datetime.now(UTC).date() - timedelta(weeks=WEEKS)
    whose = dealer.strip()[:LABEL_LETTERS] or None
    with ledger(who.name) as opened:
        found = [_trends(opened, load_contract(name), since, whose) for name in who.sees]
    for each in found:
        each["there"] = (root / each["contract"].id / "site" / "index.html").is_file()
    if whose is not None:
        # Of the interfaces in which a dealer has no part there is nothing to tell.
        found = [each for each in found if each["days"]]
    told = {"here": "quality", "found": found, "weeks": WEEKS, "dealer": whose or ""}
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "quality.html", told)
    return page


def _trends(opened: Ledger, contract: Contract, since: date, dealer: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {"contract": contract, "rules": [], "worst": []}
    if contract.direction == "outbound":
        told["days"] = opened.trend_out(contract.id, since=since, dealer=dealer)
        if dealer is not None:
            told["rules"] = opened.rules_of_dealer(contract.id, dealer, since=since)
        zone = None
    else:
        zone = contract.zone
        told["days"] = opened.trend_in(contract.id, since=since, zone=zone, dealer=dealer)
    if dealer is None:
        told["worst"] = opened.worst_dealers(contract.id, since=since, zone=zone)
    return told


@router.get("/quality/{interface}/{path:path}")
def report(who: ReaderDep, interface: str, path: str) -> FileResponse:
    """Return one file of an interface's report; nothing outside of its folder."""
    site = Path(reports_folder()).resolve() / who.require_seen(interface) / "site"
    wanted = (site / (path or "index.html")).resolve()
    if not wanted.is_relative_to(site) or wanted.suffix not in KINDS or not wanted.is_file():
        raise HTTPException(404, "There is no such page in the report.")
    return FileResponse(wanted, media_type=KINDS[wanted.suffix], headers={"Content-Security-Policy": REPORT_POLICY})
