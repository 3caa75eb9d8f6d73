"""One claim, one payment line, one decision of the warranty books, and what a person may decide there."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from include.warranty.decisions import DIFFERENCES, Decision, Difference, decide, move, reverse
from include.warranty.sheets import ClaimSheet, LineSheet, claim_sheet, decision_sheet, line_sheet
from plugins.pages.access import Reader, ReaderDep, form_token, require_own_form
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import database
from plugins.pages.warranty import INTERFACE, Found, asked

LOG = logging.getLogger(__name__)
REASON_LETTERS = 500
# As by command: write-off, part-pay-leave-open.
VERBS: Mapping[str, Difference] = {kind.lower().replace("_", "-"): kind for kind in DIFFERENCES}
MEANING: Mapping[str, str] = {
    "WRITE_OFF": "Take the difference as a loss, or as a gain if too much was paid, and close the claim.",
    "WRITE_OFF_LEAVE_OPEN": "Take it as a loss and leave the claim open: a later payment takes the loss back first.",
    "PART_PAY": "Close the claim as paid in part, and keep the difference as what the manufacturer owes.",
    "PART_PAY_LEAVE_OPEN": "Post nothing, and record that somebody looked: the claim waits for the rest.",
}
AMOUNT = re.compile(r"-?\d{1,12}(\.\d{1,2})?")
router = APIRouter(prefix="/warranty")
Text = Annotated[str, Form()]


@router.get("/claims/{number}")
def one_claim(request: Request, who: ReaderDep, number: int) -> HTMLResponse:
    """Show one claim; its vehicle only to who may see personal data."""
    who.require_seen(INTERFACE)
    claim = _claim(number)
    if who.personal and claim.vin:
        LOG.info("%s looked at the vehicle of warranty claim %s", who.name, number)
    told = {"claim": claim, "vin": claim.vin if who.personal else None, "decided": claim.decisions}
    return _show(request, who, "warranty_claim.html", told, (*VERBS, "move"))


@router.get("/lines/{number}")
def one_line(request: Request, who: ReaderDep, number: int) -> HTMLResponse:
    """Show one payment line and the claims that it could be of; its vehicle only to who may see personal data."""
    who.require_seen(INTERFACE)
    line = _line(number)
    if who.personal and line.vin:
        LOG.info("%s looked at the vehicle of warranty payment line %s", who.name, number)
    told = {"line": line, "vin": line.vin if who.personal else None, "decided": line.decisions}
    return _show(request, who, "warranty_line.html", told, ("move",))


@router.get("/decisions/{number}")
def one_decision(request: Request, who: ReaderDep, number: int) -> HTMLResponse:
    """Show one decision."""
    who.require_seen(INTERFACE)
    return _show(request, who, "warranty_decision.html", {"decision": _decision(number)}, ("reverse",))


@router.post("/claims/{number}/move", dependencies=[Depends(require_own_form)])
def move_from_claim(
    who: ReaderDep, number: int, expected: Text = "", to: Text = "", amount: Text = "", reason: Text = ""
) -> RedirectResponse:
    """Move what a claim was paid too much to another claim of its dealer, if it is as much as the person saw."""
    who.require_acting(INTERFACE)
    _claim(number)
    return _moved(who, number, {"claim_id": number}, expected, to, amount, reason)


@router.post("/claims/{number}/{verb}", dependencies=[Depends(require_own_form)])
def decide_claim(who: ReaderDep, number: int, verb: str, expected: Text = "", reason: Text = "") -> RedirectResponse:
    """Decide about the difference of a claim, if it is as the person saw it."""
    who.require_acting(INTERFACE)
    _claim(number)
    if verb not in VERBS:
        raise HTTPException(404, "There is no such decision.")
    said, seen = _reason(reason), _amount(expected)
    asked(lambda: decide(database("dms"), number, VERBS[verb], reason=said, who=f"person:{who.name}", expected=seen))
    return RedirectResponse(f"../{number}?done={verb}", status_code=303)


@router.post("/lines/{number}/move", dependencies=[Depends(require_own_form)])
def move_from_line(
    who: ReaderDep, number: int, expected: Text = "", to: Text = "", amount: Text = "", reason: Text = ""
) -> RedirectResponse:
    """Move money of a payment line to a claim of its dealer, if there is as much left as the person saw."""
    who.require_acting(INTERFACE)
    _line(number)
    return _moved(who, number, {"line_id": number}, expected, to, amount, reason)


@router.post("/decisions/{number}/reverse", dependencies=[Depends(require_own_form)])
def reverse_decision(who: ReaderDep, number: int, reason: Text = "") -> RedirectResponse:
    """Let a decision hold no longer."""
    who.require_acting(INTERFACE)
    _decision(number)
    said = _reason(reason)
    asked(lambda: reverse(database("dms"), number, reason=said, who=f"person:{who.name}"))
    return RedirectResponse(f"../{number}?done=reverse", status_code=303)


def _moved(
    who: Reader, number: int, source: dict[str, int], expected: str, to: str, amount: str, reason: str
) -> RedirectResponse:
    said, seen = _reason(reason), _amount(expected)
    if not to.strip().isdecimal() or len(to.strip()) > 18:
        raise HTTPException(422, "Name the claim to which the money goes by its number here, which has digits only.")
    much = _amount(amount) if amount.strip() else None
    asked(
        lambda: move(
            database("dms"), int(to), **source, amount=much, reason=said, who=f"person:{who.name}", expected=seen
        )
    )
    return RedirectResponse(f"../{number}?done=move", status_code=303)


def _reason(reason: str) -> str:
    if not reason.strip() or len(reason) > REASON_LETTERS:
        raise HTTPException(422, f"Say why, in one sentence of at most {REASON_LETTERS} letters.")
    return reason.strip()


def _amount(told: str) -> Decimal:
    if not AMOUNT.fullmatch(told.strip()):
        raise HTTPException(422, "An amount is written like 1250.50, with at most two decimals.")
    return Decimal(told.strip())


def _claim(number: int) -> ClaimSheet:
    return _there(asked(lambda: claim_sheet(database("dms"), number)), "claim")


def _line(number: int) -> LineSheet:
    return _there(asked(lambda: line_sheet(database("dms"), number)), "payment line")


def _decision(number: int) -> Decision:
    return _there(asked(lambda: decision_sheet(database("dms"), number)), "decision")


def _there(found: Found | None, what: str) -> Found:
    if found is None:
        raise HTTPException(404, f"There is no such {what}.")
    return found


def _show(request: Request, who: Reader, template: str, told: dict[str, Any], verbs: tuple[str, ...]) -> HTMLResponse:
    done = request.query_params.get("done")
    page: HTMLResponse = TEMPLATES.TemplateResponse(
        request,
        template,
        {
            "here": "warranty",
            "personal": who.personal,
            "acts": INTERFACE in who.acts,
            "verbs": {kind: verb for verb, kind in VERBS.items()},
            "meaning": MEANING,
            "token": form_token(who),
            "done": done if done in verbs else None,
            **told,
        },
    )
    return page
