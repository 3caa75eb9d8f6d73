"""Every interface as its contract states it: direction, data, purpose, where it is stored, who else gets it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from include.contract import Contract, load_contract
from include.reconcile.report import safe
from plugins.pages.access import ReaderDep
from plugins.pages.rendering import TEMPLATES

router = APIRouter()
RECORD_COLUMNS = (
    "interface", "contract_version", "direction", "partner", "recipient", "field", "description", "classification",
    "purpose", "legal_basis", "kept_days", "stored_at", "shared_with",
)  # fmt: skip


@router.get("/catalogue")
def catalogue(request: Request, who: ReaderDep) -> HTMLResponse:
    """Show all interfaces."""
    contracts = [load_contract(name) for name in who.sees]
    page: HTMLResponse = TEMPLATES.TemplateResponse(
        request, "catalogue.html", {"here": "catalogue", "contracts": contracts}
    )
    return page


@router.get("/catalogue/record-of-processing.csv")
def record_of_processing(who: ReaderDep) -> Response:
    """Return each field that says something about a person, with purpose and legal basis; no text is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(RECORD_COLUMNS)
    for name in who.sees:
        for row in _personal(load_contract(name)):
            writer.writerow([safe(value) if isinstance(value, str) else value for value in row])
    name = f"record-of-processing-{datetime.now(UTC):%Y-%m-%d}.csv"
    return Response(
        text.getvalue().encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/catalogue/{interface}")
def one_interface(request: Request, who: ReaderDep, interface: str) -> HTMLResponse:
    """Show one interface with its fields and rules."""
    contract = load_contract(who.require_seen(interface))
    page: HTMLResponse = TEMPLATES.TemplateResponse(
        request, "contract.html", {"here": "catalogue", "contract": contract}
    )
    return page


def _personal(contract: Contract) -> list[list[str | int]]:
    return [
        [
            contract.id, contract.version, contract.direction, contract.partner, contract.recipient, field.name,
            field.description, field.classification or "", field.purpose or "", field.legal_basis or "",
            contract.retention_days, contract.recipient_storage, ", ".join(contract.shared_with),
        ]
        for field in contract.fields
        if field.personal
    ]  # fmt: skip
