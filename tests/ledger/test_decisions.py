"""What a person may decide about a file, and what is refused, with the next step named."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from include.ledger import FileRow, Ledger, LedgerError, TransitionError
from include.ledger.chain import verify
from include.ledger.states import STATES
from tests.ledger.conftest import bring, execute, intent, monthly, rendered_columns

WHY = "the dealer confirmed it by telephone"
VERBS = ("release", "reject", "redeliver", "reopen")


def decide(ledger: Ledger, verb: str, file: FileRow, reason: str = WHY) -> FileRow:
    verbs: dict[str, Callable[..., FileRow]] = {
        "release": ledger.release, "reject": ledger.reject, "redeliver": ledger.redeliver, "reopen": ledger.reopen,
    }  # fmt: skip
    return verbs[verb](file.id, reason=reason)


def propose(ledger: Ledger, delivered: FileRow, content_hash: str = "new") -> FileRow:
    return ledger.propose_revision(
        delivered, batch_id=None, content_hash=content_hash, rows=11, control_total=None, difference={"rows_after": 11}
    )


def in_state(ledger: Ledger, state: str, environment: str = "live") -> FileRow:
    """A file in ``state`` by the way that leads there; HELD is held with its bytes."""
    file = ledger.plan(**intent(environment=environment))
    if state == "PLANNED":
        return file
    if state in ("PROPOSED", "SUPERSEDED"):
        delivered = bring(ledger, file, "PUBLISHED")
        proposal = propose(ledger, delivered)
        if state == "PROPOSED":
            return proposal
        bring(ledger, ledger.release(proposal.id, reason=WHY), "PUBLISHED")
        return ledger.file(delivered.id)
    if state == "HELD":
        return ledger.move(bring(ledger, file, "RENDERED").id, "HELD", reason="the gate failed")
    if state == "UNKNOWN":
        return ledger.move(bring(ledger, file, "UPLOADED").id, "UNKNOWN", reason="neither name is there")
    if state in ("CANCELLED", "WITHHELD"):
        return ledger.move(file.id, state, reason="not wanted")
    if state == "ACKED":
        return ledger.move(bring(ledger, file, "PUBLISHED").id, "ACKED")
    return bring(ledger, file, state)


ACCEPTED = {
    ("release", "PROPOSED"): "PLANNED",
    ("release", "HELD"): "GATED",
    ("reject", "PROPOSED"): "CANCELLED",
    ("reject", "HELD"): "CANCELLED",
    ("reject", "WITHHELD"): "CANCELLED",
    ("redeliver", "PUBLISHED"): "GATED",
    ("redeliver", "ACKED"): "GATED",
    ("redeliver", "UNKNOWN"): "UPLOADING",
    ("reopen", "CANCELLED"): "PLANNED",
}


@pytest.mark.parametrize(("verb", "state"), ACCEPTED)
def test_a_decision_is_made_and_written_down(ledger: Ledger, verb: str, state: str) -> None:
    before = in_state(ledger, state)
    after = decide(ledger, verb, before)
    assert (after.state, after.reason) == (ACCEPTED[verb, state], WHY)
    assert after == ledger.file(before.id)
    for kept in ("sequence", "sha256", "file_name", "content_hash", "published_at", "revision"):
        assert getattr(after, kept) == getattr(before, kept), kept
    event = ledger.events(before.id)[-1]
    assert (event.actor, event.from_state, event.to_state, event.reason) == (
        "test:ledger", state, ACCEPTED[verb, state], WHY,
    )  # fmt: skip
    assert {key: event.detail[key] for key in ("verb", "held_for", "content_hash")} == {
        "verb": verb, "held_for": before.reason, "content_hash": before.content_hash,
    }  # fmt: skip
    assert verify(ledger.dsn).whole


@pytest.mark.parametrize(
    ("verb", "state"), [(verb, state) for verb in VERBS for state in STATES if (verb, state) not in ACCEPTED]
)
def test_any_other_state_is_refused_with_a_next_step(ledger: Ledger, verb: str, state: str) -> None:
    before = in_state(ledger, state)
    events = ledger.events(before.id)
    with pytest.raises(TransitionError, match=rf"is {state}.*there is nothing to {verb}\. Next: \w+"):
        decide(ledger, verb, before)
    assert ledger.file(before.id) == before
    assert ledger.events(before.id) == events


@pytest.mark.parametrize(("verb", "state"), ACCEPTED)
@pytest.mark.parametrize("reason", ["", " \t\n"])
def test_without_a_reason_nothing_is_decided(ledger: Ledger, verb: str, state: str, reason: str) -> None:
    before = in_state(ledger, state)
    with pytest.raises(TransitionError, match=f"to {verb} it needs a reason"):
        decide(ledger, verb, before, reason)
    assert ledger.file(before.id) == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_that_is_not_there_is_refused(ledger: Ledger, verb: str) -> None:
    ask: Callable[..., FileRow] = getattr(ledger, verb)
    with pytest.raises(LedgerError, match="no file 999999"):
        ask(999999, reason=WHY)


def test_a_superseded_file_names_the_revision_that_replaced_it(ledger: Ledger) -> None:
    old = in_state(ledger, "SUPERSEDED")
    newer = ledger.plan(**intent(old.dealer))
    with pytest.raises(TransitionError, match=re.escape(f"work with {newer.label}, which replaced it")):
        ledger.redeliver(old.id, reason=WHY)


def test_the_second_of_two_people_learns_what_the_first_decided(ledger: Ledger, dsn: str) -> None:
    held = in_state(ledger, "HELD")
    ledger.release(held.id, reason=WHY)
    with Ledger(dsn, actor="person:second") as second:
        for verb in ("release", "reject"):
            with pytest.raises(TransitionError, match=rf"is GATED \({WHY}\), decided by test:ledger at 20\d\d-"):
                decide(second, verb, held)


# --- what is held


def test_a_file_held_by_the_check_waits_for_the_same_content(ledger: Ledger) -> None:
    file = ledger.plan(**monthly())
    held = ledger.move(file.id, "HELD", reason="12 % rejected", content_hash="aa", rejected=12)
    assert ledger.released(file.id) is None
    released = ledger.release(file.id, reason=WHY)
    assert (released.state, released.content_hash, released.rejected) == ("PLANNED", "aa", 12)
    assert ledger.plan(**monthly(file.dealer)).id == file.id
    found = ledger.released(file.id)
    assert found is not None
    assert (found.actor, found.reason, found.held_for, found.content_hash) == ("test:ledger", WHY, held.reason, "aa")
    assert found.at == ledger.events(file.id)[-1].at


def test_a_file_held_before_its_rows_were_read_cannot_be_released(ledger: Ledger) -> None:
    file = ledger.plan(**intent())
    ledger.move(file.id, "HELD", reason="dealer 7 has no number in the DMS")
    with pytest.raises(TransitionError, match=r"dealer 7 has no number in the DMS\)\. Next: mend the cause"):
        ledger.release(file.id, reason=WHY)
    assert ledger.reject(file.id, reason=WHY).state == "CANCELLED"


def test_the_last_release_is_the_one_that_counts(ledger: Ledger) -> None:
    file = in_state(ledger, "HELD")
    ledger.release(file.id, reason="first")
    ledger.move(file.id, "HELD", reason="a DAY_HELD difference")
    ledger.reject(file.id, reason="no")
    ledger.reopen(file.id, reason="yes after all")
    assert ledger.released(file.id) is None, "what somebody has rejected since is released no more"
    ledger.move(file.id, "HELD", reason="again", content_hash="bb")
    ledger.release(file.id, reason="second")
    again = ledger.released(file.id)
    assert again is not None
    assert (again.reason, again.held_for, again.content_hash) == ("second", "again", "bb")


# --- what was delivered


def test_a_redelivery_sends_the_same_bytes_and_keeps_the_first_time(ledger: Ledger) -> None:
    delivered = in_state(ledger, "PUBLISHED")
    ledger.redeliver(delivered.id, reason="the partner lost it")
    assert ledger.plan(**intent(delivered.dealer)).id == delivered.id
    for state in ("UPLOADING", "UPLOADED", "PUBLISHED"):
        columns: dict[str, Any] = {"remote_path": delivered.remote_path} if state == "PUBLISHED" else {}
        again = ledger.move(delivered.id, state, **columns)
        assert again.published_at == delivered.published_at
    assert again == delivered
    assert ledger.redeliver(delivered.id, reason="lost once more").state == "GATED"
    assert verify(ledger.dsn).whole


@pytest.mark.parametrize("state", ["GATED", "HELD"])
def test_a_redelivery_is_taken_back_to_delivered(ledger: Ledger, state: str) -> None:
    delivered = in_state(ledger, "PUBLISHED")
    ledger.redeliver(delivered.id, reason="the partner lost it")
    if state == "HELD":
        ledger.move(delivered.id, "HELD", reason="the name is taken")
    back = ledger.reject(delivered.id, reason="the partner has found it")
    assert (back.state, back.published_at, back.sha256) == ("PUBLISHED", delivered.published_at, delivered.sha256)


@pytest.mark.parametrize("state", ["GATED", "HELD", "UNKNOWN"])
@pytest.mark.parametrize("to", ["CANCELLED", "PLANNED"])
def test_what_was_delivered_is_never_given_up_or_made_anew(ledger: Ledger, state: str, to: str) -> None:
    file = in_state(ledger, "PUBLISHED")
    ledger.redeliver(file.id, reason=WHY)
    if state == "HELD":
        ledger.move(file.id, "HELD", reason="x")
    if state == "UNKNOWN":
        for step in ("UPLOADING", "UPLOADED", "UNKNOWN"):
            ledger.move(file.id, step, reason="x")
    with pytest.raises(TransitionError, match="cannot become"):
        ledger.move(file.id, to, reason=WHY)
    assert ledger.file(file.id).state == state


@pytest.mark.parametrize("state", ["GATED", "HELD"])
def test_what_was_never_delivered_is_not_made_so_by_a_person(ledger: Ledger, state: str) -> None:
    file = in_state(ledger, state)
    with pytest.raises(TransitionError, match="was never delivered"):
        ledger.move(file.id, "PUBLISHED", reason=WHY, remote_path="/in/x.csv")


def test_purged_bytes_cannot_be_sent_again(ledger: Ledger, dsn: str) -> None:
    file = in_state(ledger, "PUBLISHED")
    execute(dsn, f"UPDATE ledger.file SET purged_at = '2026-12-24T10:00Z' WHERE id = {file.id}")
    with pytest.raises(TransitionError, match="its bytes are gone since 2026-12-24"):
        ledger.redeliver(file.id, reason=WHY)
    assert ledger.file(file.id).state == "PUBLISHED"
    execute(dsn, f"UPDATE ledger.file SET purged_at = NULL WHERE id = {file.id}")


# --- two revisions of one window


@pytest.mark.parametrize("state", ["PLANNED", "GATED", "UPLOADING", "UNKNOWN"])
def test_nothing_is_sent_again_while_a_later_revision_is_under_way(ledger: Ledger, state: str) -> None:
    delivered = in_state(ledger, "PUBLISHED")
    later = ledger.release(propose(ledger, delivered).id, reason=WHY)
    if state == "UNKNOWN":
        later = ledger.move(bring(ledger, later, "UPLOADED", content_hash="new").id, "UNKNOWN", reason="x")
    elif state != "PLANNED":
        later = bring(ledger, later, state, content_hash="new")
    with pytest.raises(TransitionError, match=re.escape(f"{later.label} is {state} and replaces it")):
        ledger.redeliver(delivered.id, reason=WHY)


@pytest.mark.parametrize("state", ["GATED", "UPLOADING", "UPLOADED", "HELD", "UNKNOWN"])
@pytest.mark.parametrize("verb", ["release", "reopen"])
def test_a_revision_waits_for_the_redelivery_of_what_it_replaces(ledger: Ledger, state: str, verb: str) -> None:
    delivered = in_state(ledger, "PUBLISHED")
    proposal = propose(ledger, delivered)
    if verb == "reopen":
        ledger.reject(proposal.id, reason="no")
    ledger.redeliver(delivered.id, reason=WHY)
    if state == "HELD":
        ledger.move(delivered.id, "HELD", reason="x")
    steps = ("UPLOADING", "UPLOADED", "UNKNOWN")
    for step in steps[: steps.index(state) + 1] if state in steps else ():
        ledger.move(delivered.id, step, reason="x")
    with pytest.raises(TransitionError, match=rf"is being sent again \({state}\), and would arrive after it"):
        decide(ledger, verb, proposal)
    if state in ("GATED", "HELD"):
        ledger.reject(delivered.id, reason="found")
        assert decide(ledger, verb, proposal).state == "PLANNED"


def test_a_refused_proposal_can_be_reopened(ledger: Ledger) -> None:
    delivered = in_state(ledger, "PUBLISHED")
    proposal = propose(ledger, delivered)
    ledger.reject(proposal.id, reason="no")
    assert propose(ledger, delivered).state == "CANCELLED"
    reopened = ledger.reopen(proposal.id, reason="yes after all")
    assert (reopened.state, reopened.content_hash) == ("PLANNED", "new")
    assert ledger.plan(**intent(delivered.dealer)).id == reopened.id


def test_a_correction_whose_bytes_were_made_is_reopened_for_what_was_seen(ledger: Ledger) -> None:
    delivered = in_state(ledger, "PUBLISHED")
    proposal = propose(ledger, delivered)
    ledger.release(proposal.id, reason=WHY)
    held = ledger.move(bring(ledger, ledger.file(proposal.id), "GATED").id, "HELD", reason="the partner asks to wait")
    assert held.sha256 is not None
    ledger.reject(proposal.id, reason="no")
    reopened = ledger.reopen(proposal.id, reason="yes after all")
    assert (reopened.state, reopened.sha256, reopened.content_hash) == ("PLANNED", None, held.content_hash)


# --- previews


@pytest.mark.parametrize("verb", ["release", "redeliver", "reopen"])
def test_a_preview_is_not_decided_about(ledger: Ledger, verb: str) -> None:
    preview = in_state(ledger, "HELD", environment="preview")
    with pytest.raises(TransitionError, match="is a preview, which is never sent"):
        decide(ledger, verb, preview)


@pytest.mark.parametrize("to", ["UPLOADING", "PUBLISHED"])
def test_a_preview_is_never_sent(ledger: Ledger, dsn: str, to: str) -> None:
    preview = in_state(ledger, "GATED", environment="preview")
    with pytest.raises(TransitionError, match="is a preview, which is never sent"):
        ledger.move(preview.id, to, reason=WHY, remote_path="/in/x.csv")
    with pytest.raises(Exception, match="file_preview_is_never_sent"):
        execute(dsn, f"UPDATE ledger.file SET state = 'UPLOADING' WHERE id = {preview.id}")


def test_a_preview_is_taken_up_anew_with_other_bytes_and_its_own_numbers(ledger: Ledger) -> None:
    live = in_state(ledger, "PUBLISHED")
    preview = bring(ledger, ledger.plan(**intent(live.dealer, environment="preview")), "GATED")
    assert (live.sequence, preview.sequence) == (1, 1)
    ledger.move(preview.id, "CANCELLED", reason="would be sent")
    again = ledger.move(preview.id, "PLANNED", reason="previewed again")
    assert (again.sha256, again.sequence) == (None, 1)
    ledger.move(again.id, "CHECKED")
    assert ledger.move(again.id, "RENDERED", **rendered_columns(again, "b")).state == "RENDERED"
