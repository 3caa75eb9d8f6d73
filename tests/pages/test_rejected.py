"""Rejected rows on a page: by rule and place for everybody, what they say for who may; corrected or discarded."""

from __future__ import annotations

import html
import logging
from datetime import UTC, datetime

import pytest

from tests.crm.dealing import sold
from tests.pages.conftest import Pages
from tests.pages.test_access import token

WRONG = sold(DealNumber="D9", SoldDate="1000-01-01", LastName="Canarybird")
RIGHT = WRONG.replace("1000-01-01", "03/17/2026")


@pytest.fixture
def row(pages: Pages) -> int:
    pages.crm.sales(sold(), WRONG)
    number: int = pages.crm.value("SELECT rejected_row_id FROM crm.rejected_row")
    return number


def test_rows_are_counted_by_rule_and_dealer_and_listed(pages: Pages, row: int) -> None:
    pages.crm.sales(*[sold(DealNumber=f"E{number}", SoldDate="") for number in range(52)], dealer="other")
    viewer = pages.of("viewer")
    page = viewer.get("/exchange/rejected").text
    assert "sold_date-required" in page
    assert 'class="n">52<' in page
    assert page.count('data-label="Row"') == 50
    older = html.unescape(page.split('rel="next" href="?')[1].split('"')[0])
    assert viewer.get(f"/exchange/rejected?{older}").text.count('data-label="Row"') == 3
    narrowed = viewer.get("/exchange/rejected?rule=sold_date-notBefore&dealer=lakeside_rv").text
    assert narrowed.count('data-label="Row"') == 1
    assert "No row is so." in viewer.get("/exchange/rejected?state=DISCARDED").text
    assert viewer.get("/exchange/rejected?state=GONE").status_code == 422
    assert viewer.get("/exchange/rejected?before=x").status_code == 422
    assert "Canarybird" not in page


def test_rows_are_counted_by_day_under_the_same_filter(pages: Pages) -> None:
    today = datetime.now(UTC).date()
    pages.crm.sales(WRONG, day=today)
    assert pages.of("viewer").get("/exchange/rejected").text.count(f"<title>{today}: ") == 2
    assert 'id="days"' not in pages.of("viewer").get("/exchange/rejected?dealer=nobody").text


def test_what_a_row_says_is_for_who_may_see_it_and_that_they_looked_is_kept(
    pages: Pages, row: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="plugins.pages"):
        for role in ("viewer", "op"):
            page = pages.of(role).get(f"/exchange/rejected/{row}").text
            assert "Canarybird" not in page
            assert 'id="hidden"' in page
            assert "sold_date-notBefore" in page
        looked = [record for record in caplog.records if "looked" in record.getMessage()]
        assert looked == []
        assert "Canarybird" in pages.of("admin").get(f"/exchange/rejected/{row}").text
    assert f"the-admin looked at the text of rejected row {row}" in caplog.messages
    assert "Canarybird" not in caplog.text


def test_a_row_is_corrected_and_imported_once(pages: Pages, row: int) -> None:
    told = {"form_token": token("admin"), "text": RIGHT + "\r\n", "reason": "typing error, the dealer says"}
    admin = pages.of("admin")
    assert admin.post(f"/exchange/rejected/{row}/correct", data=told).headers["location"] == f"../{row}?done=correct"
    assert pages.crm.value("SELECT count(*) FROM crm.activity") == 2
    page = admin.get(f"/exchange/rejected/{row}?done=correct").text
    assert "person:the-admin" in page
    assert "CORRECTED" in page
    assert 'id="decide"' not in page
    again = admin.post(f"/exchange/rejected/{row}/correct", data=told)
    assert again.status_code == 409
    assert "CORRECTED already, by person:the-admin" in again.text
    assert pages.crm.value("SELECT count(*) FROM crm.activity") == 2


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"text": WRONG}, 409, "still breaks sold_date-notBefore"),
        ({"text": f"{RIGHT}\n{RIGHT}"}, 409, "not one record"),
        ({"text": " "}, 422, "whole corrected row"),
        ({"text": "x" * 70_000}, 422, "whole corrected row"),
        ({"reason": " "}, 422, "Say why"),
        ({"form_token": ""}, 403, "not from a page of yours"),
    ],
)
def test_what_cannot_be_is_refused_in_words_without_a_value(
    pages: Pages, row: int, changes: dict[str, str], status: int, said: str
) -> None:
    told = {"form_token": token("admin"), "text": RIGHT, "reason": "typing error", **changes}
    answer = pages.of("admin").post(f"/exchange/rejected/{row}/correct", data=told)
    assert answer.status_code == status
    assert said in answer.text
    assert "Canarybird" not in answer.text
    assert pages.crm.value("SELECT state FROM crm.rejected_row") == "OPEN"


def test_who_may_act_and_not_look_can_discard_and_not_correct(pages: Pages, row: int) -> None:
    operator, told = pages.of("op"), {"form_token": token("op"), "text": RIGHT, "reason": "no customer of ours"}
    assert operator.post(f"/exchange/rejected/{row}/correct", data=told).status_code == 403
    assert operator.post(f"/exchange/rejected/{row}/discard", data=told).status_code == 303
    assert pages.crm.rows("SELECT state, decided_by FROM crm.rejected_row") == [("DISCARDED", "person:the-op")]
    assert operator.get("/exchange/rejected/999999").status_code == 404
