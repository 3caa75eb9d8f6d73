"""Who may see and do what: every route against the table in the documentation, for each kind of caller."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from include.warranty.decisions import move
from tests.imports.importing import file_of, sold
from tests.ledger.arrival_cases import a_feed, arrive
from tests.ledger.conftest import bring, intent
from tests.pages.conftest import Pages, a_notice, a_run
from tests.pages.test_preview import come, delivered
from tests.warranty.books import Books, claim, line

DOCS = Path(__file__).resolve().parents[2] / "docs" / "pages.md"
VERBS = {"feeds": "pause", "warranty": "write-off", "contacts": "dismiss"}
WARRANTY = {
    "/warranty/claims/{number}/{verb}": {"expected": "-30.00"},
    "/warranty/claims/{number}/move": {"expected": "30.00", "to": "2"},
    "/warranty/lines/{number}/move": {"expected": "130.00", "to": "2"},
}
CALLERS = ("anonymous", "viewer", "op", "admin")


def table() -> dict[str, tuple[str, ...]]:
    """Route → what each of ``CALLERS`` is answered, as the documentation has it."""
    rows = [
        line.strip("|").split("|") for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    ]
    return {row[0].strip().strip("`"): tuple(cell.strip() for cell in row[1:5]) for row in rows}


def routes() -> set[str]:
    from fastapi.routing import APIRoute

    from plugins.pages.app import make_pages

    found = list(make_pages().routes)
    assert all(isinstance(route, APIRoute) for route in found), "a route that no dependency guards"
    return {f"{method} {route.path}" for route in found if isinstance(route, APIRoute) for method in route.methods}


def waiting(pages: Pages) -> dict[str, int]:
    """Files held, out and in, a rejected row, a doubt about a contact, a live feed, a notice of a late file."""
    file = bring(pages.ledger, pages.ledger.plan(**intent()), "GATED")
    pages.ledger.move(file.id, "HELD", reason="40 of 50 rows rejected")
    row = arrive(pages.ledger, a_feed(pages.ledger), f"content {file.id}")
    pages.ledger.move_arrival(row.id, "HELD", reason="30 of 31 rows rejected")
    # One row is refused, and one names nobody, which is a doubt.
    nobody = sold(DealNumber=f"E{file.id}", CustomerNumber="", FirstName="", LastName="CASH", Email="", CellPhone="")
    pages.crm.sales(sold(SoldDate="1000-01-01", DealNumber=f"D{file.id}"), nobody)
    rejected = pages.crm.value("SELECT max(rejected_row_id) FROM crm.rejected_row")
    doubt = pages.crm.value("SELECT max(review_item_id) FROM crm.review_item")
    return {
        "/files": file.id,
        "/arrivals": row.id,
        "/rejected": rejected,
        "/contacts": doubt,
        "/feeds": a_feed(pages.ledger).id,
        "/notices": a_notice(pages.ledger, subject=f"file {file.id}").id,
    }


def in_the_books(pages: Pages) -> dict[str, int]:
    """Of two claims of 100 the first was paid 130: its number, its line's, and a decision's about another line."""
    books = Books(pages.crm.dsn).empty().open()
    books.load(claim("C1"), claim("C2"))
    books.pay("P1", line("C1", "130.00"), line("X", "5.00"))
    numbers = dict(books.rows("SELECT source_key, claim_id FROM warranty.claim"))
    lines = dict(books.rows("SELECT line_no, line_id FROM warranty.payment_line"))
    made = move(books.dsn, numbers["K-C2"], line_id=lines[2], reason="seen", who="sam")
    return {"/warranty/claims": numbers["K-C1"], "/warranty/lines": lines[1], "/warranty/decisions": made}


def test_the_documentation_has_every_route_and_no_other() -> None:
    assert set(table()) == routes()


def test_every_route_answers_each_caller_as_the_documentation_says(
    pages: Pages, known_dags: None, tmp_path: Path
) -> None:
    site = pages.reports / "merkle_sar_daily" / "site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("<p>fine</p>")
    previewed = {"files": delivered(pages, tmp_path), "arrivals": come(pages, file_of(sold()), tmp_path)}
    for route, answers in sorted(table().items()):
        method, path = route.split(" ")
        numbers: dict[str, int] = {}
        for caller, wanted in zip(CALLERS, answers, strict=True):
            shown = in_the_books if path.startswith("/warranty") else waiting
            # Who looks changes nothing; of who acts each finds it as it was.
            if "{number}" in path and (method == "POST" or not numbers):
                numbers = shown(pages)
            number = next((str(each) for start, each in numbers.items() if path.startswith(start)), "")
            verb = VERBS.get(path.split("/")[1], "release")
            place = path.replace("{number}", number).replace("{verb}", verb).replace("{name}", "pages.css")
            place = place.replace("{run_id:path}", a_run())
            place = place.replace("{interface}", "merkle_sar_daily").replace("{path:path}", "index.html")
            browser = pages.of(None if caller == "anonymous" else caller)
            told = {"state": "HELD", "reason": "they are right", "text": sold(), "form_token": token(caller)}
            told |= WARRANTY.get(path, {})
            if path.endswith("/preview"):
                place = place.replace(number, str(previewed[path.split("/")[1]]))
            if path == "/runs/{interface}":
                told["period"] = f"2026-10-{CALLERS.index(caller) + 1:02d}"
            if path.startswith("/feeds/out"):
                # Paused, so that there is a dealer: the DMS of these tests has none.
                pages.ledger.set_feed("merkle_sar_daily", "82600001", "live", "paused", reason="stock-taking")
                place, told["dealer"] = place.replace("/pause", "/resume"), "82600001"
            answer = browser.request(method, f"/exchange{place}", data=told if method == "POST" else None)
            assert str(answer.status_code) == wanted, f"{route} for {caller}: {answer.text[:500]}"


def token(caller: str) -> str:
    """What a form of this caller's would carry, whether a page offers them one or not."""
    from plugins.pages.access import Reader, form_token

    return form_token(Reader(f"the-{caller}", (), frozenset(), personal=False))


@pytest.mark.parametrize(
    "path", ["", "/", "/files", "/static/pages.css", "/static/nothing", "/quality/x/y", "/files/1"]
)
def test_nothing_of_a_page_reaches_who_is_not_logged_in(pages: Pages, path: str) -> None:
    answer = pages.of(None).get(f"/exchange{path}", follow_redirects=True)
    assert answer.status_code == 401
    assert "merkle" not in answer.text


def test_a_login_that_is_none_is_refused(pages: Pages) -> None:
    browser = pages.of(None)
    browser.cookies.set("_token", "a.b.c")
    assert browser.get("/exchange/files").status_code == 403


def test_each_answer_carries_a_policy_that_loads_nothing_from_elsewhere(pages: Pages) -> None:
    for path in ("/", "/files", "/static/pages.css", "/nothing"):
        headers = pages.of("viewer").get(f"/exchange{path}").headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    page = pages.of("viewer").get("/exchange/").text
    assert re.findall(r'(?:src|href)="(?!/|data:,)([^"]+)"', page) == []
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*src=)|\son[a-z]+=", page)


def test_pages_that_cannot_be_made_answer_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from plugins.pages.lazy import LazyPages

    def broken() -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr("plugins.pages.app.make_pages", broken)
    site = FastAPI()
    site.mount("/exchange", LazyPages())
    answer = TestClient(site).get("/exchange/files")
    assert answer.status_code == 503
    assert "canary" not in answer.text
