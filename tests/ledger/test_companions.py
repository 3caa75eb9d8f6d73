"""What goes beside a file: registered, replaced until an attempt begins, and covered by the chain of events."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest

from include.ledger import (
    Companion,
    FileRow,
    LeaseHeldError,
    LeaseLostError,
    Ledger,
    LedgerError,
    LedgerUnavailableError,
    TransitionError,
)
from include.ledger.chain import verify
from tests.ledger.conftest import bring, execute, intent, scalar


def companion(name: str = "FOCUS", digit: str = "c", **changes: Any) -> Companion:
    columns: dict[str, Any] = {"name": f"{name}.xml", "kind": "manifest", "sha256": digit * 64, "bytes": 7, **changes}
    return Companion(**columns)


TWO = [companion("FOCUS", "c"), companion("CUSTOMER_FIRST", "d")]


def in_state(ledger: Ledger, state: str) -> FileRow:
    file = ledger.plan(**intent())
    if state in ("HELD", "WITHHELD"):
        return ledger.move(bring(ledger, file, "GATED").id, state, reason="a fault")
    if state == "UNKNOWN":
        return ledger.move(bring(ledger, file, "UPLOADED").id, state, reason="gone")
    if state == "CANCELLED":
        return ledger.move(file.id, state, reason="not wanted")
    if state == "ACKED":
        return ledger.move(bring(ledger, file, "PUBLISHED").id, state)
    return file if state == "PLANNED" else bring(ledger, file, state)


@pytest.mark.parametrize("state", ["PLANNED", "CHECKED", "RENDERED", "GATED", "HELD", "WITHHELD"])
def test_until_an_attempt_begins_companions_are_set_in_their_order(ledger: Ledger, state: str) -> None:
    file = in_state(ledger, state)
    assert ledger.companions(file.id) == []
    rows = ledger.set_companions(file.id, TWO, "the authorisations of noon")
    assert rows == ledger.companions(file.id)
    assert [(row.position, row.name, row.kind, row.sha256, row.bytes) for row in rows] == [
        (1, "FOCUS.xml", "manifest", "c" * 64, 7), (2, "CUSTOMER_FIRST.xml", "manifest", "d" * 64, 7),
    ]  # fmt: skip
    assert {(row.fingerprint, row.remote_path, row.temp_name, row.published_at) for row in rows} == {
        ("the authorisations of noon", None, None, None)
    }
    assert ledger.file(file.id) == file, "the file is where it was"
    event = ledger.events(file.id)[-1]
    assert (event.kind, event.to_state, event.detail["fingerprint"]) == (
        "COMPANIONS", None, "the authorisations of noon",
    )  # fmt: skip
    assert [(each["name"], each["sha256"]) for each in event.detail["companions"]] == [
        ("FOCUS.xml", "c" * 64), ("CUSTOMER_FIRST.xml", "d" * 64),
    ]  # fmt: skip
    assert verify(ledger.dsn).whole


@pytest.mark.parametrize("state", ["UPLOADING", "UPLOADED", "UNKNOWN", "PUBLISHED", "ACKED", "CANCELLED"])
def test_afterwards_they_are_fixed(ledger: Ledger, state: str) -> None:
    file = in_state(ledger, state)
    with pytest.raises(TransitionError, match=f"is {state} and an attempt .*has begun, so what goes beside it is fix"):
        ledger.set_companions(file.id, TWO, "later")
    assert ledger.companions(file.id) == []


def test_a_held_file_of_which_an_attempt_had_begun_keeps_its_companions(ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    before = ledger.set_companions(file.id, TWO, "noon")
    ledger.move(file.id, "UPLOADING", remote_path="/in/x.xml")
    ledger.move(file.id, "HELD", reason="the name is taken")
    for _ in range(2):
        with pytest.raises(TransitionError, match="the partner may have it"):
            ledger.set_companions(file.id, [], "evening")
        if ledger.file(file.id).state == "HELD":
            ledger.release(file.id, reason="removed there")
    assert ledger.companions(file.id) == before


def test_a_redelivery_takes_the_companions_it_went_with(ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    before = ledger.set_companions(file.id, TWO, "noon")
    for state in ("UPLOADING", "UPLOADED", "PUBLISHED"):
        ledger.move(file.id, state, remote_path="/in/x.xml")
    assert ledger.sent_again_at(file.id) is None
    ledger.redeliver(file.id, reason="lost there")
    assert ledger.sent_again_at(file.id) == ledger.events(file.id)[-1].at
    with pytest.raises(TransitionError, match="is GATED and an attempt"):
        ledger.set_companions(file.id, [], "evening")
    assert ledger.companions(file.id) == before


def test_while_an_attempt_is_at_work_nothing_is_replaced(ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    token = ledger.take_lease(file.id, seconds=60)
    with pytest.raises(LeaseHeldError, match="is being worked on by test:ledger until"):
        ledger.set_companions(file.id, TWO, "noon")
    ledger.release_lease(file.id, token)
    assert len(ledger.set_companions(file.id, TWO, "noon")) == 2


def test_a_new_set_replaces_the_old_one_whole(ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    ledger.set_companions(file.id, TWO, "noon")
    (only,) = ledger.set_companions(file.id, [companion("CUSTOMER_FIRST", "e")], "evening")
    assert (only.position, only.sha256, only.fingerprint) == (1, "e" * 64, "evening")
    assert ledger.set_companions(file.id, [], "night") == []
    assert [event.kind for event in ledger.events(file.id)].count("COMPANIONS") == 3
    assert verify(ledger.dsn).whole


def test_the_same_set_again_changes_nothing(ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    first = ledger.set_companions(file.id, TWO, "noon")
    events = len(ledger.events(file.id))
    assert ledger.set_companions(file.id, list(TWO), "noon") == first
    assert len(ledger.events(file.id)) == events
    ledger.set_companions(file.id, TWO[::-1], "noon")
    assert [row.name for row in ledger.companions(file.id)] == ["CUSTOMER_FIRST.xml", "FOCUS.xml"]


@pytest.mark.parametrize(
    ("companions", "fingerprint", "complaint"),
    [
        ([companion("../x")], "f", "is a path or empty"),
        ([Companion("", "manifest", "c" * 64, 7)], "f", "is a path or empty"),
        ([Companion("..", "manifest", "c" * 64, 7)], "f", "is a path or empty"),
        ([companion(), companion()], "f", "FOCUS.xml is the name of two things that go"),
        ([companion(kind="Manifest!")], "f", "kind 'Manifest!'.*malformed"),
        ([companion(digit="C")], "f", "malformed"),
        ([companion(bytes=-1)], "f", "-1 bytes is malformed"),
        ([companion()], " ", "need a fingerprint"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused(
    ledger: Ledger, companions: list[Companion], fingerprint: str, complaint: str
) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    with pytest.raises(LedgerError, match=complaint):
        ledger.set_companions(file.id, companions, fingerprint)
    assert ledger.companions(file.id) == []


def test_a_companion_cannot_have_the_files_own_name(ledger: Ledger) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    assert file.file_name is not None
    with pytest.raises(LedgerError, match="is the name of two things that go"):
        ledger.set_companions(file.id, [Companion(file.file_name, "manifest", "c" * 64, 7)], "noon")


def test_bytes_that_are_being_purged_cannot_go_beside_a_file(fresh_dsn: str) -> None:
    with Ledger(fresh_dsn, actor="test") as ledger:
        file = bring(ledger, ledger.plan(**intent()), "GATED")
        ledger.set_companions(file.id, TWO, "noon")
        assert scalar(fresh_dsn, "SELECT count(*) FROM ledger.archive_object") == 3
        execute(fresh_dsn, "UPDATE ledger.archive_object SET purge_marked_at = now()")
        with pytest.raises(
            LedgerUnavailableError, match=r"companion FOCUS\.xml: the archive object c+ is being purged"
        ):
            ledger.set_companions(file.id, [companion()], "evening")
        assert len(ledger.companions(file.id)) == 2


@pytest.mark.parametrize("way", ["HELD", "WITHHELD", "CANCELLED"])
def test_new_bytes_let_go_of_the_companions(ledger: Ledger, way: str) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    ledger.set_companions(file.id, TWO, "noon")
    ledger.move(file.id, way, reason="a fault")
    assert len(ledger.companions(file.id)) == (0 if way == "WITHHELD" else 2)
    ledger.move(file.id, "PLANNED", reason="mended")
    assert ledger.companions(file.id) == []
    assert verify(ledger.dsn).whole


def sending(ledger: Ledger) -> tuple[FileRow, int]:
    file = bring(ledger, ledger.plan(**intent()), "GATED")
    ledger.set_companions(file.id, TWO, "noon")
    return ledger.move(file.id, "UPLOADING", remote_path="/in/x"), ledger.take_lease(file.id, seconds=60)


def test_the_way_of_a_companion_is_written_down(ledger: Ledger) -> None:
    file, token = sending(ledger)
    ledger.begin_companion(file.id, "FOCUS.xml", token=token, remote_path="/in/FOCUS.xml", temp_name=".F.part")
    first, second = ledger.companions(file.id)
    assert (first.remote_path, first.temp_name, first.published_at) == ("/in/FOCUS.xml", ".F.part", None)
    ledger.companion_published(file.id, "FOCUS.xml", remote_path="/in/FOCUS.xml", found=False)
    first = ledger.companions(file.id)[0]
    assert first.published_at is not None
    assert (first.temp_name, ledger.companions(file.id)[1]) == (".F.part", second)
    begun, published = ledger.events(file.id)[-2:]
    assert (begun.kind, begun.detail["companion"]["name"], begun.detail["token"]) == (
        "COMPANION_UPLOADING", "FOCUS.xml", token,
    )  # fmt: skip
    assert (published.kind, published.detail["companion"]["name"], published.detail["found"]) == (
        "COMPANION_PUBLISHED", "FOCUS.xml", False,
    )  # fmt: skip
    assert ledger.file(file.id).state == "UPLOADING"
    assert verify(ledger.dsn).whole


def test_without_the_lease_no_companion_begins(ledger: Ledger) -> None:
    file, token = sending(ledger)
    ledger.release_lease(file.id, token)
    with pytest.raises(LeaseLostError):
        ledger.begin_companion(file.id, "FOCUS.xml", token=token, remote_path="/in/FOCUS.xml", temp_name=".F.part")
    assert ledger.companions(file.id)[0].temp_name is None


def test_one_that_was_never_registered_is_named(ledger: Ledger) -> None:
    file, token = sending(ledger)
    with pytest.raises(LedgerError, match=f"file {file.id} has no companion X.xml"):
        ledger.begin_companion(file.id, "X.xml", token=token, remote_path="/in/X.xml", temp_name=".X.part")
    with pytest.raises(LedgerError, match=f"file {file.id} has no companion X.xml"):
        ledger.companion_published(file.id, "X.xml", remote_path="/in/X.xml", found=True)


@pytest.mark.parametrize(
    ("damage", "drift"),
    [
        ("UPDATE ledger.companion SET sha256 = repeat('a', 64) WHERE position = 1", "companion FOCUS.xml: sha256"),
        ("UPDATE ledger.companion SET position = 3 WHERE position = 1", "companion FOCUS.xml: position"),
        ("UPDATE ledger.companion SET fingerprint = 'x' WHERE position = 2", "companion CUSTOMER_FIRST.xml: finger"),
        ("UPDATE ledger.companion SET published_at = now() WHERE position = 1", "companion FOCUS.xml: published_at"),
        ("UPDATE ledger.companion SET name = 'X.xml' WHERE position = 1", "the companion X.xml has no event"),
        ("DELETE FROM ledger.companion WHERE position = 2", "the companion CUSTOMER_FIRST.xml is gone"),
        ("INSERT INTO ledger.companion (file_id, position, name, kind, sha256, bytes, fingerprint) "
         "SELECT file_id, 9, 'Y.xml', kind, sha256, bytes, fingerprint FROM ledger.companion LIMIT 1",
         "the companion Y.xml has no event"),
    ],
)  # fmt: skip
def test_a_companion_that_was_edited_by_hand_is_noticed(fresh_dsn: str, damage: str, drift: str) -> None:
    with Ledger(fresh_dsn, actor="test") as ledger:
        file, token = sending(ledger)
        ledger.begin_companion(file.id, "FOCUS.xml", token=token, remote_path="/in/FOCUS.xml", temp_name=".F.part")
        ledger.companion_published(file.id, "FOCUS.xml", remote_path="/in/FOCUS.xml", found=False)
        assert verify(fresh_dsn).whole
        execute(fresh_dsn, damage)
        assert drift in " ".join(map(str, verify(fresh_dsn).drifts))


def test_the_database_refuses_two_of_one_name_and_a_publication_without_a_place(ledger: Ledger) -> None:
    file, _ = sending(ledger)
    for change in ("SET name = 'FOCUS.xml'", "SET published_at = now()"):
        with pytest.raises(psycopg2.IntegrityError):
            execute(ledger.dsn, f"UPDATE ledger.companion {change} WHERE file_id = {file.id}")


def test_a_note_cannot_pass_for_what_became_of_a_companion(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="companions by methods of their own"):
        ledger.note(None, "COMPANION_PUBLISHED", {})
