"""A run over a delivered window whose data have changed: proposed, released or refused by a person, superseding."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from include.ledger import FileRow, Ledger, LedgerError, TransitionError
from tests.ledger.conftest import bring, intent


def propose(ledger: Ledger, delivered: FileRow, content_hash: str = "new", **changes: Any) -> FileRow:
    difference = {"rows_before": 10, "rows_after": 11, "total_before": Decimal("1234.50"), "total_after": "1300.00"}
    facts: dict[str, Any] = {"rows": 11, "control_total": Decimal("1300.00"), "difference": difference, **changes}
    return ledger.propose_revision(delivered, batch_id=None, content_hash=content_hash, **facts)


@pytest.fixture
def delivered(ledger: Ledger) -> FileRow:
    return bring(ledger, ledger.plan(**intent()), "PUBLISHED")


def asked_again(file: FileRow) -> dict[str, Any]:
    return intent(file.dealer)


def test_a_proposal_waits_beside_the_delivered_row(ledger: Ledger, delivered: FileRow) -> None:
    proposal = propose(ledger, delivered)
    assert (proposal.revision, proposal.state, proposal.supersedes) == (1, "PROPOSED", delivered.id)
    assert proposal.sequence is None
    assert proposal.difference == {
        "rows_before": 10, "rows_after": 11, "total_before": "1234.50", "total_after": "1300.00",
    }  # fmt: skip
    assert ledger.file(delivered.id) == delivered
    assert ledger.plan(**asked_again(delivered)) == delivered


def test_the_same_content_is_proposed_once(ledger: Ledger, delivered: FileRow) -> None:
    assert propose(ledger, delivered) == propose(ledger, delivered)


def test_newer_content_replaces_an_open_proposal(ledger: Ledger, delivered: FileRow) -> None:
    first, second = propose(ledger, delivered, "new"), propose(ledger, delivered, "newer")
    old = ledger.file(first.id)
    assert (old.state, second.revision, second.state) == ("CANCELLED", 2, "PROPOSED")
    assert old.reason == "replaced by revision 2: the data have changed again"
    third = propose(ledger, delivered, "new")
    assert (third.revision, ledger.file(second.id).state) == (3, "CANCELLED")


def test_a_released_proposal_speaks_for_the_window_and_supersedes_when_published(
    ledger: Ledger, delivered: FileRow
) -> None:
    proposal = propose(ledger, delivered)
    with pytest.raises(TransitionError, match="needs a reason"):
        ledger.move(proposal.id, "PLANNED")
    released = ledger.move(proposal.id, "PLANNED", reason="dealer corrected an invoice")
    assert released.content_hash == "new"
    assert ledger.plan(**asked_again(delivered)).id == released.id
    assert ledger.file(delivered.id).state == "PUBLISHED"
    with pytest.raises(TransitionError, match=r"revision 1\) is PLANNED"):
        propose(ledger, delivered, "newest")
    published = bring(ledger, released, "PUBLISHED", content_hash="newest")
    old = ledger.file(delivered.id)
    assert (old.state, old.reason, old.published_at) == ("SUPERSEDED", "replaced by revision 1", delivered.published_at)
    assert published.sequence == 2
    assert ledger.plan(**asked_again(delivered)) == published
    last = ledger.events(delivered.id)[-1]
    assert (last.from_state, last.to_state, last.detail) == ("PUBLISHED", "SUPERSEDED", {"by": published.id})
    with pytest.raises(TransitionError, match=r"revision 1\) is PUBLISHED"):
        propose(ledger, delivered, "later still")


def test_a_refused_proposal_leaves_the_window_delivered(ledger: Ledger, delivered: FileRow) -> None:
    proposal = propose(ledger, delivered)
    ledger.move(proposal.id, "CANCELLED", reason="partner does not want it")
    assert ledger.plan(**asked_again(delivered)) == delivered
    refused = ledger.file(proposal.id)
    assert propose(ledger, delivered) == refused, "nobody is asked twice about the same content"
    assert propose(ledger, delivered, "newer").revision == 2
    with pytest.raises(TransitionError, match="revision 2 follows it"):
        ledger.move(proposal.id, "PLANNED", reason="changed my mind")


def test_what_is_not_delivered_or_not_changed_cannot_be_revised(ledger: Ledger, delivered: FileRow) -> None:
    assert delivered.content_hash is not None
    with pytest.raises(LedgerError, match="note UNCHANGED"):
        propose(ledger, delivered, delivered.content_hash)
    planned = ledger.plan(**intent())
    with pytest.raises(TransitionError, match="is PLANNED"):
        propose(ledger, planned)


@pytest.mark.parametrize(
    "difference",
    [
        {"customer": "Ada Example"},
        {"rows": float("nan")},
        {"rows": True},
        {"rows": [1]},
        {"Ada Example": 1},
        {"x": "NaN"},
    ],
)
def test_a_difference_carries_numbers_only(ledger: Ledger, delivered: FileRow, difference: dict[str, Any]) -> None:
    with pytest.raises(LedgerError, match="numbers by plain names only"):
        propose(ledger, delivered, difference=difference)
    assert len(ledger.files(dealer=delivered.dealer)) == 1
