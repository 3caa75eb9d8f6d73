"""Rejected rows of files that came in: by rule and dealer, and one of them, to be corrected or discarded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from include.contract import contract_ids, load_contract
from include.crm.arrival import CrmError, CrmUnavailableError
from include.crm.corrections import STATES, RejectedRow, correct_row, discard_row, rejected_row
from include.crm.rejected_lists import rejected_counts, rejected_days, rejected_places
from plugins.pages.access import Reader, ReaderDep, form_token, require_own_form
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import database

LOG = logging.getLogger(__name__)
Found = TypeVar("Found")
WEEKS = 8
LABEL_LETTERS = 100
TEXT_LETTERS = 64 * 1024  # as long as a row of a file may be
REASON_LETTERS = 500
router = APIRouter()


@router.get("/rejected")
def rejected(
    request: Request, who: ReaderDep, state: str = "OPEN", dealer: str = "", rule: str = "", before: str = ""
) -> HTMLResponse:
    """Show which rules are broken how often, and the rows, newest first; without a word of what they say."""
    if state not in STATES:
        raise HTTPException(422, f"There is no such state; there are {', '.join(STATES)}.")
    if before and (not before.isdecimal() or len(before) > 18):
        raise HTTPException(422, "This link is none of ours; begin at the first page.")
    dsn, seen = database("dms"), [name for name in contract_ids("inbound") if name in who.sees]
    counts = asked(lambda: rejected_counts(dsn, interfaces=seen))
    rows, next_before = asked(
        lambda: rejected_places(
            dsn,
            interfaces=seen,
            state=state,
            dealer=dealer[:LABEL_LETTERS] or None,
            rule=rule[:LABEL_LETTERS] or None,
            before=int(before) if before else None,
        )
    )
    since = datetime.now(UTC).date() - timedelta(weeks=WEEKS)
    days = asked(
        lambda: rejected_days(
            dsn,
            interfaces=seen,
            since=since,
            dealer=dealer[:LABEL_LETTERS] or None,
            rule=rule[:LABEL_LETTERS] or None,
        )
    )
    told = {
        "here": "rejected",
        "counts": counts,
        "days": days,
        "weeks": WEEKS,
        "rows": rows,
        "next": next_before,
        "asked": {"state": state, "dealer": dealer, "rule": rule},
        "states": STATES,
    }
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "rejected.html", told)
    return page


@router.get("/rejected/{number}")
def one_rejected(request: Request, who: ReaderDep, number: int) -> HTMLResponse:
    """Show one row; its text only to who may see personal data."""
    row = _row(who, number)
    rules = {rule.id: rule.description for rule in load_contract(row.interface).rules}
    if who.personal:
        LOG.info("%s looked at the text of rejected row %s", who.name, number)
    told = {
        "here": "rejected",
        "row": row,
        "rules": [(name, rules.get(name, "The row cannot be taken apart.")) for name in row.reasons],
        "text": f"{row.header}\n{row.raw}" if who.personal else None,
        "raw": row.raw if who.personal else None,
        "acts": row.interface in who.acts and row.state == "OPEN",
        "token": form_token(who),
        "done": request.query_params.get("done") in ("correct", "discard"),
    }
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "one_rejected.html", told)
    return page


@router.post("/rejected/{number}/correct", dependencies=[Depends(require_own_form)])
def correct(
    who: ReaderDep, number: int, text: Annotated[str, Form()] = "", reason: Annotated[str, Form()] = ""
) -> RedirectResponse:
    """Apply a corrected text in place of the row, by the same check and import as its file."""
    _require_acting(who, number, reason)
    if not who.personal:
        raise HTTPException(403, "A row's text is for who may see personal data.")
    if not text.strip() or len(text) > TEXT_LETTERS:
        raise HTTPException(422, "Give the whole corrected row, as it would stand in its file.")
    corrected = text.replace("\r\n", "\n").rstrip("\n")
    asked(lambda: correct_row(database("dms"), number, corrected, reason=reason.strip(), who=f"person:{who.name}"))
    return RedirectResponse(f"../{number}?done=correct", status_code=303)


@router.post("/rejected/{number}/discard", dependencies=[Depends(require_own_form)])
def discard(who: ReaderDep, number: int, reason: Annotated[str, Form()] = "") -> RedirectResponse:
    """Put the row aside for good."""
    _require_acting(who, number, reason)
    asked(lambda: discard_row(database("dms"), number, reason=reason.strip(), who=f"person:{who.name}"))
    return RedirectResponse(f"../{number}?done=discard", status_code=303)


def _require_acting(who: Reader, number: int, reason: str) -> None:
    who.require_acting(_row(who, number).interface)
    if not reason.strip() or len(reason) > REASON_LETTERS:
        raise HTTPException(422, f"Say why, in one sentence of at most {REASON_LETTERS} letters.")


def _row(who: Reader, number: int) -> RejectedRow:
    try:
        row = rejected_row(database("dms"), number)
    except CrmUnavailableError as error:
        raise HTTPException(503, str(error)) from error
    except CrmError as error:
        raise HTTPException(404, "There is no such row.") from error
    if row.interface not in who.sees:
        raise HTTPException(404, "There is no such row.")
    return row


def asked(act: Callable[[], Found]) -> Found:
    """
    Return what ``act`` does; what the CRM refuses, which quotes no value of a row, is what the person reads.

    :raises HTTPException: 503 if the database does not answer, 409 for what is not so, or not any more.
    """
    try:
        return act()
    except CrmUnavailableError as error:
        raise HTTPException(503, str(error)) from error
    except CrmError as error:
        raise HTTPException(409, str(error)) from error
