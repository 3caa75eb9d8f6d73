"""The morning page: every interface and dealer that is due, and whether anything needs a person."""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg2
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from include.contract import Contract, load_contract
from include.duty import InterfaceStanding, last_due, standing
from plugins.pages.access import ReaderDep
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import database, ledger

if TYPE_CHECKING:
    from include.outbound.dealers import Dealer

LOG = logging.getLogger(__name__)
STATEMENT_MILLISECONDS = 5000
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
    found.sort(key=lambda each: (not each.needs_a_person, each.direction == "inbound", each.interface))
    page: HTMLResponse = TEMPLATES.TemplateResponse(
        request,
        "interfaces.html",
        {"here": "interfaces", "found": found, "now": now, "waiting": sum(each.needs_a_person for each in found)},
    )
    return page


def _dealers(contract: Contract, now: datetime) -> tuple[list[Dealer], str | None]:
    """Who takes part in the last due period; and why that is not known, if the DMS cannot be asked."""
    from include.outbound.dealers import ExtractError, read_dealers

    try:
        with closing(psycopg2.connect(database("dms"), connect_timeout=3)) as connection:
            connection.set_session(readonly=True)
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = %s", [STATEMENT_MILLISECONDS])
            return read_dealers(connection, contract, last_due(contract, now).window), None
    except (psycopg2.Error, HTTPException) as error:
        LOG.warning("%s: the DMS cannot be asked for its dealers: %s", contract.id, type(error).__name__)
        return [], "the DMS cannot be asked who takes part; dealers without any file are not shown"
    except ExtractError as error:
        return [], str(error)
