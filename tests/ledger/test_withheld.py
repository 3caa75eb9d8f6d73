"""A file that lacks the agreement on which it may leave: neither held nor given up, and moved by a signature only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest

from include.ledger import BatchReplacedError, FileRow, Ledger, LedgerError, TransitionError
from include.ledger.chain import verify
from include.ledger.states import NOT_LIVE, ON_THE_WAY, SETTLED, STATES, TRANSITIONS
from tests.ledger.conftest import bring, execute, intent, open_batch, rendered_columns
from tests.ledger.test_decisions import in_state
from tests.ledger.test_revisions import propose

WHY = "no service contract with FCS is signed"
FROM = ("PLANNED", "CHECKED", "RENDERED", "GATED", "HELD", "WITHHELD")


@pytest.mark.parametrize("state", FROM)
def test_until_an_attempt_begins_a_file_can_be_withheld(ledger: Ledger, state: str) -> None:
    before = in_state(ledger, state)
    after = ledger.move(before.id, "WITHHELD", reason=WHY)
    assert (after.state, after.reason, after.awaits_bytes) == ("WITHHELD", WHY, False)
    for kept in ("sequence", "batch_id"):
        assert getattr(after, kept) == getattr(before, kept), kept
    for gone in ("sha256", "file_name", "bytes", "dealer_key"):
        assert getattr(after, gone) is None, f"{gone}: bytes without a basis are not kept"
    event = ledger.events(before.id)[-1]
    assert (event.kind, event.from_state, event.to_state, event.reason) == ("WITHHELD", state, "WITHHELD", WHY)
    assert verify(ledger.dsn).whole


@pytest.mark.parametrize("state", [state for state in STATES if state not in FROM])
def test_from_any_other_state_it_cannot(ledger: Ledger, state: str) -> None:
    before = in_state(ledger, state)
    with pytest.raises(TransitionError, match=f"is {state} and cannot become WITHHELD"):
        ledger.move(before.id, "WITHHELD", reason=WHY)
    assert ledger.file(before.id) == before


@pytest.mark.parametrize("state", FROM)
@pytest.mark.parametrize("reason", [None, "", " \n"])
def test_a_withheld_file_always_says_why(ledger: Ledger, state: str, reason: str | None) -> None:
    before = in_state(ledger, state)
    with pytest.raises(TransitionError, match="WITHHELD needs a reason"):
        ledger.move(before.id, "WITHHELD", reason=reason)
    assert ledger.file(before.id) == before


def test_the_reason_may_change(ledger: Ledger) -> None:
    file = in_state(ledger, "WITHHELD")
    assert ledger.move(file.id, "WITHHELD", reason="the contract names another SIREN").reason == (
        "the contract names another SIREN"
    )
    assert ledger.move(file.id, "CANCELLED", reason="the dealer has left").state == "CANCELLED"


@pytest.mark.parametrize("to", [to for to in STATES if to not in TRANSITIONS["WITHHELD"]])
def test_out_of_it_leads_no_other_step(ledger: Ledger, to: str) -> None:
    file = ledger.move(in_state(ledger, "GATED").id, "WITHHELD", reason=WHY)
    with pytest.raises(TransitionError, match=f"cannot become {to}. Next: only a signature changes it"):
        ledger.move(file.id, to, reason="because")
    assert ledger.file(file.id) == file
    assert set(TRANSITIONS["WITHHELD"]) == {"WITHHELD", "PLANNED", "CANCELLED"}


@pytest.mark.parametrize("way", ["GATED", "HELD"])
def test_a_redelivery_is_held_and_never_withheld(ledger: Ledger, way: str) -> None:
    sent = in_state(ledger, "PUBLISHED")
    ledger.redeliver(sent.id, reason="lost there")
    if way == "HELD":
        ledger.move(sent.id, "HELD", reason="x")
    with pytest.raises(TransitionError, match=r"was delivered at .*cannot become WITHHELD.*Next: set it to HELD"):
        ledger.move(sent.id, "WITHHELD", reason=WHY)
    assert ledger.move(sent.id, "HELD", reason=WHY).reason == WHY
    assert ledger.reject(sent.id, reason="it ended there").state == "PUBLISHED"


def test_once_the_agreement_is_there_a_run_takes_it_up_with_new_bytes(ledger: Ledger) -> None:
    first, second = open_batch(ledger), open_batch(ledger)
    asked = intent(batch_id=first)
    gated = bring(ledger, ledger.plan(**asked), "GATED")
    file = ledger.move(gated.id, "WITHHELD", reason=WHY)
    assert ledger.plan(**{**asked, "batch_id": second}) == file, "it speaks for its window and keeps its batch"
    for reason in (None, " "):
        with pytest.raises(TransitionError, match="WITHHELD → PLANNED needs a reason"):
            ledger.move(file.id, "PLANNED", reason=reason)
    planned = ledger.move(file.id, "PLANNED", reason="both are signed since", batch_id=second)
    assert (planned.state, planned.batch_id, planned.sequence) == ("PLANNED", second, gated.sequence)
    assert (planned.file_name, planned.sha256, planned.content_hash, planned.bytes, planned.rows) == (None,) * 5
    with pytest.raises(BatchReplacedError):
        ledger.move(planned.id, "CHECKED", batch=first)
    published = bring(ledger, planned, "PUBLISHED", sha256="b" * 64)
    assert (published.sequence, published.revision, published.sha256) == (gated.sequence, 0, "b" * 64)
    assert verify(ledger.dsn).whole


def test_a_correction_that_was_withheld_goes_as_the_person_saw_it(ledger: Ledger) -> None:
    sent = in_state(ledger, "PUBLISHED")
    released = ledger.release(propose(ledger, sent).id, reason="right")
    seen = released.content_hash
    assert seen is not None
    for state in ("PLANNED", "GATED"):
        if state == "GATED":
            bring(ledger, ledger.file(released.id), "GATED", content_hash=seen)
        ledger.move(released.id, "WITHHELD", reason=WHY)
        again = ledger.move(released.id, "PLANNED", reason="signed")
        assert (again.content_hash, again.sha256) == (seen, None), state


@pytest.mark.parametrize("rendered", [False, True])
def test_a_person_cannot_release_it_and_is_told_what_changes_it(ledger: Ledger, rendered: bool) -> None:
    file = in_state(ledger, "GATED" if rendered else "PLANNED")
    ledger.move(file.id, "WITHHELD", reason=WHY)
    with pytest.raises(
        TransitionError, match=rf"is WITHHELD \({WHY}\): there is nothing to release\. Next: only a sig"
    ):
        ledger.release(file.id, reason="they said they would sign")
    assert ledger.file(file.id).state == "WITHHELD"
    assert ledger.reject(file.id, reason="they will not").state == "CANCELLED"
    assert ledger.reopen(file.id, reason="they did").state == "PLANNED"


def test_a_number_of_a_withheld_file_is_explained(ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    ledger.move(file.id, "WITHHELD", reason=WHY)
    (gap,) = [gap for gap in ledger.sequence_gaps() if gap.dealer == file.dealer]
    assert (gap.number, gap.file_id, gap.state, gap.reason) == (1, file.id, "WITHHELD", WHY)
    assert str(gap).endswith(f"is WITHHELD: {WHY}")


def test_it_is_neither_delivered_nor_settled_nor_on_its_way_and_it_is_live() -> None:
    assert "WITHHELD" not in {*SETTLED, *ON_THE_WAY, *NOT_LIVE}


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'WITHHELD', reason = NULL", "file_withheld_says_why"),
        ("state = 'WITHHELD', reason = ' '", "file_withheld_says_why"),
        (
            "state = 'WITHHELD', reason = 'x', remote_path = '/in/x', published_at = now()",
            "file_published_has_a_time",
        ),
        ("state = 'SIGNED'", "file_state"),
        ("records = '[1]'", "file_records"),
    ],
)
def test_the_database_refuses_it_as_well(ledger: Ledger, change: str, constraint: str) -> None:
    file = in_state(ledger, "PLANNED")
    with pytest.raises(psycopg2.errors.CheckViolation, match=constraint):
        execute(ledger.dsn, f"UPDATE ledger.file SET {change} WHERE id = {file.id}")


# --- documents by record kind

RECORDS = {"customer": 3, "workshop_invoice": 0, "counter_invoice": 12}


def checked(ledger: Ledger) -> FileRow:
    return ledger.move(ledger.plan(**intent()).id, "CHECKED", rows=40, records=RECORDS)


def test_documents_are_counted_by_kind(ledger: Ledger) -> None:
    file = checked(ledger)
    assert file.records == RECORDS == ledger.file(file.id).records
    assert ledger.events(file.id)[-1].detail["columns"] == {"rows": 40, "records": RECORDS}
    assert ledger.plan(**intent()).records is None
    assert verify(ledger.dsn).whole
    execute(ledger.dsn, f"""UPDATE ledger.file SET records = '{{"customer": 4}}' WHERE id = {file.id}""")
    assert [drift.columns for drift in verify(ledger.dsn).drifts if drift.file_id == file.id] == [("records",)]
    execute(ledger.dsn, f"UPDATE ledger.file SET records = '{json.dumps(RECORDS)}' WHERE id = {file.id}")


def test_the_counts_go_with_the_bytes(ledger: Ledger) -> None:
    file = checked(ledger)
    held = ledger.move(
        ledger.move(file.id, "RENDERED", **rendered_columns(file)).id, "HELD", reason="the gate found a fault"
    )
    assert held.records == RECORDS
    assert ledger.move(file.id, "PLANNED", reason="new bytes").records is None


@pytest.mark.parametrize("records", [{"customer": -1}, {"customer": "3"}, {"customer": True}, {"Jane Doe": 1}, {"": 1}])
def test_what_is_no_count_by_kind_is_refused(ledger: Ledger, records: dict[str, Any]) -> None:
    file = ledger.plan(**intent())
    with pytest.raises(LedgerError, match="records is a number of documents by kind"):
        ledger.move(file.id, "CHECKED", records=records)
    assert ledger.file(file.id) == file


def test_a_preview_can_be_withheld_too(ledger: Ledger, new_preview: Callable[[], FileRow]) -> None:
    file = ledger.move(new_preview().id, "WITHHELD", reason=WHY)
    assert ledger.move(file.id, "CANCELLED", reason="the preview ends: it would be withheld").state == "CANCELLED"


@pytest.fixture
def new_preview(ledger: Ledger) -> Callable[[], FileRow]:
    return lambda: ledger.plan(**intent(environment="preview"))
