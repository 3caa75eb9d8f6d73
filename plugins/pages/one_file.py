"""One file's page: its life as a timeline, its counts and hash, and what a person may decide about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from include.ledger import FileRow, Ledger, LedgerError, TransitionError
from include.ledger.cli_decisions import decide, next_step
from plugins.pages.access import Reader, ReaderDep, form_token, require_own_form
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import ledger

router = APIRouter()
# What may be asked for in a state; whether it is done, the ledger decides.
FILE_VERBS: Mapping[str, tuple[str, ...]] = {
    "HELD": ("release", "reject"),
    "PROPOSED": ("release", "reject"),
    "UNKNOWN": ("redeliver",),
    "PUBLISHED": ("redeliver",),
    "ACKED": ("redeliver",),
    "CANCELLED": ("reopen",),
}
ARRIVAL_VERBS: Mapping[str, tuple[str, ...]] = {"HELD": ("release", "reject"), "REJECTED": ("reopen",)}
MEANING = {
    "release": "Let it go on. What it waits for is waived, for just this content.",
    "reject": "Give it up. No run takes it up again.",
    "redeliver": "Have the very same bytes sent again.",
    "reopen": "Let the next run take it up again.",
}
REASON_LETTERS = 500
REJECTED_SHOWN = 200


def _verbs(file: FileRow) -> tuple[str, ...]:
    verbs = FILE_VERBS.get(file.state, ())
    # A release waives a cause for the content that was seen; where none was, the cause has to be mended.
    unseen = file.state == "HELD" and file.sha256 is None and file.content_hash is None
    return tuple(verb for verb in verbs if not (unseen and verb == "release"))


@router.get("/files/{number}")
def one_file(request: Request, who: ReaderDep, number: int) -> HTMLResponse:
    """Show one file that goes out."""
    with ledger(who.name) as opened:
        file = _found(lambda: opened.file(number), who)
        events = opened.events(number)
        told = {
            "file": file,
            "events": events,
            "reasons": opened.rejected_reasons(number),
            "rejected": opened.rejected_rows(number, limit=REJECTED_SHOWN),
            "results": opened.quality_results(number),
            "companions": opened.companions(number),
            "others": [
                each
                for each in opened.files(
                    interface=file.interface, dealer=file.dealer, business_date=file.business_date, environment=None
                )
                if each.id != number
            ],
            "next": next_step(file),
            "runs": _runs(event.actor for event in events),
        }
    return _show(request, who, "file.html", told, file.interface, _verbs(file), f"files/{number}")


@router.get("/arrivals/{number}")
def one_arrival(request: Request, who: ReaderDep, number: int) -> HTMLResponse:
    """Show one file that came in."""
    with ledger(who.name) as opened:
        row = _found(lambda: opened.arrival(number), who)
        events = opened.arrival_events(number)
    told = {"row": row, "events": events, "runs": _runs(event.actor for event in events)}
    verbs = ARRIVAL_VERBS.get(row.state, ())
    return _show(request, who, "arrival.html", told, row.interface, verbs, f"arrivals/{number}")


@router.post("/files/{number}/{verb}", dependencies=[Depends(require_own_form)])
def decide_file(
    who: ReaderDep, number: int, verb: str, state: Annotated[str, Form()], reason: Annotated[str, Form()] = ""
) -> RedirectResponse:
    """Carry out a decision about a file that goes out, if it still stands as the person saw it."""
    with ledger(who.name) as opened:
        file = _found(lambda: opened.file(number), who)
        _require_sense(who, file.interface, verb, _verbs(file), reason, state, file.state)
        _carried_out(lambda: decide(opened, verb, file, reason.strip()))
    return RedirectResponse(f"../{number}?done={verb}", status_code=303)


@router.post("/arrivals/{number}/{verb}", dependencies=[Depends(require_own_form)])
def decide_arrival(
    who: ReaderDep, number: int, verb: str, state: Annotated[str, Form()], reason: Annotated[str, Form()] = ""
) -> RedirectResponse:
    """Carry out a decision about a file that came in, if it still stands as the person saw it."""
    with ledger(who.name) as opened:
        row = _found(lambda: opened.arrival(number), who)
        _require_sense(who, row.interface, verb, ARRIVAL_VERBS.get(row.state, ()), reason, state, row.state)
        _carried_out(lambda: _decide_arrival(opened, verb, number, reason.strip()))
    return RedirectResponse(f"../{number}?done={verb}", status_code=303)


def _decide_arrival(opened: Ledger, verb: str, number: int, reason: str) -> None:
    match verb:
        case "release":
            opened.release_arrival(number, reason=reason)
        case "reject":
            opened.reject_arrival(number, reason=reason)
        case _:
            opened.reopen_arrival(number, reason=reason)


def _found(read: Any, who: Reader) -> Any:
    """The row, if there is one and the reader may see it; the answer does not tell which of the two is not so."""
    try:
        row = read()
    except LedgerError as error:
        if "no file" in str(error) or "no arrival" in str(error):
            raise HTTPException(404, "There is no such file.") from error
        raise
    if row.interface not in who.sees:
        raise HTTPException(404, "There is no such file.")
    return row


def _require_sense(
    who: Reader, interface: str, verb: str, verbs: tuple[str, ...], reason: str, seen: str, state: str
) -> None:
    who.require_acting(interface)
    if verb not in MEANING:
        raise HTTPException(404, "There is no such decision.")
    if not reason.strip() or len(reason) > REASON_LETTERS:
        raise HTTPException(422, f"Say why, in one sentence of at most {REASON_LETTERS} letters.")
    if seen != state or verb not in verbs:
        raise HTTPException(409, f"It is {state} by now; nothing was changed. Look at it again.")


def _carried_out(act: Any) -> None:
    try:
        act()
    except TransitionError as error:
        raise HTTPException(409, str(error)) from error


def _runs(actors: Any) -> dict[str, tuple[str, str]]:
    """Actor of an event → DAG and run, where it was a task of Airflow's."""
    found = {}
    for actor in actors:
        parts = actor.removeprefix("airflow:").split("/")
        if actor.startswith("airflow:") and len(parts) >= 3:
            found[actor] = (parts[0], parts[1])
    return found


def _show(
    request: Request,
    who: Reader,
    template: str,
    told: dict[str, Any],
    interface: str,
    verbs: tuple[str, ...],
    place: str,
) -> HTMLResponse:
    page: HTMLResponse = TEMPLATES.TemplateResponse(
        request,
        template,
        {
            "here": place.partition("/")[0],
            "verbs": verbs if interface in who.acts else (),
            "acts": interface in who.acts,
            "barred": bool(verbs) and interface not in who.acts,
            "meaning": MEANING,
            "place": place,
            "token": form_token(who),
            "done": request.query_params.get("done") if request.query_params.get("done") in MEANING else None,
            **told,
        },
    )
    return page
