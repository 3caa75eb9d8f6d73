"""Lists of the ledger's files: those that go out and those that come in, newest first, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from include.contract import contract_ids
from include.contract_vocabulary import Direction
from include.ledger import ARRIVAL_STATES, STATES, Choice
from plugins.pages.access import Reader, ReaderDep
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import ledger

router = APIRouter()
LABEL_LETTERS = 100


@dataclass(frozen=True)
class Asked:
    """The filter of a list, as its address has it; ``after`` is the key behind which a page begins."""

    interface: str = ""
    dealer: str = ""
    state: str = ""
    since: str = ""
    until: str = ""
    after: str = ""

    @property
    def filters(self) -> dict[str, str]:
        """The address without the page."""
        return {name: value for name, value in vars(self).items() if name != "after"}

    def choice(self, who: Reader, direction: Direction) -> Choice:
        """
        Return what is to be read.

        :raises HTTPException: 404 for an interface that the reader may not see, 422 for what is no state or day.
        """
        states = tuple(STATES) if direction == "outbound" else ARRIVAL_STATES
        if self.state and self.state not in states:
            raise HTTPException(422, f"There is no such state; there are {', '.join(states)}.")
        seen = tuple(name for name in contract_ids(direction) if name in who.sees)
        return Choice(
            interfaces=(who.require_seen(self.interface),) if self.interface else seen,
            dealer=self.dealer[:LABEL_LETTERS] or None,
            state=self.state or None,
            since=_day(self.since),
            until=_day(self.until),
        )

    def key(self) -> tuple[str, int] | None:
        """
        Return the key of the last row of the page before.

        :raises HTTPException: 422 if it is none of ours.
        """
        if not self.after:
            return None
        time, _, number = self.after.rpartition("~")
        try:
            return datetime.fromisoformat(time).isoformat(), int(number[:18])
        except ValueError:
            raise HTTPException(422, "This link is none of ours; begin at the first page.") from None


def _day(told: str) -> date | None:
    try:
        return date.fromisoformat(told) if told else None
    except ValueError:
        raise HTTPException(422, "A day is written like 2026-10-31.") from None


AskedDep = Annotated[Asked, Depends()]


@router.get("/files")
def files(request: Request, who: ReaderDep, asked: AskedDep) -> HTMLResponse:
    """Show files that go out."""
    with ledger(who.name) as opened:
        page = opened.page_of_files(asked.choice(who, "outbound"), after=asked.key())
    return _list(request, who, "files", asked, page, "outbound")


@router.get("/arrivals")
def arrivals(request: Request, who: ReaderDep, asked: AskedDep) -> HTMLResponse:
    """Show files that came in."""
    with ledger(who.name) as opened:
        page = opened.page_of_arrivals(asked.choice(who, "inbound"), after=asked.key())
    return _list(request, who, "arrivals", asked, page, "inbound")


def _list(request: Request, who: Reader, here: str, asked: Asked, page: object, direction: Direction) -> HTMLResponse:
    told = {
        "here": here,
        "asked": asked,
        "page": page,
        "states": tuple(STATES) if direction == "outbound" else ARRIVAL_STATES,
        "interfaces": [name for name in contract_ids(direction) if name in who.sees],
    }
    shown: HTMLResponse = TEMPLATES.TemplateResponse(request, f"{here}.html", told)
    return shown
