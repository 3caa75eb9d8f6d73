"""Letting go of what went beside files, and of bytes that no row names any more."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Any

import pytest

from include.archive import Archive, PurgedError
from include.ledger import Companion, FileRow, Ledger, LedgerUnavailableError
from include.ledger.chain import verify
from include.ledger.retention import purge, purge_unnamed
from include.ledger.rows import row_of
from tests.ledger.conftest import bring, execute, intent, scalar
from tests.ledger.test_retention import KEPT, OLD, PowerCut, stored


@pytest.fixture
def ledger(fresh_dsn: str) -> Any:
    with Ledger(fresh_dsn, actor="test") as opened:
        yield opened


def beside(ledger: Ledger, archive: Archive, file: FileRow, *contents: str) -> list[str]:
    """Registers what goes beside the file and returns the hashes."""
    companions = [
        Companion(f"{n}.manifest.xml", "manifest", **stored(archive, content)) for n, content in enumerate(contents)
    ]
    ledger.set_companions(file.id, companions, "made for a test")
    return [companion.sha256 for companion in companions]


def accompanied(
    ledger: Ledger, archive: Archive, content: str, *contents: str, on: date = OLD
) -> tuple[FileRow, list[str]]:
    file = bring(ledger, ledger.plan(**intent(None, on)), "GATED", **stored(archive, content))
    hashes = beside(ledger, archive, file, *contents)
    for state in ("UPLOADING", "UPLOADED"):
        ledger.move(file.id, state, remote_path="/in/x.xml")
    noon = file.window_start + timedelta(hours=12)
    return ledger.move(file.id, "PUBLISHED", published_at=noon), hashes


def test_what_went_beside_a_file_goes_with_its_bytes_and_not_before(ledger: Ledger, archive: Archive) -> None:
    file, hashes = accompanied(ledger, archive, "data", "one", "three")
    assert purge(ledger.dsn, archive, today=OLD + timedelta(days=62), retention=KEPT, dry_run=False) == []
    assert all(archive.verify(each) for each in hashes)
    (item,) = purge(ledger.dsn, archive, today=OLD + timedelta(days=63), retention=KEPT)
    assert (item.companions, item.companion_bytes) == (2, 8)
    assert all(archive.verify(each) for each in hashes), "that was a dry run"
    purge(ledger.dsn, archive, today=OLD + timedelta(days=63), retention=KEPT, dry_run=False)
    for each in (file.sha256 or "", *hashes):
        with pytest.raises(PurgedError, match="retention of 62 days, merkle_sar_daily"):
            archive.open(each)
    assert scalar(ledger.dsn, "SELECT count(*) FROM ledger.archive_object WHERE purged_at IS NULL") == 0
    assert [row.sha256 for row in ledger.companions(file.id)] == hashes, "the record stays"
    assert ledger.events(file.id)[-1].detail["companions"] == 2
    assert verify(ledger.dsn).whole


def test_what_a_younger_file_goes_with_stays(ledger: Ledger, archive: Archive) -> None:
    _, old = accompanied(ledger, archive, "old", "shared", "only the old one's", "data of the young one")
    young, _ = accompanied(ledger, archive, "data of the young one", "shared", on=OLD + timedelta(days=30))
    purge(ledger.dsn, archive, today=OLD + timedelta(days=70), retention=KEPT, dry_run=False)
    assert [archive.exists(each) for each in old] == [True, False, True]
    purge(ledger.dsn, archive, today=OLD + timedelta(days=100), retention=KEPT, dry_run=False)
    assert [archive.exists(each) for each in (*old, young.sha256 or "")] == [False] * 4
    assert verify(ledger.dsn).whole


def test_bytes_that_go_beside_a_younger_file_stay(ledger: Ledger, archive: Archive) -> None:
    old, _ = accompanied(ledger, archive, "same")
    accompanied(ledger, archive, "young", "same", on=OLD + timedelta(days=30))
    assert purge(ledger.dsn, archive, today=OLD + timedelta(days=70), retention=KEPT, dry_run=False) == []
    assert archive.verify(old.sha256 or "")


@pytest.mark.parametrize("cut_at", [0, 1, 2])
def test_a_purge_that_was_cut_between_a_file_and_what_went_beside_it_is_finished(
    ledger: Ledger, archive: Archive, monkeypatch: pytest.MonkeyPatch, cut_at: int
) -> None:
    file, hashes = accompanied(ledger, archive, "data", "one", "two")
    really = Archive.remove
    removed: list[str] = []

    def cut(self: Archive, sha256: str, **why: Any) -> None:
        if len(removed) == cut_at:
            raise PowerCut
        removed.append(sha256)
        really(self, sha256, **why)

    today = OLD + timedelta(days=100)
    monkeypatch.setattr(Archive, "remove", cut)
    with pytest.raises(PowerCut):
        purge(ledger.dsn, archive, today=today, retention=KEPT, dry_run=False)
    monkeypatch.undo()
    assert scalar(ledger.dsn, "SELECT count(*) FROM ledger.archive_object WHERE purge_marked_at IS NULL") == 0
    purge(ledger.dsn, archive, today=today, retention={}, dry_run=False)
    assert [archive.exists(each) for each in (file.sha256 or "", *hashes)] == [False] * 3
    assert ledger.file(file.id).purged_at is not None
    assert verify(ledger.dsn).whole


def age(dsn: str, days: int) -> None:
    execute(dsn, f"UPDATE ledger.archive_object SET stored_at = stored_at - interval '{days} days'")


def test_bytes_that_no_row_names_any_more_go_after_seven_days(ledger: Ledger, archive: Archive) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED", **stored(archive, "first"))
    (replaced,) = beside(ledger, archive, file, "the manifest of noon")
    (let_go,) = beside(ledger, archive, file, "the manifest of evening")
    ledger.move(file.id, "WITHHELD", reason="the contract has ended")
    ledger.move(file.id, "PLANNED", reason="signed again")
    again = bring(ledger, file, "GATED", **stored(archive, "second"))
    (kept,) = beside(ledger, archive, again, "the manifest of today")
    today = ledger.events()[-1].at.date()
    assert purge_unnamed(ledger.dsn, archive, today=today + timedelta(days=7), dry_run=False) == []
    late = today + timedelta(days=8)
    first = hashlib.sha256(b"first").hexdigest()
    shown = purge_unnamed(ledger.dsn, archive, today=late)
    assert [(item.sha256, item.bytes, item.stored_on) for item in shown] == [
        (first, 5, today), (replaced, 20, today), (let_go, 23, today),
    ]  # fmt: skip
    assert archive.verify(first)
    events = len(ledger.events())
    assert purge_unnamed(ledger.dsn, archive, today=late, dry_run=False) == shown
    for each in (first, replaced, let_go):
        with pytest.raises(PurgedError, match="no file names it any more"):
            archive.open(each)
    assert archive.verify(again.sha256 or "")
    assert archive.verify(kept)
    assert [event.kind for event in ledger.events()[events:]] == ["PURGED"] * 3
    assert purge_unnamed(ledger.dsn, archive, today=late) == []
    assert verify(ledger.dsn).whole


def test_of_purged_files_the_objects_are_not_unnamed(ledger: Ledger, archive: Archive) -> None:
    accompanied(ledger, archive, "data", "one")
    age(ledger.dsn, 400)
    assert purge_unnamed(ledger.dsn, archive, today=date(2099, 1, 1)) == []
    purge(ledger.dsn, archive, today=date(2099, 1, 1), retention=KEPT, dry_run=False)
    assert purge_unnamed(ledger.dsn, archive, today=date(2099, 1, 1)) == []


def test_what_somebody_names_at_the_last_moment_stays(
    ledger: Ledger, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED", **stored(archive, "data"))
    (sha256,) = beside(ledger, archive, file, "a manifest")
    ledger.set_companions(file.id, [], "none")
    really = row_of

    def named_now(kind: Any, found: Any) -> Any:
        monkeypatch.undo()
        beside(ledger, archive, file, "a manifest")
        age(ledger.dsn, 30)
        return really(kind, found)

    age(ledger.dsn, 30)
    monkeypatch.setattr("include.ledger.retention.row_of", named_now)
    assert purge_unnamed(ledger.dsn, archive, today=date(2099, 1, 1), dry_run=False) == []
    assert archive.verify(sha256)
    assert scalar(ledger.dsn, "SELECT count(*) FROM ledger.archive_object WHERE purge_marked_at IS NOT NULL") == 0


def test_an_object_that_was_marked_and_not_removed_is_removed_by_the_next(
    ledger: Ledger, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED", **stored(archive, "data"))
    (sha256,) = beside(ledger, archive, file, "a manifest")
    ledger.set_companions(file.id, [], "none")

    def cut(self: Archive, sha256: str, **why: Any) -> None:
        raise PowerCut

    monkeypatch.setattr(Archive, "remove", cut)
    with pytest.raises(PowerCut):
        purge_unnamed(ledger.dsn, archive, today=date(2099, 1, 1), dry_run=False)
    monkeypatch.undo()
    with pytest.raises(LedgerUnavailableError, match="is being purged"):
        beside(ledger, archive, file, "a manifest")
    assert len(purge_unnamed(ledger.dsn, archive, today=date(2099, 1, 1), dry_run=False)) == 1
    assert not archive.exists(sha256)
    assert beside(ledger, archive, file, "a manifest") == [sha256]
    assert archive.verify(sha256)
