"""Two people decide at the same moment, or a person and retention: one decision is made, the other is refused."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from typing import Any

import psycopg2
import pytest

from include.archive import Archive, PurgedError
from include.ledger import FileRow, Ledger, TransitionError
from include.ledger.chain import verify
from include.ledger.retention import purge
from tests.ledger.conftest import at_once, bring, intent, scalar


def delivered_and_proposed(ledger: Ledger) -> tuple[FileRow, FileRow]:
    delivered = bring(ledger, ledger.plan(**intent()), "PUBLISHED")
    proposal = ledger.propose_revision(
        delivered, batch_id=None, content_hash="new", rows=11, control_total=None, difference={}
    )
    return delivered, proposal


@pytest.mark.parametrize(("verb", "to"), [("release", "GATED"), ("reject", "CANCELLED")])
def test_of_eight_people_who_decide_alike_one_does(dsn: str, ledger: Ledger, verb: str, to: str) -> None:
    file = ledger.move(bring(ledger, ledger.plan(**intent()), "RENDERED").id, "HELD", reason="the gate failed")
    found = at_once(dsn, lambda worker, n: getattr(worker, verb)(file.id, reason=f"person {n} says so"))
    done = [row for row in found if isinstance(row, FileRow)]
    assert [row.state for row in done] == [to]
    winner = f"test:worker {found.index(done[0])}"
    refused = [str(error) for error in found if isinstance(error, TransitionError)]
    assert len(refused) == 7
    assert all(f"decided by {winner} at " in text for text in refused)
    decisions = [event for event in ledger.events(file.id) if event.detail.get("verb")]
    assert [event.actor for event in decisions] == [winner]
    assert verify(dsn).whole


def test_release_and_reject_at_once_leave_one_of_the_two(dsn: str, ledger: Ledger) -> None:
    outcomes = set()
    for _ in range(10):
        _, proposal = delivered_and_proposed(ledger)

        def decide(worker: Ledger, number: int, file_id: int = proposal.id) -> FileRow:
            return (worker.reject if number % 2 else worker.release)(file_id, reason="so it is")

        found = at_once(dsn, decide, 4)
        (done,) = [row for row in found if isinstance(row, FileRow)]
        assert ledger.file(proposal.id) == done
        assert (ledger.released(proposal.id) is not None) == (done.state == "PLANNED")
        outcomes.add(done.state)
    assert outcomes <= {"PLANNED", "CANCELLED"}
    assert verify(dsn).whole


def test_a_redelivery_and_a_release_of_one_window_never_both_happen(dsn: str, ledger: Ledger) -> None:
    for _ in range(15):
        delivered, proposal = delivered_and_proposed(ledger)

        def decide(worker: Ledger, number: int, old: int = delivered.id, new: int = proposal.id) -> FileRow:
            return worker.redeliver(old, reason="lost") if number else worker.release(new, reason="right")

        found = at_once(dsn, decide, 2)
        states = (ledger.file(delivered.id).state, ledger.file(proposal.id).state)
        assert states in {("GATED", "PROPOSED"), ("PUBLISHED", "PLANNED")}
        (refusal,) = [error for error in found if isinstance(error, TransitionError)]
        expected = "is being sent again" if states[0] == "GATED" else "is PLANNED and replaces it"
        assert expected in str(refusal)
    assert verify(dsn).whole


def test_a_redelivery_and_retention_at_once_leave_bytes_or_a_refusal(new_ledger_dsn: str, archive: Archive) -> None:
    with Ledger(new_ledger_dsn, actor="test:ledger") as ledger:
        for number in range(12):
            with archive.writer() as writer:
                writer.write(f"file {number}".encode())
            file = bring(ledger, ledger.plan(**intent()), "PUBLISHED", sha256=writer.sha256, bytes=writer.bytes)

            def work(worker: Ledger, number: int, file: FileRow = file) -> Any:
                if number:
                    return worker.redeliver(file.id, reason="lost")
                return purge(
                    new_ledger_dsn, archive, today=date(2099, 1, 1), retention={file.interface: 62}, dry_run=False
                )

            _, answer = at_once(new_ledger_dsn, work, 2)
            after = ledger.file(file.id)
            assert file.sha256 is not None
            if isinstance(answer, FileRow):
                assert (after.state, after.purged_at) == ("GATED", None)
                assert archive.verify(file.sha256)
                bring_again(ledger, after)
            else:
                assert (after.state, after.purged_at is not None) == ("PUBLISHED", True)
                with pytest.raises(PurgedError):
                    archive.open(file.sha256)
        assert verify(new_ledger_dsn).whole


def bring_again(ledger: Ledger, file: FileRow) -> None:
    for state in ("UPLOADING", "UPLOADED", "PUBLISHED"):
        ledger.move(file.id, state)


def test_retention_leaves_what_a_person_takes_up_between_its_mark_and_its_removal(
    new_ledger_dsn: str, archive: Archive
) -> None:
    with Ledger(new_ledger_dsn, actor="test:ledger") as ledger:
        files = []
        for content in (b"first", b"second"):
            with archive.writer() as writer:
                writer.write(content)
            files.append(bring(ledger, ledger.plan(**intent()), "PUBLISHED", sha256=writer.sha256, bytes=writer.bytes))
        first, second = files
        with closing(psycopg2.connect(new_ledger_dsn)) as blocker, ThreadPoolExecutor(1) as pool:
            with blocker.cursor() as cursor:
                cursor.execute("SELECT 1 FROM ledger.file WHERE id = %s FOR UPDATE", [first.id])
            retention = {first.interface: 62}
            purging = pool.submit(
                purge, new_ledger_dsn, archive, today=date(2099, 1, 1), retention=retention, dry_run=False
            )
            patience = time.monotonic() + 30
            marked = "SELECT count(*) FROM ledger.archive_object WHERE purge_marked_at IS NOT NULL"
            while scalar(new_ledger_dsn, marked) < 2 and time.monotonic() < patience:
                time.sleep(0.02)
            assert ledger.redeliver(second.id, reason="lost").state == "GATED"
            blocker.rollback()
            assert len(purging.result(timeout=30)) == 2
        assert ledger.file(first.id).purged_at is not None
        assert (ledger.file(second.id).state, ledger.file(second.id).purged_at) == ("GATED", None)
        assert archive.verify(second.sha256 or "")
        assert verify(new_ledger_dsn).whole
