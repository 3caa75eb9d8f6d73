"""The warranty books on a page: what is seen, what is decided once, and what is refused without a trace."""

from __future__ import annotations

import csv
import html
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from tests.pages.conftest import Pages
from tests.pages.test_access import token
from tests.warranty.books import VIN, Books, claim, line


@dataclass
class Desk:
    """The pages of somebody before books with claims, and the numbers of these claims."""

    pages: Pages
    books: Books

    def number(self, key: str) -> int:
        [(found,)] = self.books.rows("SELECT claim_id FROM warranty.claim WHERE source_key = %s", (f"K-{key}",))
        return int(found)

    def see(self, path: str, role: str = "op") -> Any:
        return self.pages.of(role).get(f"/exchange/warranty{path}")

    def send(self, path: str, role: str = "op", **told: str) -> Any:
        said = {"form_token": token(role), "reason": "seen with the manufacturer", **told}
        return self.pages.of(role).post(f"/exchange/warranty{path}", data=said)

    def decisions(self) -> list[tuple[Any, ...]]:
        return self.books.rows(
            "SELECT kind, coalesce(claim_id, line_id), to_claim_id, amount::text, decided_by, reversed_by "
            "FROM warranty.decision ORDER BY 1"
        )


@pytest.fixture
def desk(pages: Pages) -> Desk:
    """C1 of 100 was paid 60, C2 twice, C3 not at all; C4 is another dealer's; a line of 70 is nobody's."""
    books = Books(pages.crm.dsn).empty().open()
    books.load(claim("C1"), claim("C2"), claim("C3"), claim("C4", retail_code="R2"))
    books.pay("P1", line("C1", "60.00"), line("C2"), line("C2"), line("X", "70.00"), day=date(2026, 3, 10))
    return Desk(pages, books)


def open_line(desk: Desk) -> int:
    [(found,)] = desk.books.rows("SELECT line_id FROM warranty.assessment WHERE claim_id IS NULL")
    return int(found)


def test_the_page_shows_figures_differences_lines_and_no_vehicle(desk: Desk) -> None:
    page = desk.see("", "viewer").text
    figures = page.split('id="figures"')[1].split("</table>")[0]
    assert "75.0 %" in figures
    assert ">170.00<" in figures, "money on account: what C2 was paid too much, and the line"
    listed = desk.see("?show=differences", "viewer").text.split('id="list"')[1]
    assert [desk.number(key) for key in ("C2", "C1")] == [
        int(part.split('"')[0]) for part in listed.split("/warranty/claims/")[1:]
    ]
    lines = desk.see("?show=lines", "viewer").text
    assert f'/warranty/lines/{open_line(desk)}"' in lines
    assert "no claim" in lines
    assert VIN not in page + listed + lines
    assert ">170.00<" not in desk.see("?dealer=dealer_2").text
    assert "No claim is so." in desk.see("?show=differences&dealer=dealer_2").text
    assert f'/warranty/claims/{desk.number("C3")}"' in desk.see("?claim=C3").text, "found, though nothing was paid"


def test_lists_come_in_pages_of_fifty_and_none_is_left_out(desk: Desk) -> None:
    desk.books.pay("P2", *[line(f"N{number}", "1.00") for number in range(55)])
    seen: list[str] = []
    query = "show=lines"
    for rows in (50, 6):
        page = desk.see(f"?{query}").text
        seen += [part.split('"')[0] for part in page.split("/warranty/lines/")[1:]]
        assert page.count('data-label="Line"') == rows
        query = html.unescape(page.split('rel="next" href="?')[1].split('"')[0]) if rows == 50 else ""
    assert len(set(seen)) == 56
    assert 'rel="next"' not in page


def test_an_address_that_is_none_of_ours_is_refused(desk: Desk) -> None:
    for query in ("show=all", "before=x", f"before={'9' * 30}"):
        assert desk.see(f"?{query}").status_code == 422


def test_what_to_take_up_is_downloaded_without_formula_or_vehicle(desk: Desk) -> None:
    desk.books.load(claim("=1+1"))
    answer = desk.see("/disputes.csv", "viewer")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(answer.content.decode("utf-8-sig").splitlines()))
    assert {row["claim_number"]: row["outstanding"] for row in rows} == {
        "C1": "40.00", "C3": "100.00", "C4": "100.00", "'=1+1": "100.00",
    }  # fmt: skip
    assert VIN not in answer.text
    assert len(desk.see("/disputes.csv?dealer=dealer_2").text.splitlines()) == 2


