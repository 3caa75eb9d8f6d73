"""What a person decides on a page: once, with a reason, as they saw it, and never by a form of somebody else's."""

from __future__ import annotations

import re

import pytest

from tests.ledger.arrival_cases import a_feed, arrive
from tests.ledger.conftest import bring, intent
from tests.pages.conftest import Pages

TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


@pytest.fixture
def held(pages: Pages) -> int:
    file = bring(pages.ledger, pages.ledger.plan(**intent()), "GATED")
    pages.ledger.move(file.id, "HELD", reason="40 of 50 rows rejected")
    return file.id


def form(pages: Pages, place: str, role: str = "op", **changes: str) -> dict[str, str]:
    found = TOKEN.search(pages.of(role).get(f"/exchange/{place}").text)
    assert found is not None
    return {"form_token": found[1], "state": "HELD", "reason": "the dealer confirmed it", **changes}


def test_a_held_file_is_understood_released_and_stays_in_the_record(pages: Pages, held: int) -> None:
    operator = pages.of("op")
    page = operator.get(f"/exchange/files/{held}").text
    assert "40 of 50 rows rejected" in page
    assert "GATED → HELD" in page
    told = form(pages, f"files/{held}")
    answer = operator.post(f"/exchange/files/{held}/release", data=told)
    assert (answer.status_code, answer.headers["location"]) == (303, f"../{held}?done=release")
    assert "Done: release" in operator.get(f"/exchange/files/{held}?done=release").text
    released = pages.ledger.released(held)
    assert released is not None
    assert (released.actor, released.reason) == ("person:the-op", "the dealer confirmed it")
    # The same form once more, as a second click sends it, changes nothing.
    events = len(pages.ledger.events(held))
    again = operator.post(f"/exchange/files/{held}/release", data=told)
    assert again.status_code == 409
    assert "by now" in again.text
    assert len(pages.ledger.events(held)) == events


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"reason": "  "}, 422),
        ({"reason": "x" * 501}, 422),
        ({"state": "PROPOSED"}, 409),
        ({"form_token": ""}, 403),
        ({"form_token": "forged"}, 403),
    ],
)
def test_a_decision_without_sense_changes_nothing(
    pages: Pages, held: int, changes: dict[str, str], status: int
) -> None:
    told = form(pages, f"files/{held}", **changes)
    assert pages.of("op").post(f"/exchange/files/{held}/release", data=told).status_code == status
    assert pages.ledger.file(held).state == "HELD"


def test_a_form_of_another_person_or_from_another_site_is_refused(pages: Pages, held: int) -> None:
    told = form(pages, f"files/{held}", role="admin")
    assert pages.of("op").post(f"/exchange/files/{held}/release", data=told).status_code == 403
    own = form(pages, f"files/{held}")
    elsewhere = {"sec-fetch-site": "cross-site"}
    assert pages.of("op").post(f"/exchange/files/{held}/release", data=own, headers=elsewhere).status_code == 403
    assert pages.of("op").get(f"/exchange/files/{held}/release").status_code == 405
    assert pages.ledger.file(held).state == "HELD"


def test_who_may_only_look_is_told_so_and_offered_nothing(pages: Pages, held: int) -> None:
    page = pages.of("viewer").get(f"/exchange/files/{held}").text
    assert 'id="barred"' in page
    assert "<form" not in page
    told = form(pages, f"files/{held}")
    assert pages.of("viewer").post(f"/exchange/files/{held}/release", data=told).status_code == 403


def test_what_no_release_can_waive_is_not_offered(pages: Pages) -> None:
    file = pages.ledger.plan(**intent())
    pages.ledger.move(file.id, "HELD", reason="the DMS did not answer")
    page = pages.of("op").get(f"/exchange/files/{file.id}").text
    assert f"/exchange/files/{file.id}/reject" in page
    assert f"/exchange/files/{file.id}/release" not in page


def test_verbs_are_those_of_the_state(pages: Pages, held: int) -> None:
    operator = pages.of("op")
    assert operator.post(f"/exchange/files/{held}/redeliver", data=form(pages, f"files/{held}")).status_code == 409
    assert operator.post(f"/exchange/files/{held}/drop", data=form(pages, f"files/{held}")).status_code == 404
    assert operator.post("/exchange/files/999999/release", data=form(pages, f"files/{held}")).status_code == 404
    operator.post(f"/exchange/files/{held}/reject", data=form(pages, f"files/{held}"))
    assert pages.ledger.file(held).state == "CANCELLED"


def test_a_file_that_came_in_is_released_rejected_and_reopened(pages: Pages) -> None:
    row = arrive(pages.ledger, a_feed(pages.ledger), "content")
    pages.ledger.move_arrival(row.id, "HELD", reason="30 of 31 rows rejected")
    operator, place = pages.of("op"), f"arrivals/{row.id}"
    assert "30 of 31 rows rejected" in operator.get(f"/exchange/{place}").text
    operator.post(f"/exchange/{place}/reject", data=form(pages, place))
    assert pages.ledger.arrival(row.id).state == "REJECTED"
    operator.post(f"/exchange/{place}/reopen", data=form(pages, place, state="REJECTED"))
    assert pages.ledger.arrival(row.id).state == "LANDED"
    pages.ledger.move_arrival(row.id, "HELD", reason="30 of 31 rows rejected")
    operator.post(f"/exchange/{place}/release", data=form(pages, place))
    assert pages.ledger.arrival(row.id).state == "LANDED"
    assert {
        event.actor for event in pages.ledger.arrival_events(row.id) if event.reason == "the dealer confirmed it"
    } == {"person:the-op"}
