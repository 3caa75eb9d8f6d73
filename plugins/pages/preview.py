"""The first rows of a file on a page, from its bytes in the archive, with personal data masked for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from include.archive import ArchiveError
from include.contract import load_contract
from include.delivered import UnreadableError
from include.ledger import LedgerError
from include.preview import MASK, Preview, preview_arrived, preview_delivered
from include.window import day_window
from plugins.pages.access import ReaderDep
from plugins.pages.rendering import TEMPLATES
from plugins.pages.sources import archive, ledger

router = APIRouter()


@router.get("/files/{number}/preview")
def of_file(request: Request, who: ReaderDep, number: int) -> HTMLResponse:
    """Show the first rows of a file that goes out."""
    with ledger(who.name) as opened:
        try:
            file = opened.file(number)
        except LedgerError as error:
            raise HTTPException(404, "There is no such file.") from error
    contract = load_contract(_seen(who, file.interface))
    with _bytes_of(file.sha256) as source:
        try:
            found = preview_delivered(contract, source)
        except UnreadableError as error:
            raise HTTPException(
                409,
                f"Its rows cannot be shown: {error}. It was made by version {file.contract_version} of the contract.",
            ) from error
    return _show(request, "files", number, found)


@router.get("/arrivals/{number}/preview")
def of_arrival(request: Request, who: ReaderDep, number: int) -> HTMLResponse:
    """Show the first rows that are right of a file that came in."""
    from include.imports.taking import day_of
    from include.inbound.refusals import FileRefused

    with ledger(who.name) as opened:
        try:
            row = opened.arrival(number)
            feed = opened.inbound_feed(row.feed_id)
        except LedgerError as error:
            raise HTTPException(404, "There is no such file.") from error
    contract = load_contract(_seen(who, row.interface))
    with _bytes_of(row.sha256) as source:
        try:
            found = preview_arrived(
                contract,
                source,
                encoding=feed.encoding,
                date_format=feed.date_format,
                dealer=row.dealer,
                window=day_window(day_of(row, contract), contract.zone),
            )
        except FileRefused as error:
            raise HTTPException(409, f"Its rows cannot be shown: {error.code}: {error.message}.") from error
    return _show(request, "arrivals", number, [found])


def _seen(who: ReaderDep, interface: str) -> str:
    if interface not in who.sees:
        raise HTTPException(404, "There is no such file.")
    return interface


@contextmanager
def _bytes_of(sha256: str | None) -> Iterator[IO[bytes]]:
    if sha256 is None:
        raise HTTPException(404, "There are no bytes of it yet.")
    try:
        with archive().open(sha256) as source:
            yield source
    except ArchiveError as error:
        raise HTTPException(409, f"Its bytes cannot be read: {error}.") from error


def _show(request: Request, here: str, number: int, found: list[Preview]) -> HTMLResponse:
    told = {"here": here, "number": number, "found": found, "mask": MASK}
    page: HTMLResponse = TEMPLATES.TemplateResponse(request, "preview.html", told)
    return page
