"""Feeds: where each dealer's incoming files lie, which dealers' files go out; pausing and resuming one of either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from include.contract import load_contract
from include.duty import labels_of, last_due, participants
from include.feeds import pause_feed, resume_feed
from include.ledger import FeedRow, InboundFeedRow, Ledger, LedgerError, TransitionError
from plugins.pages.access import Reader, ReaderDep, form_token, require_own_form
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import database, ledger

router = APIRouter()
VERBS: Mapping[str, str] = {"LIVE": "pause", "PAUSED": "resume"}
STATES = ("PAUSED", "LIVE", "TERMINATED")
PAGE_ROWS = 50
REASON_LETTERS = 500


@router.get("/feeds")
def feeds(request: Request, who: ReaderDep, dealer: str = "", after: str = "") -> HTMLResponse:
    """Show all feeds page by page, those that are paused first and those that have ended last."""
    if after and not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise HTTPException(422, "This link is none of ours; begin at the first page.")
    with ledger(who.name) as opened:
        rows = [row for row in opened.inbound_feeds(dealer=dealer or None, states=STATES) if row.interface in who.sees]
        outgoing = [_outgoing(opened, name) for name in who.sees if load_contract(name).direction == "outbound"]
    rows.sort(key=lambda row: (STATES.index(row.state), row.interface, row.dealer, row.id))
    begin = next((place for place, row in enumerate(rows, 1) if str(row.id) == after), 0)
    told = {
        "here": "feeds",
        "rows": rows[begin : begin + PAGE_ROWS],
        "next": rows[begin + PAGE_ROWS - 1].id if len(rows) > begin + PAGE_ROWS else None,
        "asked": {"dealer": dealer},
        "filter": bool(dealer or begin or len(rows) > PAGE_ROWS),
        "outgoing": outgoing,
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


@router.post("/feeds/out/{interface}/{verb}", dependencies=[Depends(require_own_form)])
def switch_dealer(
    who: ReaderDep, interface: str, verb: str, dealer: Annotated[str, Form()] = "", reason: Annotated[str, Form()] = ""
) -> RedirectResponse:
    """Pause or resume a dealer of an interface whose files go out."""
    if verb not in VERBS.values() or load_contract(who.require_seen(interface)).direction != "outbound":
        raise HTTPException(404, "There is no such decision.")
    who.require_acting(interface)
    if not reason.strip() or len(reason) > REASON_LETTERS:
        raise HTTPException(422, f"Say why, in one sentence of at most {REASON_LETTERS} letters.")
    with ledger(who.name) as opened:
        if dealer not in {row.dealer for row in _outgoing(opened, interface).dealers}:
            raise HTTPException(404, "There is no such dealer in this interface.")
        state = opened.feed_state(interface, dealer, "live")
        if state == ("paused" if verb == "pause" else "enabled"):
            raise HTTPException(409, f"It is {state} by now; nothing was changed. Look at it again.")
        opened.set_feed(interface, dealer, "live", "paused" if verb == "pause" else "enabled", reason=reason.strip())
    return RedirectResponse(f"../../../feeds?done={verb}", status_code=303)


@dataclass(frozen=True)
class Outgoing:
    """An interface's dealers, those that are paused first; ``trouble`` says why they are not all known."""

    interface: str
    dealers: tuple[FeedRow, ...]
    trouble: str | None


def _outgoing(opened: Ledger, interface: str) -> Outgoing:
    """Who takes part in the last due period, and whoever is paused."""
    contract = load_contract(interface)
    try:
        found, trouble = participants(database("dms"), contract, last_due(contract, datetime.now(UTC)).window)
    except HTTPException as error:
        found, trouble = [], str(error.detail)
    paused = {row.dealer: row for row in opened.paused_feeds(interface)}
    labels = sorted(set(labels_of(found)) - paused.keys())
    enabled = (FeedRow(interface, label, "live", "enabled", None, None) for label in labels)
    return Outgoing(interface, (*paused.values(), *enabled), trouble)


def _found(opened: Ledger, who: Reader, number: int) -> InboundFeedRow:
    try:
        row = opened.inbound_feed(number)
    except LedgerError as error:
        raise HTTPException(404, "There is no such feed.") from error
    if row.interface not in who.sees:
        raise HTTPException(404, "There is no such feed.")
    return row
