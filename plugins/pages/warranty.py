"""The warranty books: how each dealer's stand, what waits for a person, and what was decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TypeVar

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from include.warranty.connection import WarrantyError, WarrantyUnavailableError
from include.warranty.decisions import page_of_decisions
from include.warranty.disputes import BANDS, disputes, figures
from include.warranty.open_items import page_of_claims, page_of_lines
from plugins.pages.access import ReaderDep
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import database

Found = TypeVar("Found")
INTERFACE = "renault_warranty_payments"
"""Whose DAG's permissions hold for the books: it is what posts to them."""
LABEL_LETTERS = 100
LISTS = {
    "figures": "Figures by dealer",
    "differences": "Claims paid too little or too much",
    "lines": "Money that is no claim's",
    "decisions": "Decisions",
}
router = APIRouter()


@router.get("/warranty")
def warranty(
    request: Request, who: ReaderDep, show: str = "figures", dealer: str = "", claim: str = "", before: str = ""
) -> HTMLResponse:
    """Show the figures, or one of the lists, newest first; a claim's number leads to the list of claims."""
    who.require_seen(INTERFACE)
    if show not in LISTS:
        raise HTTPException(422, f"There is no such list; there are {', '.join(LISTS)}.")
    if before and (not before.isdecimal() or len(before) > 18):
        raise HTTPException(422, "This link is none of ours; begin at the first page.")
    dsn, whose, last = database("dms"), dealer[:LABEL_LETTERS] or None, int(before) if before else None
    number = claim.strip()[:LABEL_LETTERS] or None
    show = "differences" if number else show
    lists: Mapping[str, Callable[[], tuple[Sequence[object], int | None]]] = {
        # They are counted from all rows of the books, so no list waits for them.
        "figures": lambda: (figures(dsn, as_of=_today(), dealer=whose), None),
        "differences": lambda: page_of_claims(dsn, dealer=whose, claim_number=number, before=last),
        "lines": lambda: page_of_lines(dsn, dealer=whose, before=last),
        "decisions": lambda: page_of_decisions(dsn, dealer=whose, before=last),
    }
    rows, next_before = asked(lists[show])
    told = {
        "here": "warranty",
        "bands": BANDS,
        "rows": rows,
        "next": next_before,
        "lists": LISTS,
        "asked": {"show": show, "dealer": dealer, "claim": claim},
    }
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "warranty.html", told)
    return page


@router.get("/warranty/disputes.csv")
def disputes_list(who: ReaderDep, dealer: str = "") -> Response:
    """Return what to take up with the manufacturer, as of today; no text is a formula, no vehicle is named."""
    who.require_seen(INTERFACE)
    told = asked(lambda: disputes(database("dms"), as_of=_today(), dealer=dealer[:LABEL_LETTERS] or None))
    return Response(
        told,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="warranty-disputes-{_today()}.csv"'},
    )


def asked(act: Callable[[], Found]) -> Found:
    """
    Return what ``act`` does; what the books refuse, which quotes no value of a row, is what the person reads.

    :raises HTTPException: 503 if the database does not answer, 409 for what is not so, or not any more.
    """
    try:
        return act()
    except WarrantyUnavailableError as error:
        raise HTTPException(503, str(error)) from error
    except WarrantyError as error:
        raise HTTPException(409, str(error)) from error


def _today() -> date:
    return datetime.now(UTC).date()
