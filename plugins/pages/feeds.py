"""Feeds of files that come in: where each dealer's lie, how they stand, and pausing or resuming one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from include.feeds import pause_feed, resume_feed
from include.ledger import InboundFeedRow, Ledger, LedgerError, TransitionError
from plugins.pages.access import Reader, ReaderDep, form_token, require_own_form
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import ledger

router = APIRouter()
VERBS: Mapping[str, str] = {"LIVE": "pause", "PAUSED": "resume"}
REASON_LETTERS = 500


@router.get("/feeds")
def feeds(request: Request, who: ReaderDep) -> HTMLResponse:
    """Show all feeds, those that have ended last."""
    with ledger(who.name) as opened:
        rows = [
            row for row in opened.inbound_feeds(states=("LIVE", "PAUSED", "TERMINATED")) if row.interface in who.sees
        ]
    rows.sort(key=lambda row: (row.state == "TERMINATED", row.interface, row.dealer))
    told = {
        "here": "feeds",
        "rows": rows,
        "acts": who.acts,
        "verbs": VERBS,
        "token": form_token(who),
        "done": request.query_params.get("done") in VERBS.values(),
    }
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "feeds.html", told)
    return page


@router.post("/feeds/{number}/{verb}", dependencies=[Depends(require_own_form)])
def switch(who: ReaderDep, number: int, verb: str, reason: Annotated[str, Form()] = "") -> RedirectResponse:
    """Pause or resume a feed."""
    if verb not in VERBS.values():
        raise HTTPException(404, "There is no such decision.")
    with ledger(who.name) as opened:
        who.require_acting(_found(opened, who, number).interface)
        if not reason.strip() or len(reason) > REASON_LETTERS:
            raise HTTPException(422, f"Say why, in one sentence of at most {REASON_LETTERS} letters.")
        try:
            (pause_feed if verb == "pause" else resume_feed)(opened, number, reason=reason.strip())
        except TransitionError as error:
            raise HTTPException(409, str(error)) from error
    return RedirectResponse(f"../../feeds?done={verb}", status_code=303)


def _found(opened: Ledger, who: Reader, number: int) -> InboundFeedRow:
    try:
        row = opened.inbound_feed(number)
    except LedgerError as error:
        raise HTTPException(404, "There is no such feed.") from error
    if row.interface not in who.sees:
        raise HTTPException(404, "There is no such feed.")
    return row