def test_a_vehicle_is_for_who_may_see_it_and_that_they_looked_is_kept(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.books.pay("P2", line("Y", "1.00", vin=VIN))
    places = [f"/claims/{desk.number('C1')}", f"/lines/{open_line_of(desk, 'Y')}"]
    with caplog.at_level(logging.INFO, logger="plugins.pages"):
        for place in places:
            for role in ("viewer", "op"):
                assert VIN not in desk.see(place, role).text
        assert not [each for each in caplog.messages if "looked" in each]
        for place in places:
            assert VIN in desk.see(place, "admin").text
    assert f"the-admin looked at the vehicle of warranty claim {desk.number('C1')}" in caplog.messages
    assert VIN not in caplog.text


def open_line_of(desk: Desk, claim_number: str) -> int:
    [(found,)] = desk.books.rows("SELECT line_id FROM warranty.payment_line WHERE claim_number = %s", (claim_number,))
    return int(found)


@pytest.mark.parametrize(
    ("verb", "kind", "after"),
    [
        ("write-off", "WRITE_OFF", (99, 0, 0, 40, 0)),
        ("write-off-leave-open", "WRITE_OFF_LEAVE_OPEN", (50, 0, 0, 40, 0)),
        ("part-pay", "PART_PAY", (99, 0, 0, 0, 40)),
        ("part-pay-leave-open", "PART_PAY_LEAVE_OPEN", (50, 40, 0, 0, 0)),
    ],
)
def test_a_difference_is_decided_once_and_reversed_once(
    desk: Desk, verb: str, kind: str, after: tuple[Any, ...]
) -> None:
    number = desk.number("C1")
    assert f"claims/{number}/{verb}" in desk.see(f"/claims/{number}").text
    answer = desk.send(f"/claims/{number}/{verb}", expected="40.00")
    assert (answer.status_code, answer.headers["location"]) == (303, f"../{number}?done={verb}")
    assert desk.books.claims()["K-C1"] == after
    assert desk.send(f"/claims/{number}/{verb}", expected="40.00").status_code == 409, "the second click"
    [made] = desk.decisions()
    assert made == (kind, number, None, "40.00", "person:the-op", None)
    page = desk.see(f"/claims/{number}?done={verb}").text
    assert "seen with the manufacturer" in page
    assert f"claims/{number}/{verb}" not in page
    [(decision,)] = desk.books.rows("SELECT decision_id FROM warranty.decision")
    assert "holds" in desk.see(f"/decisions/{decision}").text
    assert desk.send(f"/decisions/{decision}/reverse").status_code == 303
    assert desk.books.claims()["K-C1"] == (50, 40, 0, 0, 0)
    assert desk.send(f"/decisions/{decision}/reverse").status_code == 409
    assert [each[-1] for each in desk.decisions()] == ["person:the-op"]
    assert 'id="decide"' not in desk.see(f"/decisions/{decision}").text
    assert f"/warranty/decisions/{decision}" in desk.see("?show=decisions").text


def test_of_two_clicks_at_the_same_moment_one_decides(desk: Desk) -> None:
    """By the only decision that leaves the difference as it was: nothing but the books' lock tells the two apart."""
    place = f"/claims/{desk.number('C1')}/part-pay-leave-open"
    with ThreadPoolExecutor(4) as clicks:
        answers = list(clicks.map(lambda _: desk.send(place, expected="40.00").status_code, range(4)))
    assert sorted(answers) == [303, 409, 409, 409]
    assert len(desk.decisions()) == 1


def test_what_was_paid_too_much_is_moved_once(desk: Desk) -> None:
    source, to = desk.number("C2"), desk.number("C3")
    page = desk.see(f"/claims/{source}").text
    assert f"claims/{source}/move" in page
    assert f"claims/{source}/part-pay" not in page
    told = {"expected": "100.00", "to": str(to), "amount": "30.00"}
    assert desk.send(f"/claims/{source}/move", **told).status_code == 303
    assert desk.send(f"/claims/{source}/move", **told).status_code == 409
    assert desk.books.claims()["K-C3"][:2] == (20, 70)
    assert desk.decisions() == [("MOVE", source, to, "30.00", "person:the-op", None)]


def test_a_line_is_moved_to_a_candidate_in_parts(desk: Desk) -> None:
    desk.books.pay("P2", line("Z", "50.00", work_order="WO-C3", vin=VIN, repair_date="2026-02-20"))
    number, to = open_line_of(desk, "Z"), desk.number("C3")
    page = desk.see(f"/lines/{number}").text
    assert "by work order" in page
    assert f'name="to" value="{to}"' in page
    assert desk.send(f"/lines/{number}/move", expected="50.00", to=str(to), amount="20.00").status_code == 303
    assert desk.send(f"/lines/{number}/move", expected="50.00", to=str(to)).status_code == 409, "30 are left, not 50"
    assert desk.send(f"/lines/{number}/move", expected="30.00", to=str(to)).status_code == 303
    assert desk.books.claims()["K-C3"][:2] == (20, 50)
    assert 'id="decide"' not in desk.see(f"/lines/{number}").text


def test_money_in_suspense_has_no_form_and_says_what_to_do(desk: Desk) -> None:
    desk.books.pay("P2", line("Q", "5.00", retail_code="R9"))
    number = open_line_of(desk, "Q")
    page = desk.see(f"/lines/{number}").text
    assert "retail-dealer" in page
    assert 'id="decide"' not in page
    assert desk.send(f"/lines/{number}/move", expected="5.00", to=str(desk.number("C1"))).status_code == 409


REFUSED: tuple[tuple[str, str, dict[str, str], int, str], ...] = (
    ("viewer", "/claims/C1/write-off", {}, 403, "takes the right to trigger"),
    ("op", "/claims/C1/write-off", {"reason": " "}, 422, "Say why"),
    ("op", "/claims/C1/write-off", {"reason": "x" * 501}, 422, "Say why"),
    ("op", "/claims/C1/write-off", {"expected": "39.99"}, 409, "is 40.00 now, not 39.99"),
    ("op", "/claims/C1/write-off", {"expected": ""}, 422, "An amount is written"),
    ("op", "/claims/C1/write-off", {"expected": "1e99"}, 422, "An amount is written"),
    ("op", "/claims/C1/write-off", {"form_token": ""}, 403, "not from a page of yours"),
    ("op", "/claims/C1/write-off", {"form_token": "admin"}, 403, "not from a page of yours"),
    ("op", "/claims/C1/give-away", {}, 404, "no such decision"),
    ("op", "/claims/C3/part-pay", {"expected": "100.00"}, 409, "not paid at all"),
    ("op", "/claims/999999/write-off", {}, 404, "no such claim"),
    ("op", "/claims/C2/move", {"expected": "100.00", "to": "C4"}, 409, "stays with"),
    ("op", "/claims/C2/move", {"expected": "100.00", "to": "C3", "amount": "100.01"}, 409, "can be moved, not"),
    ("op", "/claims/C2/move", {"expected": "100.00", "to": "C3", "amount": "1.001"}, 422, "An amount is written"),
    ("op", "/claims/C2/move", {"expected": "100.00", "to": "nobody"}, 422, "Name the claim"),
    ("op", "/claims/C2/move", {"expected": "100.00", "to": "999999"}, 409, "there is no claim"),
    ("viewer", "/claims/C2/move", {"expected": "100.00", "to": "C3"}, 403, "takes the right to trigger"),
    ("viewer", "/lines/4/move", {"expected": "70.00", "to": "C3"}, 403, "takes the right to trigger"),
    ("op", "/lines/4/move", {"expected": "70.00", "to": "C4"}, 409, "stays with"),
    ("op", "/lines/4/move", {"expected": "70.00", "to": "C3", "reason": ""}, 422, "Say why"),
    ("op", "/lines/999999/move", {"expected": "70.00", "to": "C3"}, 404, "no such payment line"),
    ("viewer", "/decisions/1/reverse", {}, 403, "takes the right to trigger"),
    ("op", "/decisions/999999/reverse", {}, 404, "no such decision"),
)


def test_what_cannot_be_is_refused_and_nothing_is_written(desk: Desk) -> None:
    numbers = {key: str(desk.number(key)) for key in ("C1", "C2", "C3", "C4")}
    for role, path, changes, status, said in REFUSED:
        told = {"expected": "40.00"} | {name: numbers.get(value, value) for name, value in changes.items()}
        if changes.get("form_token"):
            told["form_token"] = token(changes["form_token"])
        place = "/".join(numbers.get(part, part) for part in path.split("/"))
        answer = desk.send(place, role, **told)
        assert answer.status_code == status, (role, path, changes, answer.text)
        assert said in html.unescape(answer.text)
        assert desk.decisions() == [], (role, path, changes)


def test_who_may_only_look_sees_no_form(desk: Desk) -> None:
    for place in (f"/claims/{desk.number('C1')}", f"/claims/{desk.number('C2')}", f"/lines/{open_line(desk)}"):
        assert 'method="post"' not in desk.see(place, "viewer").text
        assert 'method="post"' in desk.see(place, "op").text
    for place in ("/claims/999999", "/lines/999999", "/decisions/999999"):
        assert desk.see(place).status_code == 404
