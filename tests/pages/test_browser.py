"""The pages in a real browser: the morning of a held file, found, understood, released and imported."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.settings import free_port
from tests.imports.conftest import (
    archive,
    archive_root,
    clock,
    folder,
    gate,
    imports,
    ledger,
    make_feed,
    merkle,
    partner,
    partners,
    partners_root,
)
from tests.imports.importing import Imports, file_of, sold
from tests.local.browser import CHROMIUM, QUIET
from tests.pages.conftest import connection

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = [
    "archive", "archive_root", "clock", "folder", "gate", "imports", "ledger", "make_feed", "merkle", "partner",
    "partners", "partners_root",
]  # fmt: skip
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]
SCREENSHOTS = Path(__file__).resolve().parents[2] / ".run" / "screenshots"
TOO_MANY = file_of(sold(LastName="Canarybird"), *[sold(Term="700", Amount_Financed="10", LastName="Canarybird")] * 30)
complaints: list[str] = []
"""What the browser had to say of the last test's pages: a script or a style that was refused, a file not found."""
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 800}


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve ``app`` on a port of its own; yields its address."""
    import uvicorn

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def opened_browser(
    ledger_dsn: str, dms_dsn: str, reports: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Page]]:
    """Serve the pages over these databases to a real browser; yields what opens a path of them as somebody."""
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi import FastAPI
    from playwright.sync_api import sync_playwright

    from plugins.pages.lazy import LazyPages

    for name, dsn in (("LEDGER", ledger_dsn), ("DMS", dms_dsn)):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", connection(dsn))
    monkeypatch.setenv("AIRFLOW_VAR_REPORTS_URL", reports.as_uri())
    manager: Any = create_auth_manager()
    site = FastAPI()
    site.mount("/exchange", LazyPages())
    complaints.clear()
    with served(site) as address, sync_playwright() as playwright:
        chromium: Browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))

        def open_page(path: str, role: str | None, size: dict[str, int], look: str = "light") -> Page:
            context = chromium.new_context(viewport=size, color_scheme=look)  # type: ignore[arg-type]
            if role is not None:
                token = manager.generate_jwt(SimpleAuthManagerUser(username=f"the-{role}", role=role))
                context.add_cookies([{"name": "_token", "value": token, "url": address}])
            opened = context.new_page()
            opened.on("console", lambda said: complaints.append(said.text))
            opened.goto(f"{address}/exchange{path}")
            return opened

        yield open_page
        chromium.close()


@pytest.fixture
def open_as(
    airflow_database: str, imports: Imports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Page]]:
    """Opens a path of the pages as somebody with a role, in a window of a size; None is not logged in."""
    dsn = imports.partner.ledger.dsn
    with opened_browser(dsn, imports.dms_dsn, tmp_path / "reports", monkeypatch) as open_page:
        yield open_page


def keep(page: Page, name: str) -> None:
    """Leave a picture for whoever looks at what the tests saw."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def no_wider_than_its_window(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_the_morning_of_a_held_file(open_as: Callable[..., Page], imports: Imports) -> None:
    imports.partner.clock.at = datetime.now(UTC)
    row = imports.bring("day_SL.csv", TOO_MANY)
    imports.check()
    page = open_as("/", "op", DESK)
    assert "need a person" in page.locator("#verdict").inner_text()
    card = page.locator("#proresponse_sales")
    assert "held" in card.inner_text()
    keep(page, "morning")
    card.get_by_role("link", name=str(row.id), exact=True).first.click()
    assert "30 of 31 rows rejected" in page.locator("#reason").inner_text()
    assert "term-maximum" in page.locator("#reason").inner_text()
    keep(page, "held")
    release = page.locator("form", has=page.get_by_role("button", name="Release"))
    release.get_by_role("button").click()
    assert imports.partner.row().state == "HELD", "a decision without a reason"
    release.locator("input[name=reason]").fill("these boats are financed for 50 years, the dealer says")
    release.get_by_role("button").click()
    page.get_by_role("status").wait_for()
    assert "Done: release" in page.get_by_role("status").inner_text()
    imports.check()
    imports.apply()
    imports.partner.remove(None)
    page.reload()
    assert "REMOVED" in page.locator("h1").inner_text()
    assert "31 = 1 accepted + 30 rejected" in page.locator("#counts").inner_text()
    assert "person:the-op" in page.locator(".timeline").inner_text()
    keep(page, "imported")
    assert imports.partner.names() == []
    page.get_by_role("link", name="Interfaces").click()
    assert "held" not in page.locator("#proresponse_sales").inner_text()
    assert complaints == []
    assert "Canarybird" not in page.content()


def test_a_rejected_row_is_corrected_and_imported(open_as: Callable[..., Page], imports: Imports) -> None:
    wrong = sold(DealNumber="D2", StockNumber="S-2", SoldDate="1000-01-01", LastName="Canarybird")
    imports.bring("day_SL.csv", file_of(sold(), wrong))
    imports.check()
    imports.apply()
    page = open_as("/rejected", "admin", DESK)
    page.get_by_role("link", name="1", exact=True).first.click()
    assert "1000-01-01" in page.locator("#text").inner_text()
    assert "sold_date-notBefore" in page.locator("main").inner_text()
    correct = page.locator("form", has=page.get_by_role("button", name="Correct"))
    correct.locator("textarea").fill(wrong.replace("1000-01-01", "03/17/2026"))
    correct.locator("input[name=reason]").fill("typing error, the dealer says")
    correct.get_by_role("button").click()
    page.get_by_role("status").wait_for()
    assert "CORRECTED" in page.locator("h1").inner_text()
    assert imports.crm("SELECT count(*) FROM crm.activity") == [(2,)]
    keep(page, "corrected")
    page.get_by_role("link", name="Rejected rows").click()
    assert "No row is so." in page.locator("main").inner_text()
    assert complaints == []


def test_who_may_not_act_sees_no_form_and_who_is_nobody_sees_nothing(
    open_as: Callable[..., Page], imports: Imports
) -> None:
    row = imports.bring("day_SL.csv", TOO_MANY)
    imports.check()
    page = open_as(f"/arrivals/{row.id}", "viewer", DESK)
    assert page.locator("form").count() == 0
    assert "takes the right to trigger" in page.locator("#barred").inner_text()
    keep(page, "viewer")
    page = open_as(f"/arrivals/{row.id}", None, DESK)
    assert "day_SL" not in page.content()
    assert "Not authenticated" in page.locator("body").inner_text()
    keep(page, "anonymous")


@pytest.mark.parametrize("look", ["light", "dark"])
def test_pages_fit_a_phone_and_follow_the_look(open_as: Callable[..., Page], imports: Imports, look: str) -> None:
    row = imports.bring("a_rather_long_name_of_a_file_as_partners_like_them_2026-11-20T06-00-00_SL.csv", TOO_MANY)
    imports.check()
    for number, path in enumerate(("/", "/files", "/arrivals", f"/arrivals/{row.id}", "/rejected", "/quality")):
        page = open_as(path, "op", PHONE, look)
        assert no_wider_than_its_window(page), path
        assert page.evaluate("document.documentElement.dataset.theme") == look
        assert complaints == [], path
        if number < 4:
            keep(page, f"phone-{look}-{number}")
        page.context.close()
