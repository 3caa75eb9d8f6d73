"""Decisions in a real browser: a difference of the warranty books, made and reversed, and a doubt about a contact."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.imports.importing import Imports, file_of, sold
from tests.local.browser import CHROMIUM
from tests.pages.test_browser import (
    DESK,
    PHONE,
    archive,
    archive_root,
    clock,
    complaints,
    folder,
    gate,
    imports,
    keep,
    ledger,
    make_feed,
    merkle,
    no_wider_than_its_window,
    open_as,
    partner,
    partners,
    partners_root,
)
from tests.warranty.books import VIN, Books, claim, line

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = [
    "archive", "archive_root", "clock", "folder", "gate", "imports", "ledger", "make_feed", "merkle", "open_as",
    "partner", "partners", "partners_root",
]  # fmt: skip
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]


def decide(page: Page, button: str, reason: str) -> None:
    """Give a reason in the form that has this button, press it, and wait to be told that it is done."""
    form = page.locator("form", has=page.get_by_role("button", name=button, exact=True))
    form.locator("input[name=reason]").fill(reason)
    form.get_by_role("button").click()
    page.get_by_role("status").wait_for()


def test_a_difference_is_written_off_and_the_decision_is_reversed(
    open_as: Callable[..., Page], imports: Imports
) -> None:
    books = Books(imports.dms_dsn).open()
    books.load(claim("C1"), claim("C2"))
    books.pay("P1", line("C1", "60.00"), line("X", "70.00"))
    page = open_as("/warranty", "op", DESK)
    assert "50.0 %" in page.locator("#figures").inner_text()
    keep(page, "warranty")
    page.locator("#figures").get_by_role("link", name="dealer_1").click()
    page.locator("#list").get_by_role("link").first.click()
    assert "40.00" in page.locator("#open").inner_text()
    keep(page, "warranty-claim")
    page.locator("form", has=page.get_by_role("button", name="Write off", exact=True)).get_by_role("button").click()
    assert books.claims()["K-C1"][:2] == (50, 40), "a decision without a reason"
    stale = open_as(page.url.split("/exchange")[1], "op", DESK)
    decide(page, "Write off", "too small to ask for")
    assert "99 complete" in page.locator("h1").inner_text()
    assert books.claims()["K-C1"] == (99, 0, 0, 40, 0)
    # The same page stood open in another window.
    form = stale.locator("form", has=stale.get_by_role("button", name="Part pay", exact=True))
    form.locator("input[name=reason]").fill("they will pay")
    form.get_by_role("button").click()
    assert "no difference to decide about" in stale.locator(".said").inner_text()
    page.locator(".decided").get_by_role("link").first.click()
    assert "person:the-op" in page.locator("main").inner_text()
    decide(page, "Reverse", "the manufacturer pays after all")
    assert "reversed" in page.locator("h1").inner_text()
    assert books.claims()["K-C1"] == (50, 40, 0, 0, 0)
    assert VIN not in page.content()
    assert [each for each in complaints if "409" not in each] == []
    for path in (
        "/warranty",
        "/warranty?show=differences",
        "/warranty?show=lines",
        "/warranty?show=decisions",
        "/warranty/claims/1",
    ):
        phone = open_as(path, "op", PHONE)
        assert no_wider_than_its_window(phone), path
        phone.context.close()


def test_a_doubt_is_decided_with_row_and_candidate_side_by_side(open_as: Callable[..., Page], imports: Imports) -> None:
    doubt = sold(DealNumber="D2", StockNumber="S-2", CustomerNumber="", FirstName="Averil", Email="")
    for name, row in (("day1_SL.csv", sold()), ("day2_SL.csv", doubt)):
        imports.bring(name, file_of(row))
        imports.check()
        imports.apply()
    page = open_as("/contacts", "admin", DESK)
    page.get_by_role("link", name="1", exact=True).first.click()
    assert "Averil" in page.locator("#said").inner_text()
    keep(page, "doubt")
    assert no_wider_than_its_window(page)
    decide(page, "New contact", "a sister, the dealer says")
    assert "CREATED" in page.locator("h1").inner_text()
    assert imports.crm("SELECT first_name, created_by FROM crm.contact WHERE created_by IS NOT NULL") == [
        ("Averil", "person:the-admin")
    ]
    assert complaints == []
