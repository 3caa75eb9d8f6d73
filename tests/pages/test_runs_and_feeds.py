"""From a run to its files, and feeds that are paused and resumed."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest

from include.feeds import pause_feed
from include.ledger import Ledger
from local.sample import fill
from tests.ledger.arrival_cases import a_feed, entry
from tests.ledger.conftest import intent
from tests.pages.conftest import Pages, a_run
from tests.pages.test_access import token


def test_a_run_shows_the_files_that_it_told_the_ledger_of_and_no_other(pages: Pages) -> None:
    run, other = a_run(), a_run()
    ids = {}
    for name in (run, other):
        with Ledger(pages.ledger.dsn, actor=f"airflow:merkle_sar_daily/{name}/extract/try 1") as ledger:
            ids[name] = ledger.plan(**intent()).id
            ledger.move(ids[name], "HELD", reason=f"held by {name}")
    page = pages.of("viewer").get(f"/exchange/runs/merkle_sar_daily/{run}").text
    assert f'href="/exchange/files/{ids[run]}"' in page
    assert f"held by {run}" in page
    assert f'href="/exchange/files/{ids[other]}"' not in page
    # And back: the file's page leads to the run that did it.
    assert f"/dags/merkle_sar_daily/runs/{run}" in pages.of("viewer").get(f"/exchange/files/{ids[run]}").text
    assert pages.of("viewer").get("/exchange/runs/merkle_sar_daily/nobody").status_code == 404
    assert pages.of("viewer").get(f"/exchange/runs/nobody/{run}").status_code == 404
    assert "None." in pages.of("viewer").get(f"/exchange/runs/merkle_sar_daily/{a_run()}").text


def test_a_run_that_collects_shows_what_came_in(pages: Pages) -> None:
    run = a_run("proresponse_sales")
    feed = a_feed(pages.ledger)
    with Ledger(pages.ledger.dsn, actor=f"airflow:proresponse_sales/{run}/collect/try 1") as ledger:
        from datetime import UTC, datetime

        (row,) = ledger.seen(feed.id, [entry("day_SL.csv")], at=datetime.now(UTC))
    page = pages.of("viewer").get(f"/exchange/runs/proresponse_sales/{run}").text
    assert f'href="/exchange/arrivals/{row.id}"' in page
    assert "day_SL.csv" in page


@pytest.mark.parametrize(("interface", "place"), [("merkle_sar_daily", "files"), ("proresponse_sales", "arrivals")])
def test_a_dag_leads_to_its_files(pages: Pages, interface: str, place: str) -> None:
    answer = pages.of("viewer").get(f"/exchange/of/{interface}")
    assert (answer.status_code, answer.headers["location"]) == (307, f"../{place}?interface={interface}")
    assert pages.of("viewer").get("/exchange/of/nobody").status_code == 404


def test_a_feed_is_paused_and_resumed_with_a_reason_that_stays(pages: Pages) -> None:
    feed = a_feed(pages.ledger)
    operator, told = pages.of("op"), {"form_token": token("op"), "reason": "the dealer moves house"}
    assert feed.dealer in pages.of("viewer").get("/exchange/feeds").text
    assert "<form" not in pages.of("viewer").get("/exchange/feeds").text
    answer = operator.post(f"/exchange/feeds/{feed.id}/pause", data=told)
    assert (answer.status_code, answer.headers["location"]) == (303, "../../feeds?done=pause")
    page = operator.get("/exchange/feeds?done=pause").text
    assert "the dealer moves house" in page
    assert "person:the-op" in page
    assert operator.post(f"/exchange/feeds/{feed.id}/pause", data=told).status_code == 409
    assert operator.post(f"/exchange/feeds/{feed.id}/resume", data=told | {"reason": " "}).status_code == 422
    assert operator.post(f"/exchange/feeds/{feed.id}/resume", data=told).status_code == 303
    assert operator.post(f"/exchange/feeds/{feed.id}/terminate", data=told).status_code == 404
    assert operator.post("/exchange/feeds/9999/pause", data=told).status_code == 404
    assert pages.ledger.inbound_feed(feed.id).state == "LIVE"


def test_a_dealer_of_files_that_go_out_is_paused_and_resumed(pages: Pages) -> None:
    fill(pages.crm.dsn, dealers=2, days=1, lines=50, seed=1, until=date(2026, 11, 20), french=False)
    operator, told = pages.of("op"), {"form_token": token("op"), "reason": "the dealer moves house"}
    place = "/exchange/feeds/out/merkle_sar_daily"
    page = operator.get("/exchange/feeds").text
    dealer = page.partition('<select name="dealer"><option>')[2].partition("<")[0]
    assert pages.of("viewer").post(f"{place}/pause", data=told | {"dealer": dealer}).status_code == 403
    assert operator.post(f"{place}/pause", data=told | {"dealer": "nobody"}).status_code == 404
    assert operator.post(f"{place}/pause", data=told | {"dealer": dealer, "reason": " "}).status_code == 422
    assert operator.post(f"{place}/pause", data=told | {"dealer": dealer}).status_code == 303
    assert operator.post(f"{place}/pause", data=told | {"dealer": dealer}).status_code == 409
    assert pages.ledger.feed_state("merkle_sar_daily", dealer, "live") == "paused"
    assert "the dealer moves house" in pages.of("viewer").get("/exchange/feeds").text
    assert operator.post(f"{place}/resume", data=told | {"dealer": dealer}).status_code == 303
    assert operator.post(f"{place}/resume", data=told | {"dealer": dealer}).status_code == 409
    assert pages.ledger.feed_state("merkle_sar_daily", dealer, "live") == "enabled"


def test_feeds_come_in_pages_the_paused_first_and_are_found_by_dealer(pages: Pages) -> None:
    made = [a_feed(pages.ledger, dealer=f"dealer_{number:03}", directory=f"d{number}") for number in range(60)]
    pause_feed(pages.ledger, made[-1].id, reason="they move")
    browser = pages.of("viewer")
    seen: list[str] = []
    page = browser.get("/exchange/feeds").text
    assert page.index("dealer_059") < page.index("dealer_000")
    while True:
        seen += re.findall(r'id="feed-(\d+)"', page)
        after = re.search(r'rel="next" href="([^"]+)"', page)
        if after is None:
            break
        page = browser.get(f"/exchange/feeds{html.unescape(after[1])}").text
    assert sorted(map(int, seen)) == [feed.id for feed in made]
    only = browser.get("/exchange/feeds?dealer=dealer_007").text
    assert re.findall(r'id="feed-(\d+)"', only) == [str(made[7].id)]
    assert "no feed of that dealer" in browser.get("/exchange/feeds?dealer=nobody").text
    assert browser.get("/exchange/feeds?after=x").status_code == 422
