"""The application behind the pages: every route behind Airflow's login, a strict content policy on every answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException

from plugins.pages import (
    catalogue,
    contacts,
    feeds,
    files,
    interfaces,
    notices,
    one_file,
    preview,
    quality,
    rejected,
    running,
    runs,
    warranty,
    warranty_decisions,
)
from plugins.pages.access import reader
from plugins.pages.rendering import TEMPLATES

MODULES = (
    interfaces, notices, files, preview, one_file, rejected, contacts, feeds, warranty, warranty_decisions, running,
    runs, quality, catalogue,
)  # fmt: skip
STATIC = Path(__file__).parent / "static"
STATIC_FILES = {path.name: path for path in sorted(STATIC.iterdir()) if path.is_file()}
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def make_pages() -> FastAPI:
    """Return the application; no route of it, not even a style sheet, answers who is not logged in."""
    app = FastAPI(
        dependencies=[Depends(reader)], docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    for module in MODULES:
        app.include_router(module.router)
    app.add_api_route("/static/{name}", static_file, methods=["GET"])
    app.add_exception_handler(HTTPException, _show_refusal)  # type: ignore[arg-type]
    app.middleware("http")(_add_headers)
    return app


def static_file(name: str) -> FileResponse:
    """Return one of the files beside the templates: by name, never by path."""
    if name not in STATIC_FILES:
        raise HTTPException(404, "There is no such file.")
    return FileResponse(STATIC_FILES[name], headers={"Cache-Control": "private, max-age=3600"})


async def _add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _show_refusal(request: Request, error: HTTPException) -> Response:
    page: HTMLResponse = TEMPLATES.TemplateResponse(
        request, "refused.html", {"status": error.status_code, "said": error.detail}, status_code=error.status_code
    )
    return page
