"""The Airflow UI as a person drives it, in a real Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# A page of the UI settles in seconds; on a busy machine in many.
PATIENCE_MS = 60_000
# Nothing but the system under test is asked for anything.
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--no-first-run")  # fmt: skip


@contextmanager
def page(address: str, user: str, password: str) -> Iterator[Page]:
    """Yield a page on which ``user`` has logged in."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        try:
            opened = chromium.new_page(viewport={"width": 1400, "height": 1400})
            opened.set_default_timeout(PATIENCE_MS)
            opened.goto(address)
            opened.fill('input[name="username"]', user)
            opened.fill('input[name="password"]', password)
            opened.keyboard.press("Enter")
            opened.get_by_text("Dags").first.wait_for()
            yield opened
        finally:
            chromium.close()


def dag_page(page: Page, address: str, dag_id: str) -> str:
    """Open the DAG's page; return what it says."""
    page.goto(f"{address}/dags/{dag_id}")
    page.get_by_text("Schedule").first.wait_for()
    page.get_by_text("daily at").first.wait_for()
    return page.locator("body").inner_text()


def documentation(page: Page) -> str:
    """Open the DAG's documentation from its page, and close it again; return what it says."""
    page.get_by_role("button", name="Dag Docs").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Path").first.wait_for()
    said = dialog.inner_text()
    page.keyboard.press("Escape")
    return said


def start_backfill(page: Page, address: str, dag_id: str, day: date) -> str:
    """Start a backfill of one day through the form; return what the form foretold."""
    page.goto(f"{address}/dags/{dag_id}")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_text("Backfill", exact=True).last.click()
    for _ in ("From", "To"):
        page.get_by_text("Select date and time").first.click()
        page.get_by_placeholder("YYYY/MM/DD").fill(f"{day:%Y/%m/%d}")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        page.get_by_placeholder("YYYY/MM/DD").wait_for(state="hidden")
    foretold = page.get_by_text("will be triggered")
    foretold.wait_for()
    said = foretold.inner_text()
    for _ in range(12):
        with page.expect_response(lambda response: response.url.endswith("/backfills")) as answered:
            page.get_by_role("button", name="Run Backfill").click()
        # Airflow notices only every half minute that the backfill before is done, and the form stays open until then.
        if answered.value.ok or "already a running backfill" not in answered.value.text():
            break
        page.wait_for_timeout(5_000)
    assert answered.value.ok, answered.value.text()
    return said
