"""Doubts about contacts on a page: where they stand for everybody, people for who may; decided once, or refused."""

from __future__ import annotations

import html
import logging
from dataclasses import dataclass
from typing import Any

import pytest

from include.crm.review import create, open_items
from include.crm.review_lists import review_details, review_place
from tests.crm.dealing import Dealing, sold
from tests.pages.conftest import Pages
from tests.pages.test_access import token

PEOPLE = ("Averil", "Averon", "Canarybird", "5550100199")


def customer(deal: str, first: str) -> str:
    """A customer who shares last name and telephone with the others, and the first three letters of the first name."""
    return sold(
        DealNumber=deal, StockNumber=deal, CustomerNumber="", FirstName=first, LastName="Canarybird",
        CellPhone="5550100199", Email="",
    )  # fmt: skip


@dataclass
class Desk:
    """The pages before a CRM with one doubt and two candidates."""

    pages: Pages
    crm: Dealing
    item: int
    candidates: tuple[int, ...]

    @property
    def seen(self) -> str:
        return " ".join(map(str, self.candidates))

    def see(self, role: str, path: str = "") -> Any:
        return self.pages.of(role).get(f"/exchange/contacts{path}")

    def send(self, verb: str, role: str = "admin", **told: str) -> Any:
        said = {"form_token": token(role), "seen": self.seen, "reason": "the dealer knows them", **told}
        return self.pages.of(role).post(f"/exchange/contacts/{self.item}/{verb}", data=said)

    def state(self) -> tuple[Any, ...]:
        [row] = self.crm.rows(
            "SELECT state, contact_id, decided_by FROM crm.review_item WHERE review_item_id = %s", (self.item,)
        )
        return row


@pytest.fixture
def desk(pages: Pages) -> Desk:
    """Avery and Averil are contacts, and Averon could be either."""
    crm = pages.crm
    crm.sales(customer("D1", "Avery"))
    crm.sales(customer("D2", "Averil"))
    [first] = open_items(crm.dsn)
    create(crm.dsn, first.id, reason="a sister", who="kim")
    crm.sales(customer("D3", "Averon"))
    [item] = open_items(crm.dsn)
    assert len(item.candidates) == 2
    return Desk(pages, crm, item.id, item.candidates)


def test_the_list_says_where_doubts_stand_and_nothing_of_people(desk: Desk) -> None:
    for role in ("viewer", "op", "admin"):
        page = desk.see(role).text
        assert f'/contacts/{desk.item}"' in page
        assert "lakeside_rv" in page
        assert "T5</a>: start of the first name" in page
        assert page.count('data-label="Doubt"') == 1
        assert not [word for word in PEOPLE if word in page]
    assert desk.see("viewer", "?state=CREATED").text.count('data-label="Doubt"') == 1
    assert "No doubt is so." in desk.see("viewer", "?dealer=harbour_marine").text
    assert "No doubt is so." in desk.see("viewer", "?rule=T7").text
    for wrong in ("state=GONE", "before=x"):
        assert desk.see("viewer", f"?{wrong}").status_code == 422


def test_doubts_come_in_pages_of_fifty(desk: Desk) -> None:
    firsts = [f"Aver{chr(97 + number // 26)}{chr(97 + number % 26)}x" for number in range(52)]
    desk.crm.sales(*[customer(f"E{number}", first) for number, first in enumerate(firsts)])
    page = desk.see("viewer").text
    assert page.count('data-label="Doubt"') == 50
    older = html.unescape(page.split('rel="next" href="?')[1].split('"')[0])
    last = desk.see("viewer", f"?{older}").text
    assert last.count('data-label="Doubt"') == 3
    assert f'/contacts/{desk.item}"' in last


def test_people_are_shown_to_who_may_see_them_and_that_they_looked_is_kept(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="plugins.pages"):
        for role in ("viewer", "op"):
            page = desk.see(role, f"/{desk.item}").text
            assert not [word for word in PEOPLE if word in page]
            assert 'id="hidden"' in page
            assert 'method="post"' not in page
            assert ", ".join(map(str, desk.candidates)) in page
        assert not [each for each in caplog.messages if "looked" in each]
        page = desk.see("admin", f"/{desk.item}").text
    assert "Averon" in page
    assert "5550100199" in page.split(f'id="contact-{desk.candidates[0]}"')[1]
    assert f"the-admin looked at what review {desk.item} says about people" in caplog.messages
    assert "Canarybird" not in caplog.text
    place = review_place(desk.crm.dsn, desk.item)
    assert place is not None
    assert "Canarybird" not in repr(review_details(desk.crm.dsn, place))


