"""The quality reports of every run, served from the reports' folder: Great Expectations' pages, without internet."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse

from include.contract import load_contract
from plugins.pages.access import ReaderDep
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import reports_folder

router = APIRouter()
# These pages bring scripts of their own within the text, which do not run; their styles are needed.
REPORT_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; frame-ancestors 'self'; form-action 'none'; base-uri 'none'"
)
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get("/quality")
def reports(request: Request, who: ReaderDep) -> HTMLResponse:
    """List the interfaces that have a report."""
    root = Path(reports_folder())
    found = [
        {"contract": load_contract(name), "there": (root / name / "site" / "index.html").is_file()} for name in who.sees
    ]
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "quality.html", {"here": "quality", "found": found})
    return page


@router.get("/quality/{interface}/{path:path}")
def report(who: ReaderDep, interface: str, path: str) -> FileResponse:
    """Return one file of an interface's report; nothing outside of its folder."""
    site = Path(reports_folder()).resolve() / who.require_seen(interface) / "site"
    wanted = (site / (path or "index.html")).resolve()
    if not wanted.is_relative_to(site) or wanted.suffix not in KINDS or not wanted.is_file():
        raise HTTPException(404, "There is no such page in the report.")
    return FileResponse(wanted, media_type=KINDS[wanted.suffix], headers={"Content-Security-Policy": REPORT_POLICY})
