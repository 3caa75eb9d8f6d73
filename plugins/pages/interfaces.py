"""The morning page: every interface and dealer that is due, and whether anything needs a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from include.contract import Contract, load_contract
from include.duty import InterfaceStanding, last_due, participants, standing
from include.ledger import DayTrend, Ledger
from plugins.pages.access import ReaderDep, form_token
from plugins.pages.notices import sees, watch
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import database, ledger

if TYPE_CHECKING:
    from include.outbound.dealers import Dealer

router = APIRouter()
MOST_NAMED = 20
"""So many dealers of an interface are named on the first page; all of them stand on one of their own."""
DAYS_BACK, MONTHS_BACK = timedelta(days=10), timedelta(days=70)
"""How far back a last file is looked for: a weekly one, a monthly one."""


@router.get("/")
def morning(request: Request, who: ReaderDep) -> HTMLResponse:
    """Show how everything stands; what needs a person comes first."""
    now = datetime.now(UTC)
    with ledger(who.name) as opened:
        found: list[InterfaceStanding] = []
        for name in who.sees:
            found.append(_standing(opened, load_contract(name), now))
        quality = {each.interface: _last_day(opened, load_contract(each.interface), now) for each in found}
        beat = opened.last_beat()
        airflows = [row for row in opened.open_notices() if row.scope.startswith("airflow") and sees(who, row)]
    # What stops every interface is told before any of them; what stops one, with it.
    everywhere = [row for row in airflows if row.interface is None]
    stopped = {each.interface: [row for row in airflows if row.interface == each.interface] for each in found}
    needy = {each.interface for each in found if each.needs_a_person or stopped[each.interface]}
    found.sort(key=lambda each: (each.interface not in needy, each.direction == "inbound", each.interface))
    page: HTMLResponse = TEMPLATES.TemplateResponse(
        request,
        "interfaces.html",
        {
            "here": "interfaces",
            "found": found,
            "now": now,
            "most": MOST_NAMED,
            "needy": needy,
            "acts": who.acts,
            "token": form_token(who),
            "stopped": stopped,
            "everywhere": everywhere,
            "quality": quality,
            "watch": watch(beat, now),
        },
    )
    return page


@router.get("/interfaces/{interface}")
def dealers(request: Request, who: ReaderDep, interface: str) -> HTMLResponse:
    """Show how every dealer of an interface stands; those that need a person come first."""
    contract, now = load_contract(who.require_seen(interface)), datetime.now(UTC)
    with ledger(who.name) as opened:
        each = _standing(opened, contract, now)
    told = {
        "here": "interfaces",
        "each": each,
        "now": now,
        "dealers": sorted(each.dealers, key=lambda one: (not one.needs_a_person, one.dealer)),
    }
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "dealers.html", told)
    return page


def _standing(opened: Ledger, contract: Contract, now: datetime) -> InterfaceStanding:
    taking, trouble = _dealers(contract, now) if contract.direction == "outbound" else ([], None)
    return standing(contract, opened, now=now, dealers=taking, trouble=trouble)


def _last_day(opened: Ledger, contract: Contract, now: datetime) -> DayTrend | None:
    """How good the newest day or month was of which files are known."""
    since = now.date() - (MONTHS_BACK if contract.period_unit == "month" else DAYS_BACK)
    if contract.direction == "outbound":
        days = opened.trend_out(contract.id, since=since)
    else:
        days = opened.trend_in(contract.id, since=since, zone=contract.zone)
    return days[-1] if days else None


def _dealers(contract: Contract, now: datetime) -> tuple[list[Dealer], str | None]:
    """Who takes part in the last due period; and why that is not known, if the DMS cannot be asked."""
    try:
        dsn = database("dms")
    except HTTPException as error:
        return [], str(error.detail)
    return participants(dsn, contract, last_due(contract, now).window)