def test_a_doubt_is_linked_once(desk: Desk) -> None:
    to = desk.candidates[1]
    answer = desk.send("link", contact=str(to))
    assert (answer.status_code, answer.headers["location"]) == (303, f"../{desk.item}?done=link")
    assert desk.state() == ("LINKED", to, "person:the-admin")
    assert desk.crm.value("SELECT contact_id FROM crm.activity WHERE deal_number = 'D3'") == to
    for verb in ("link", "create", "dismiss"):
        again = desk.send(verb, contact=str(desk.candidates[0]))
        assert again.status_code == 409
    assert desk.state() == ("LINKED", to, "person:the-admin")
    page = desk.see("admin", f"/{desk.item}?done=link").text
    assert "the dealer knows them" in page
    assert 'method="post"' not in page
    assert "the dealer knows them" not in desk.see("op", f"/{desk.item}").text, "a reason may name people"


def test_a_new_contact_is_made_once(desk: Desk) -> None:
    assert desk.send("create").status_code == 303
    assert desk.send("create").status_code == 409
    made = desk.crm.rows("SELECT first_name, created_by FROM crm.contact WHERE created_by IS NOT NULL ORDER BY 1")
    assert made == [("Averil", "kim"), ("Averon", "person:the-admin")]


def test_it_is_nobodys(desk: Desk) -> None:
    assert desk.send("dismiss").status_code == 303
    assert desk.state() == ("DISMISSED", None, "person:the-admin")
    assert desk.crm.value("SELECT contact_id FROM crm.activity WHERE deal_number = 'D3'") is None


def test_two_candidates_become_one_and_who_saw_two_has_to_look_again(desk: Desk) -> None:
    keep, goes = desk.candidates
    told = {"contact": str(keep), "goes": str(goes)}
    assert desk.send("merge", **told).status_code == 303
    assert desk.crm.rows("SELECT kept, gone, merged_by FROM crm.contact_merge") == [(keep, goes, "person:the-admin")]
    assert desk.send("merge", **told).status_code == 409
    assert desk.send("link", contact=str(goes)).status_code == 409, "other candidates than were seen"
    assert desk.state()[0] == "OPEN"
    assert desk.send("link", seen=str(keep), contact=str(keep)).status_code == 303
    assert desk.state()[:2] == ("LINKED", keep)


REFUSED: tuple[tuple[str, str, dict[str, str], int, str], ...] = (
    ("viewer", "dismiss", {}, 403, "takes the right to trigger"),
    ("op", "dismiss", {}, 403, "permission to see it"),
    ("op", "link", {"contact": "1"}, 403, "permission to see it"),
    ("admin", "dismiss", {"reason": " "}, 422, "Say why"),
    ("admin", "dismiss", {"reason": "x" * 501}, 422, "Say why"),
    ("admin", "dismiss", {"seen": "1"}, 409, "other candidates"),
    ("admin", "dismiss", {"seen": ""}, 409, "other candidates"),
    ("admin", "dismiss", {"form_token": ""}, 403, "not from a page of yours"),
    ("admin", "link", {"contact": "Averil"}, 422, "by its number"),
    ("admin", "link", {"contact": "999999"}, 409, "has no contact 999999"),
    ("admin", "link", {"contact": "another dealer's"}, 409, "has no contact"),
    ("admin", "merge", {"contact": "first", "goes": "first"}, 409, "Two of its candidates"),
    ("admin", "merge", {"contact": "first", "goes": "another dealer's"}, 409, "Two of its candidates"),
    ("admin", "marry", {}, 404, "no such decision"),
)


def test_what_cannot_be_is_refused_and_nothing_is_written(desk: Desk) -> None:
    desk.crm.sales(sold(), dealer="harbour_marine")
    other = desk.crm.value("SELECT contact_id FROM crm.contact WHERE dealer = 'harbour_marine'")
    numbers = {"first": str(desk.candidates[0]), "another dealer's": str(other)}
    for role, verb, changes, status, said in REFUSED:
        answer = desk.send(verb, role, **{name: numbers.get(value, value) for name, value in changes.items()})
        assert answer.status_code == status, (role, verb, changes, answer.text)
        assert said in html.unescape(answer.text)
        assert not [word for word in PEOPLE if word in answer.text]
        assert desk.state() == ("OPEN", None, None), (role, verb, changes)
    assert desk.crm.value("SELECT count(*) FROM crm.contact_merge") == 0


def test_there_is_no_such_doubt(desk: Desk) -> None:
    assert desk.see("admin", "/999999").status_code == 404
    desk.item = 999999
    assert desk.send("dismiss").status_code == 404
