"""The morning page: every interface and dealer that is due, and whether anything needs a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from include.contract import Contract, load_contract
from include.duty import InterfaceStanding, last_due, participants, standing
from plugins.pages.access import ReaderDep
from plugins.pages.notices import sees, watch
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import database, ledger

if TYPE_CHECKING:
    from include.outbound.dealers import Dealer

router = APIRouter()


@router.get("/")
def morning(request: Request, who: ReaderDep) -> HTMLResponse:
    """Show how everything stands; what needs a person comes first."""
    now = datetime.now(UTC)
    with ledger(who.name) as opened:
        found: list[InterfaceStanding] = []
        for name in who.sees:
            contract = load_contract(name)
            dealers, trouble = _dealers(contract, now) if contract.direction == "outbound" else ([], None)
            found.append(standing(contract, opened, now=now, dealers=dealers, trouble=trouble))
        beat = opened.last_beat()
        # What stops every interface is told before any of them.
        everywhere = [row for row in opened.open_notices() if row.scope.startswith("airflow") and sees(who, row)]
    found.sort(key=lambda each: (not each.needs_a_person, each.direction == "inbound", each.interface))
    page: HTMLResponse = TEMPLATES.TemplateResponse(
        request,
        "interfaces.html",
        {
            "here": "interfaces",
            "found": found,
            "now": now,
            "waiting": sum(each.needs_a_person for each in found),
            "everywhere": everywhere,
            "watch": watch(beat, now),
        },
    )
    return page


def _dealers(contract: Contract, now: datetime) -> tuple[list[Dealer], str | None]:
    """Who takes part in the last due period; and why that is not known, if the DMS cannot be asked."""
    try:
        dsn = database("dms")
    except HTTPException as error:
        return [], str(error.detail)
    return participants(dsn, contract, last_due(contract, now).window)
