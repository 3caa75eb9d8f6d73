"""Planning, moving and numbering files."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from include.ledger import BatchReplacedError, Ledger, LedgerError, TransitionError, WindowMovedError
from include.ledger.chain import verify
from include.ledger.states import STATES, TRANSITIONS, needs_reason, transitions_table
from include.window import Window, day_window
from tests.ledger.conftest import DAY, bring, intent, month, monthly, open_batch, rendered_columns, window


def test_a_window_planned_twice_is_one_row_and_one_event(ledger: Ledger) -> None:
    asked = intent()
    first, again = ledger.plan(**asked), ledger.plan(**asked)
    assert first == again
    assert (first.state, first.revision, first.sequence, first.created_at.tzinfo) == ("PLANNED", 0, None, UTC)
    assert [event.kind for event in ledger.events(first.id)] == ["PLANNED"]


@pytest.mark.parametrize("change", ["dealer", "interface", "environment", "window"])
def test_another_dealer_interface_environment_or_window_is_another_row(ledger: Ledger, change: str) -> None:
    asked = intent()
    other: dict[str, Any] = {
        "dealer": {"dealer": asked["dealer"] + "9"},
        "interface": {"interface": "other_sar"},
        "environment": {"environment": "test"},
        "window": window(DAY + timedelta(days=1)),
    }[change]
    assert ledger.plan(**asked).id != ledger.plan(**{**asked, **other}).id


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"environment": "prod"}, "none of live, test, preview"),
        ({"window_end": window()["window_start"]}, "half-open"),
        ({"window_start": datetime(2026, 11, 20)}, "no time zone"),  # noqa: DTZ001 -- the error to be found
        ({"zone": "Europe/Pariss"}, "'Europe/Pariss' is no IANA time zone"),
        ({"zone": ""}, "'' is no IANA time zone"),
        ({"zone": "/etc/passwd"}, "is no IANA time zone"),
        ({"zone": "America/New_York"}, "begins on 2026-11-19 by the clock of America/New_York"),
        ({"business_date": DAY + timedelta(days=1)}, "its business date is to be 2026-11-21"),
    ],
)
def test_an_impossible_window_is_refused_by_name(ledger: Ledger, change: dict[str, Any], named: str) -> None:
    asked = intent(**change)
    with pytest.raises(LedgerError, match=named):
        ledger.plan(**asked)
    assert ledger.files(dealer=asked["dealer"], environment=None) == []


def test_a_month_is_not_planned_again_by_another_clock(ledger: Ledger) -> None:
    paris = ledger.plan(**monthly())
    asked = {**monthly(paris.dealer), **month(paris.business_date, "Europe/Lisbon")}
    with pytest.raises(WindowMovedError, match="is PLANNED, by the clock of Europe/Paris") as refused:
        ledger.plan(**asked)
    assert refused.value.file_id == paris.id
    assert ledger.files(dealer=paris.dealer, environment=None) == [paris], "nothing of the attempt stays"
    assert ledger.plan(**{**asked, "environment": "preview"}).zone == "Europe/Lisbon"
    madrid = ledger.plan(**{**monthly(paris.dealer), **month(paris.business_date, "Europe/Madrid")})
    assert (madrid.id, madrid.zone) == (paris.id, "Europe/Paris"), "the same instants are the same window"
    ledger.move(paris.id, "CANCELLED", reason="the dealer's zone was wrong")
    lisbon = ledger.plan(**asked)
    assert (lisbon.revision, lisbon.zone, lisbon.period) == (0, "Europe/Lisbon", "2026-10")
    assert verify(ledger.dsn).whole


def test_a_row_says_its_window_and_what_people_call_it(ledger: Ledger) -> None:
    """October in Paris begins in summer time and ends in winter time."""
    october = ledger.plan(**monthly("82600500"))
    assert (october.period, october.business_date, october.zone) == ("2026-10", date(2026, 10, 1), "Europe/Paris")
    assert october.window == Window(
        datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC), "Europe/Paris"
    )
    assert (october.window.business_date, october.window.last_date) == (date(2026, 10, 1), date(2026, 10, 31))
    assert october.label == f"file {october.id} (renault_sar_monthly, dealer 82600500, 2026-10)"
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        changed = day_window(day, "Europe/Paris")
        bounds = {"window_start": changed.start, "window_end": changed.end, "zone": "Europe/Paris"}
        assert ledger.plan(**{**intent(day=day), **bounds}).period == day.isoformat()


def test_a_window_planned_for_another_partner_is_refused(ledger: Ledger) -> None:
    asked = intent()
    ledger.plan(**asked)
    with pytest.raises(LedgerError, match=r"planned for partner 'merkle'.*asked for by 'renault'"):
        ledger.plan(**{**asked, "partner": "renault"})


@pytest.mark.parametrize(
    ("state", "takes_it"),
    [("PLANNED", True), ("CHECKED", True), ("RENDERED", False), ("UPLOADED", False), ("PUBLISHED", False)],
)
def test_a_new_batch_goes_to_a_file_only_while_its_bytes_are_to_come(
    ledger: Ledger, state: str, takes_it: bool
) -> None:
    asked = intent(batch_id=open_batch(ledger))
    file = ledger.plan(**asked)
    if state != "PLANNED":
        bring(ledger, file, state)
    second = open_batch(ledger)
    assert ledger.plan(**{**asked, "batch_id": second}).batch_id == (second if takes_it else asked["batch_id"])
    assert [event.kind for event in ledger.events(file.id)].count("BATCH") == takes_it


def test_a_run_that_a_later_one_has_overtaken_cannot_move_the_file(ledger: Ledger) -> None:
    first = open_batch(ledger)
    asked = intent(batch_id=first)
    file = ledger.plan(**asked)
    second = ledger.plan(**{**asked, "batch_id": open_batch(ledger)}).batch_id
    with pytest.raises(BatchReplacedError, match=rf"batch {second} has planned this window since batch {first} did"):
        ledger.move(file.id, "CHECKED", batch=first, rows=1)
    assert ledger.file(file.id).state == "PLANNED"
    assert ledger.move(file.id, "CHECKED", batch=second, rows=2).rows == 2


@pytest.mark.parametrize("rendered", [False, True])
def test_a_held_file_takes_a_new_batch_only_before_rendering(ledger: Ledger, rendered: bool) -> None:
    asked = intent(batch_id=open_batch(ledger))
    file = ledger.plan(**asked)
    bring(ledger, file, "RENDERED" if rendered else "CHECKED")
    ledger.move(file.id, "HELD", reason="too many rejected rows")
    second = open_batch(ledger)
    assert (ledger.plan(**{**asked, "batch_id": second}).batch_id == second) is not rendered


def test_a_delivered_window_gives_the_delivered_row(ledger: Ledger) -> None:
    asked = intent()
    delivered = bring(ledger, ledger.plan(**asked), "PUBLISHED")
    assert ledger.plan(**asked) == delivered
    assert delivered.published_at is not None
    assert delivered.control_total == Decimal("1234.50")


def test_a_run_does_not_take_up_what_a_person_cancelled(ledger: Ledger) -> None:
    asked = intent()
    file = ledger.plan(**asked)
    ledger.move(file.id, "CANCELLED", reason="dealer closed")
    again = ledger.plan(**asked)
    assert (again.id, again.state, again.reason) == (file.id, "CANCELLED", "dealer closed")
    taken_up = ledger.move(file.id, "PLANNED", reason="dealer open after all")
    assert ledger.plan(**asked) == taken_up


def test_every_step_that_is_not_in_the_table_is_refused(ledger: Ledger) -> None:
    for state in ("PLANNED", "CHECKED", "RENDERED", "GATED", "UPLOADING", "UPLOADED", "PUBLISHED"):
        file = ledger.plan(**intent())
        if state != "PLANNED":
            file = bring(ledger, file, state)
        for to in (*STATES, "SENT"):
            if to not in TRANSITIONS[state]:
                with pytest.raises(TransitionError, match=f"is {state} and cannot become {to}. Next: "):
                    ledger.move(file.id, to, reason="because")
        assert ledger.file(file.id) == file


@pytest.mark.parametrize("to", ["HELD", "CANCELLED"])
@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_step_that_people_ask_about_needs_a_reason(ledger: Ledger, to: str, reason: str | None) -> None:
    file = ledger.plan(**intent())
    with pytest.raises(TransitionError, match="needs a reason"):
        ledger.move(file.id, to, reason=reason)
    assert ledger.file(file.id).state == "PLANNED"


def test_the_reason_lasts_as_long_as_the_state(ledger: Ledger) -> None:
    file = ledger.plan(**intent())
    assert ledger.move(file.id, "HELD", reason="volume").reason == "volume"
    assert ledger.move(file.id, "CHECKED").reason is None
    assert [event.reason for event in ledger.events(file.id)] == [None, "volume", None]


def test_what_is_rendered_is_never_rendered_to_other_bytes(ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    for name, value in rendered_columns(file, "b").items():
        if name in {"sha256", "content_hash"}:
            with pytest.raises(TransitionError, match=f"{name} is fixed since the file was rendered"):
                ledger.move(file.id, "UPLOADING", **{name: value})
    with pytest.raises(TransitionError, match="bytes that are made already"):
        ledger.move(ledger.move(file.id, "HELD", reason="gate").id, "CHECKED")


def test_new_bytes_on_a_persons_word_keep_the_number(ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "RENDERED")
    ledger.move(file.id, "HELD", reason="gate failed")
    planned = ledger.move(file.id, "PLANNED", reason="data corrected in the DMS")
    assert (planned.sha256, planned.file_name, planned.rows, planned.control_total) == (None, None, None, None)
    again = bring(ledger, planned, "PUBLISHED", sha256="b" * 64)
    assert (again.sequence, again.sha256, again.revision) == (1, "b" * 64, 0)


def test_a_state_ahead_of_what_is_known_is_refused(ledger: Ledger) -> None:
    file = ledger.move(ledger.plan(**intent()).id, "CHECKED")
    with pytest.raises(TransitionError, match="CHECKED → RENDERED without sha256, bytes"):
        ledger.move(file.id, "RENDERED", file_name="a.csv", rows=1)
    held = ledger.move(file.id, "HELD", reason="x")
    with pytest.raises(TransitionError, match="without file_name, sha256"):
        ledger.move(held.id, "GATED")
    uploaded = bring(ledger, ledger.plan(**intent()), "UPLOADED")
    with pytest.raises(TransitionError, match="without remote_path"):
        ledger.move(uploaded.id, "PUBLISHED")


@pytest.mark.parametrize("column", ["sequence", "state", "lease_token", "revision", "nonsense; DROP TABLE"])
def test_a_step_writes_only_the_columns_that_belong_to_it(ledger: Ledger, column: str) -> None:
    file = ledger.plan(**intent())
    columns: dict[str, Any] = {column: 1}
    with pytest.raises(LedgerError, match="no step writes"):
        ledger.move(file.id, "CHECKED", **columns)


def test_each_event_tells_who_and_what(ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "CHECKED")
    ledger.note(file.id, "ATTEMPT_FAILED", {"error": "ConnectionLost", "attempt": 1})
    planned, checked, noted = ledger.events(file.id)
    assert (planned.from_state, planned.to_state) == (None, "PLANNED")
    assert (checked.from_state, checked.to_state, checked.actor) == ("PLANNED", "CHECKED", "test:ledger")
    assert checked.detail["columns"] == {"rejected": 2, "withheld": 1}
    assert (noted.kind, noted.to_state, noted.detail) == (
        "ATTEMPT_FAILED", None, {"error": "ConnectionLost", "attempt": 1},
    )  # fmt: skip
    assert ledger.file(file.id).state == "CHECKED"


@pytest.mark.parametrize("kind", ["PUBLISHED", "unchanged", ""])
def test_a_note_cannot_pass_for_a_state(ledger: Ledger, kind: str) -> None:
    with pytest.raises(LedgerError, match="word in capitals that is not a state"):
        ledger.note(None, kind, {})


@pytest.mark.parametrize(
    "ask", [lambda it: it.file(10**9), lambda it: it.move(10**9, "CHECKED"), lambda it: it.note(10**9, "X", {}),
            lambda it: it.allot_sequence(10**9), lambda it: it.take_lease(10**9, seconds=1)],
)  # fmt: skip
def test_a_file_that_is_not_there_is_named(ledger: Ledger, ask: Any) -> None:
    with pytest.raises(LedgerError, match="no file 1000000000"):
        ask(ledger)


def test_numbers_count_apart_by_interface_dealer_and_environment(ledger: Ledger) -> None:
    dealer = intent()["dealer"]
    days = [DAY + timedelta(days=n) for n in range(3)]
    live = [ledger.allot_sequence(ledger.plan(**intent(dealer, day)).id) for day in days]
    test = [ledger.allot_sequence(ledger.plan(**intent(dealer, day, environment="test")).id) for day in days]
    other = ledger.allot_sequence(ledger.plan(**intent(dealer, DAY, interface="merkle_edr_daily")).id)
    assert (live, test, other) == ([1, 2, 3], [1, 2, 3], 1)


def test_a_file_has_one_number_for_ever(ledger: Ledger) -> None:
    file = ledger.plan(**intent())
    assert [ledger.allot_sequence(file.id) for _ in range(3)] == [1, 1, 1]
    bring(ledger, file, "PUBLISHED")
    assert ledger.allot_sequence(file.id) == 1
    assert [event.kind for event in ledger.events(file.id)].count("SEQUENCE") == 1


def test_no_number_after_the_bytes_are_made(ledger: Ledger) -> None:
    file = ledger.move(ledger.plan(**intent()).id, "CHECKED")
    ledger.move(file.id, "RENDERED", **rendered_columns(file))
    with pytest.raises(TransitionError, match="allotted before the bytes are made"):
        ledger.allot_sequence(file.id)


def test_files_are_found_by_everything_that_is_given(ledger: Ledger) -> None:
    asked = intent(batch_id=open_batch(ledger))
    file = ledger.plan(**asked)
    other = ledger.plan(**intent(asked["dealer"], DAY + timedelta(days=1)))
    test = ledger.plan(**{**asked, "environment": "test"})
    dealer = asked["dealer"]
    assert [row.id for row in ledger.files(dealer=dealer)] == [file.id, other.id]
    assert [row.id for row in ledger.files(dealer=dealer, environment="test")] == [test.id]
    assert {row.id for row in ledger.files(dealer=dealer, environment=None)} == {file.id, other.id, test.id}
    assert [row.id for row in ledger.files(batch_id=asked["batch_id"])] == [file.id]
    assert [row.id for row in ledger.files(dealer=dealer, window_start=other.window_start)] == [other.id]
    assert [row.id for row in ledger.files(dealer=dealer, states=["HELD", "CHECKED"])] == []
    assert [row.id for row in ledger.files(dealer=dealer, states=["PLANNED"], business_date=DAY)] == [file.id]


def test_the_table_of_steps_closes_over_the_states() -> None:
    assert {to for steps in TRANSITIONS.values() for to in steps} <= set(STATES)
    assert {to for to in STATES if all(to not in steps for steps in TRANSITIONS.values())} == {"PROPOSED"}
    assert [state for state, steps in TRANSITIONS.items() if not steps] == ["SUPERSEDED"]
    assert needs_reason("UNKNOWN", "UPLOADING")
    assert not needs_reason("UPLOADING", "UPLOADING")


def test_batches_are_closed_once(ledger: Ledger) -> None:
    batch_id = open_batch(ledger)
    assert ledger.batch(batch_id).closed_at is None
    ledger.close_batch(batch_id, rows_read=5, snapshot="file:///snapshot/1")
    ledger.close_batch(batch_id, rows_read=5, snapshot="file:///snapshot/1")
    closed = ledger.batch(batch_id)
    assert (closed.rows_read, closed.snapshot, closed.business_date) == (5, "file:///snapshot/1", date(2026, 11, 20))
    with pytest.raises(LedgerError, match="was closed with 5 rows, and now has 6"):
        ledger.close_batch(batch_id, rows_read=6, snapshot="file:///snapshot/1")
    with pytest.raises(LedgerError, match="no batch 1000000000"):
        ledger.close_batch(10**9, rows_read=6, snapshot="x")


def test_a_feed_runs_until_somebody_pauses_it(ledger: Ledger) -> None:
    asked = ("merkle_sar_daily", intent()["dealer"], "live")
    assert ledger.feed_state(*asked) == "enabled"
    assert ledger.feed(*asked).since is None
    ledger.set_feed(*asked, "paused", reason="dealer moves to another system")
    assert ledger.feed_state(*asked) == "paused"
    assert ledger.feed(*asked).reason == "dealer moves to another system"
    assert ledger.feed_state(asked[0], asked[1], "test") == "enabled"
    assert ledger.set_feed(*asked, "enabled", reason="moved").state == "enabled"
    with pytest.raises(LedgerError, match="with a reason"):
        ledger.set_feed(*asked, "paused", reason=" ")


def test_the_documentation_shows_the_table_of_steps_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")
    assert transitions_table() in page, "docs/ledger.md is behind: paste the output of states.transitions_table()"
