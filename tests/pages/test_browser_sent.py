"""In a real browser: a file held at night is found in the morning, understood, released, and reaches the partner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.local.browser import CHROMIUM
from tests.outbound.changes import lose_codes, tolerate
from tests.outbound.conftest import gate, sample_template, world
from tests.outbound.world import World
from tests.pages.test_browser import DESK, complaints, keep, opened_browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["gate", "sample_template", "world"]
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]


@pytest.fixture
def open_as(airflow_database: str, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Page]]:
    """Opens a path of the pages over the world that the test delivers in."""
    with opened_browser(world.ledger_dsn, world.dms_dsn, world.folder / "reports", monkeypatch) as open_page:
        yield open_page


def test_a_held_file_is_found_understood_released_and_sent(open_as: Callable[..., Page], world: World) -> None:
    victim = world.query("SELECT min(dealer_code) FROM dms.v_dealers WHERE trade_partner_dealer")[0][0]
    tolerate(world, rows=3)
    lose_codes(world, victim, share=2)
    world.deliver()
    with world.ledger() as ledger:
        (held,) = ledger.files(states=("HELD",))
    before = set(world.home())

    page = open_as("/", "op", DESK)
    card = page.locator("#merkle_sar_daily")
    assert "needs a person" in card.inner_text()
    card.get_by_role("link", name="1 older held").click()
    page.get_by_role("link", name=str(held.id), exact=True).click()
    assert "HELD" in page.locator("h1").inner_text()
    assert f"{held.rejected} rejected" in page.locator("#counts").inner_text()
    assert "rows rejected" in page.locator("#reason").inner_text()
    keep(page, "outbound-held")
    release = page.locator("form", has=page.get_by_role("button", name="Release"))
    release.locator("input[name=reason]").fill("the dealer mends the addresses next week; send what is good")
    release.get_by_role("button").click()
    page.get_by_role("status").wait_for()

    world.deliver()
    page.reload()
    assert "PUBLISHED" in page.locator("h1").inner_text()
    with world.ledger() as ledger:
        sent = ledger.file(held.id)
    assert sent.file_name not in before
    assert sent.file_name in world.home()
    timeline = page.locator(".timeline").inner_text()
    assert "person:the-op" in timeline
    assert "the dealer mends the addresses next week" in timeline
    keep(page, "outbound-sent")
    assert not complaints
