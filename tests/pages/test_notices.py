"""The page of notices: what is open, who looks, and closing what is not to come; what stops everything comes first."""

from __future__ import annotations

from include.ledger import NewNotice
from tests.ledger.conftest import execute
from tests.pages.conftest import Pages, a_notice
from tests.pages.test_access import token


def close(pages: Pages, number: int, reason: str = "closed for stocktaking", role: str = "op") -> int:
    told = {"reason": reason, "form_token": token(role)}
    return pages.of(role).post(f"/exchange/notices/{number}/close", data=told).status_code


def test_an_open_notice_is_shown_with_whom_it_was_told(pages: Pages) -> None:
    pages.ledger.beat("here/1", seconds=60)
    row = a_notice(pages.ledger)
    assert "nobody yet" in pages.of("viewer").get("/exchange/notices").text
    pages.ledger.notices_told("oncall_smtp", {row.id: "OPENED"})
    page = pages.of("viewer").get("/exchange/notices").text
    assert "nobody yet" not in page
    assert "oncall_smtp" in page
    assert "2026-11-20 &lt;b&gt;is late" in page
    assert "here/1 looked at" in page
    assert "<form" not in page  # a viewer decides nothing
    assert f"/exchange/notices/{row.id}/close" in pages.of("op").get("/exchange/notices").text


def test_a_promise_is_closed_once_with_a_reason(pages: Pages) -> None:
    row = a_notice(pages.ledger)
    assert close(pages, row.id, reason=" ") == 422
    assert close(pages, row.id) == 303
    assert close(pages, row.id) == 409
    page = pages.of("viewer").get("/exchange/notices").text
    assert "closed for stocktaking (person:the-op)" in page
    assert close(pages, 999_999) == 404


def test_what_ends_by_itself_cannot_be_closed(pages: Pages) -> None:
    row = a_notice(pages.ledger, kind="HELD", subject="file 7")
    assert close(pages, row.id) == 409
    page = pages.of("op").get("/exchange/notices").text
    assert "/close" not in page
    assert 'href="/exchange/files/7"' in page


def test_a_stopped_scheduler_and_a_heartbeat_that_stopped_come_first_in_the_morning(pages: Pages) -> None:
    assert "the heartbeat has never run here" in pages.of("viewer").get("/exchange/").text
    pages.ledger.beat("here/1", seconds=60)
    assert "Nobody looks" not in pages.of("viewer").get("/exchange/").text
    pages.ledger.open_notice(
        NewNotice("COMPONENT", "scheduler", "airflow", "Airflow's scheduler gives no sign of life")
    )
    morning = pages.of("viewer").get("/exchange/").text
    assert morning.index("scheduler gives no sign") < morning.index('id="verdict"')
    execute(pages.ledger.dsn, "UPDATE ledger.heartbeat SET at = at - interval '1 h'")
    assert "the heartbeat has stopped" in pages.of("viewer").get("/exchange/").text


def test_what_stops_one_interface_is_told_with_it(pages: Pages) -> None:
    pages.ledger.beat("here/1", seconds=60)
    said = "The last run of renault_sar_monthly failed: manual__1; its red task says why"
    pages.ledger.open_notice(
        NewNotice("FAILED_RUN", "renault_sar_monthly manual__1", "airflow/dags", said, "renault_sar_monthly")
    )
    morning = pages.of("viewer").get("/exchange/").text
    card = morning[morning.index('id="renault_sar_monthly"') :].partition("</section>")[0]
    assert said in card
    assert "needs a person" in card
    assert said not in morning[: morning.index('id="verdict"')]
    assert 'href="/dags/renault_sar_monthly/runs/manual__1"' in pages.of("viewer").get("/exchange/notices").text
