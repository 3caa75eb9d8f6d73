"""Doubts about contacts: whose an activity is that fits nobody for sure, and what a person decides about it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from include.contract import contract_ids
from include.crm.review import create, dismiss, link, merge_contacts
from include.crm.review_lists import (
    REVIEW_STATES,
    ReviewPlace,
    review_counts,
    review_details,
    review_place,
    review_places,
)
from include.matching.tiers import RULES
from plugins.pages.access import Reader, ReaderDep, form_token, require_own_form
from plugins.pages.rejected import asked
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import database

LOG = logging.getLogger(__name__)
LABEL_LETTERS = 100
REASON_LETTERS = 500
DONE: Mapping[str, str] = {
    "link": "it is that contact's.",
    "create": "it is a new contact's.",
    "dismiss": "it is nobody's.",
    "merge": "the two contacts are one.",
}
router = APIRouter()
Text = Annotated[str, Form()]


@router.get("/contacts")
def contacts(
    request: Request, who: ReaderDep, state: str = "OPEN", dealer: str = "", rule: str = "", before: str = ""
) -> HTMLResponse:
    """Show which rules led to how many doubts, and the doubts, newest first; without a word about people."""
    if state not in REVIEW_STATES:
        raise HTTPException(422, f"There is no such state; there are {', '.join(REVIEW_STATES)}.")
    if before and (not before.isdecimal() or len(before) > 18):
        raise HTTPException(422, "This link is none of ours; begin at the first page.")
    dsn, seen = database("dms"), [name for name in contract_ids("inbound") if name in who.sees]
    rows, next_before = asked(
        lambda: review_places(
            dsn,
            interfaces=seen,
            state=state,
            dealer=dealer[:LABEL_LETTERS] or None,
            rule=rule[:LABEL_LETTERS] or None,
            before=int(before) if before else None,
        )
    )
    told = {
        "here": "contacts",
        "counts": asked(lambda: review_counts(dsn, interfaces=seen)),
        "rules": RULES,
        "rows": rows,
        "next": next_before,
        "asked": {"state": state, "dealer": dealer, "rule": rule},
        "states": REVIEW_STATES,
    }
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "contacts.html", told)
    return page


@router.get("/contacts/{number}")
def one_doubt(request: Request, who: ReaderDep, number: int) -> HTMLResponse:
    """Show one doubt; what is said about people, and the decisions, only to who may see personal data."""
    place = _place(who, number)
    details = None
    if who.personal:
        LOG.info("%s looked at what review %s says about people", who.name, number)
        details = asked(lambda: review_details(database("dms"), place))
    done = request.query_params.get("done", "")
    told = {
        "here": "contacts",
        "place": place,
        "means": RULES.get(place.rule, "a rule that is no more"),
        "details": details,
        "acts": place.interface in who.acts and place.state == "OPEN",
        "seen": _told(place),
        "token": form_token(who),
        "done": DONE.get(done),
    }
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "one_contact.html", told)
    return page


@router.post("/contacts/{number}/{verb}", dependencies=[Depends(require_own_form)])
def decide_doubt(
    who: ReaderDep,
    number: int,
    verb: str,
    seen: Text = "",
    contact: Text = "",
    goes: Text = "",
    reason: Text = "",
) -> RedirectResponse:
    """Decide whose an activity is, or that two of its candidates are one, if it stands as the person saw it."""
    place = _place(who, number)
    who.require_acting(place.interface)
    if not who.personal:
        raise HTTPException(403, "Whose it is says personal data; to decide takes the permission to see it.")
    if verb not in DONE:
        raise HTTPException(404, "There is no such decision.")
    if not reason.strip() or len(reason) > REASON_LETTERS:
        raise HTTPException(422, f"Say why, in one sentence of at most {REASON_LETTERS} letters.")
    # Of all that is not so any more the person is told before anything is done; the CRM asks again under its lock.
    if place.state != "OPEN" or seen != _told(place):
        raise HTTPException(409, f"It is {place.state} by now, or has other candidates; nothing was changed.")
    dsn, candidates = database("dms"), tuple(place.candidates)
    said, name = reason.strip(), f"person:{who.name}"
    match verb:
        case "link":
            to = _number(contact)
            asked(lambda: link(dsn, number, to, reason=said, who=name, expected=candidates))
        case "create":
            asked(lambda: create(dsn, number, reason=said, who=name, expected=candidates))
        case "dismiss":
            asked(lambda: dismiss(dsn, number, reason=said, who=name, expected=candidates))
        case _:
            keep, gone = _number(contact), _number(goes)
            # Of others the person saw nothing here, and they could be another dealer's.
            if not {keep, gone} <= set(candidates) or keep == gone:
                raise HTTPException(409, "Two of its candidates can become one, no others; nothing was changed.")
            asked(lambda: merge_contacts(dsn, keep, gone, reason=said, who=name))
    return RedirectResponse(f"../{number}?done={verb}", status_code=303)


def _place(who: Reader, number: int) -> ReviewPlace:
    place = asked(lambda: review_place(database("dms"), number))
    if place is None or place.interface not in who.sees:
        raise HTTPException(404, "There is no such doubt.")
    return place


def _told(place: ReviewPlace) -> str:
    return " ".join(map(str, place.candidates))


def _number(told: str) -> int:
    if not told.strip().isdecimal() or len(told.strip()) > 18:
        raise HTTPException(422, "Name a contact by its number, which has digits only.")
    return int(told)
