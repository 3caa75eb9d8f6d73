"""What needs a person now, as the heartbeat noticed it; what ended lately; and whether anybody looks at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from include.ledger import Beat, LedgerError, NoticeRow, TransitionError
from include.ledger.notices import PROMISES
from plugins.pages.access import Reader, ReaderDep, form_token, require_own_form
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import ledger

router = APIRouter()
ENDED_SHOWN = 100
REASON_LETTERS = 500


@router.get("/notices")
def notices(request: Request, who: ReaderDep) -> HTMLResponse:
    """Show open notices, then those that ended last."""
    now = datetime.now(UTC)
    with ledger(who.name) as opened:
        open_ones = [row for row in opened.open_notices() if sees(who, row)]
        ended = [row for row in opened.ended_notices(limit=ENDED_SHOWN) if sees(who, row)]
        told = opened.tellings([row.id for row in (*open_ones, *ended)])
        beat = opened.last_beat()
    page: HTMLResponse = TEMPLATES.TemplateResponse(
        request,
        "notices.html",
        {
            "here": "notices",
            "open": open_ones,
            "ended": ended,
            "told": told,
            "beat": beat,
            "watch": watch(beat, now),
            "closable": PROMISES,
            "acts": who.acts,
            "token": form_token(who),
            "done": request.query_params.get("done") == "close",
        },
    )
    return page


@router.post("/notices/{number}/close", dependencies=[Depends(require_own_form)])
def close(who: ReaderDep, number: int, reason: Annotated[str, Form()] = "") -> RedirectResponse:
    """End a notice of a late or missing file that is not to come."""
    with ledger(who.name) as opened:
        try:
            row = opened.notice(number)
        except LedgerError as error:
            raise HTTPException(404, "There is no such notice.") from error
        if row.interface is None or not sees(who, row):
            raise HTTPException(404, "There is no such notice.")
        who.require_acting(row.interface)
        if not reason.strip() or len(reason) > REASON_LETTERS:
            raise HTTPException(422, f"Say why, in one sentence of at most {REASON_LETTERS} letters.")
        try:
            opened.close_notice(number, reason=reason)
        except TransitionError as error:
            raise HTTPException(409, str(error)) from error
    return RedirectResponse("../../notices?done=close", status_code=303)


def watch(beat: Beat | None, now: datetime) -> str | None:
    """Return what is wrong with the heartbeat, in words; None if it beats."""
    if beat is None:
        return "Nobody looks: the heartbeat has never run here. Late and missing files are told to nobody."
    if beat.is_stale(now):
        return (
            f"Nobody looks since {beat.at:%Y-%m-%d %H:%M:%S} UTC: the heartbeat has stopped. Start it again; until "
            "then late and missing files are told to nobody."
        )
    return None


def sees(who: Reader, row: NoticeRow) -> bool:
    """Whether a notice is for this reader: of an interface that they may see, or of Airflow as a whole."""
    return row.interface is None or row.interface in who.sees
