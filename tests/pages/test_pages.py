"""What the pages show: the morning, lists with their filters, reports, the catalogue; hostile text stays text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.contract import all_contract_ids, load_contract
from include.ledger import SeenEntry
from tests.ledger.arrival_cases import NOW, a_feed, arrive
from tests.ledger.arrival_cases import bring as bring_arrival
from tests.ledger.conftest import bring, intent
from tests.pages.conftest import Pages


def test_the_morning_page_has_every_interface_and_says_whether_anybody_must_act(pages: Pages) -> None:
    page = pages.of("viewer").get("/exchange/").text
    assert all(f'id="{name}"' in page for name in all_contract_ids())
    # A DMS without any dealer is no peace, but a sign that something is wrong.
    assert "finds no dealer active" in page
    assert "interfaces need a person." in page


def test_a_held_file_is_on_the_morning_page_with_a_link(pages: Pages) -> None:
    from include.duty import last_due

    window = last_due(load_contract("merkle_sar_daily"), datetime.now(UTC)).window
    file = pages.ledger.plan(
        **intent("82600001", window_start=window.start, window_end=window.end, zone=window.zone,
                 business_date=window.business_date)
    )  # fmt: skip
    pages.ledger.move(file.id, "HELD", reason="40 of 50 rows rejected <b>")
    page = pages.of("viewer").get("/exchange/").text
    assert f'href="/exchange/files/{file.id}"' in page
    assert "40 of 50 rows rejected &lt;b&gt;" in page


def test_of_many_dealers_the_first_are_named_and_all_stand_on_a_page_of_their_own(pages: Pages) -> None:
    from include.duty import last_due

    window = last_due(load_contract("merkle_sar_daily"), datetime.now(UTC)).window
    for number in range(25):
        file = pages.ledger.plan(
            **intent(f"826{number:05}", window_start=window.start, window_end=window.end, zone=window.zone,
                     business_date=window.business_date)
        )  # fmt: skip
        if number != 24:
            pages.ledger.move(file.id, "HELD", reason="40 of 50 rows rejected")
        else:
            pages.ledger.move(file.id, "WITHHELD", reason="nobody has signed")
    viewer = pages.of("viewer")
    page = viewer.get("/exchange/").text
    assert page.count("40 of 50 rows rejected") == 20
    assert "4 more dealers need a person" in page
    assert 'href="/exchange/interfaces/merkle_sar_daily"' in page
    everyone = viewer.get("/exchange/interfaces/merkle_sar_daily").text
    assert everyone.count("40 of 50 rows rejected") == 24
    assert everyone.index("40 of 50 rows rejected") < everyone.index("nobody has signed")
    assert viewer.get("/exchange/interfaces/nobody").status_code == 404


def test_the_morning_page_says_how_good_the_last_day_was(pages: Pages) -> None:
    assert "Quality: no file lately." in pages.of("viewer").get("/exchange/").text
    row = arrive(
        pages.ledger, a_feed(pages.ledger), "quality", minutes=int((datetime.now(UTC) - NOW).total_seconds() / 60)
    )
    bring_arrival(pages.ledger, row, "CHECKED")
    assert "Quality: 1 of 3 rows rejected (33.3 %) in 1 files of" in pages.of("viewer").get("/exchange/").text


def test_quality_is_shown_of_all_dealers_and_of_one(pages: Pages) -> None:
    # Of the last weeks: what is older is in no chart.
    day = datetime.now(UTC).date() - timedelta(days=1)
    for dealer in ("82600001", "82600002"):
        bring(pages.ledger, pages.ledger.plan(**intent(dealer, day=day)), "PUBLISHED")
    viewer = pages.of("viewer")
    page = viewer.get("/exchange/quality").text
    assert 'href="?dealer=82600001"' in page
    assert f"<title>{day}: 26</title>" in page
    assert all(f'id="{name}"' in page for name in all_contract_ids())
    page = viewer.get("/exchange/quality?dealer=82600001").text
    assert f"<title>{day}: 13</title>" in page
    assert 'id="proresponse_sales"' not in page
    assert "&lt;script" in viewer.get("/exchange/quality?dealer=<script>").text


def test_lists_are_filtered_and_paged(pages: Pages) -> None:
    for number in range(53):
        pages.ledger.plan(**intent(f"826{number:05}"))
    browser = pages.of("viewer")
    first = browser.get("/exchange/files").text
    assert first.count('data-label="File"') == 50
    older = first.split('rel="next" href="?')[1].split('"')[0].replace("&amp;", "&")
    assert browser.get(f"/exchange/files?{older}").text.count('data-label="File"') == 3
    assert browser.get("/exchange/files?dealer=82600007").text.count('data-label="File"') == 1
    assert "No file is so." in browser.get("/exchange/files?state=HELD&since=2026-01-01&until=2026-12-31").text


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("state=GONE", 422), ("since=yesterday", 422), ("after=1~x", 422), ("after=never~1", 422),
        ("after=2026-11-20~99999999999999999999999", 200), ("interface=nobody", 404),
        ("interface=proresponse_sales", 200), ("dealer=%27%3B+DROP+TABLE+ledger.file%3B", 200),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused_in_words(pages: Pages, asked: str, status: int) -> None:
    assert pages.of("viewer").get(f"/exchange/files?{asked}").status_code == status


def test_a_hostile_name_is_a_label(pages: Pages) -> None:
    feed = a_feed(pages.ledger)
    name = '<img src=x onerror="alert(1)">_SL.csv'
    (row,) = pages.ledger.seen(feed.id, [SeenEntry(name, 1, NOW)], at=NOW)
    for path in ("/exchange/arrivals", f"/exchange/arrivals/{row.id}"):
        page = pages.of("viewer").get(path).text
        assert "<img" not in page
        assert "&lt;img src=x" in page


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2fsecret.html",
        "../secret.html",
        "%2e%2e/secret.html",
        "/etc/passwd",
        "notes.txt",
        "link.html",
        "assets",
    ],
)
def test_a_report_shows_nothing_outside_of_its_folder(pages: Pages, path: str, tmp_path: Path) -> None:
    site = pages.reports / "merkle_sar_daily" / "site"
    (site / "assets").mkdir(parents=True)
    (pages.reports / "merkle_sar_daily" / "secret.html").write_text("canary")
    (site / "notes.txt").write_text("canary")
    (tmp_path / "outside.html").write_text("canary")
    (site / "link.html").symlink_to(tmp_path / "outside.html")
    (site / "index.html").write_text("<p>fine</p>")
    browser = pages.of("viewer")
    assert browser.get("/exchange/quality/merkle_sar_daily/index.html").text == "<p>fine</p>"
    answer = browser.get(f"/exchange/quality/merkle_sar_daily/{path}")
    assert answer.status_code == 404
    assert "canary" not in answer.text


def test_the_catalogue_is_the_contracts_and_the_record_names_every_personal_field(pages: Pages) -> None:
    browser = pages.of("viewer")
    listed = browser.get("/exchange/catalogue").text
    assert all(load_contract(name).version and f"/catalogue/{name}" in listed for name in all_contract_ids())
    for name in all_contract_ids():
        page = browser.get(f"/exchange/catalogue/{name}").text
        assert all(field.name in page for field in load_contract(name).fields)
    answer = browser.get("/exchange/catalogue/record-of-processing.csv")
    assert "attachment" in answer.headers["content-disposition"]
    personal = sum(field.personal for name in all_contract_ids() for field in load_contract(name).fields)
    assert len(answer.text.splitlines()) >= personal + 1
    assert not any(line.startswith(("=", "+", "-", "@")) for line in answer.text.splitlines())


def test_a_ledger_that_does_not_answer_is_said_without_its_password(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_LEDGER", '{"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "password": "canary"}'
    )
    answer = pages.of("viewer").get("/exchange/files")
    assert answer.status_code == 503
    assert "cannot reach the ledger" in answer.text
    assert "canary" not in answer.text


def test_the_last_weeks_are_bars_and_a_table(pages: Pages) -> None:
    day = datetime.now(UTC).date() - timedelta(days=3)
    for number in range(3):
        bring(pages.ledger, pages.ledger.plan(**intent(day=day - timedelta(days=number))), "PUBLISHED")
    page = pages.of("viewer").get("/exchange/quality").text
    card = page.split('id="merkle_sar_daily"')[1].split("</section>")[0]
    assert card.count('<rect class="bar"') == 9
    assert f"{day}: 15.4 %" in card
    assert 'height="56.0"' in card
    assert "Nothing went or came in that time." in page
