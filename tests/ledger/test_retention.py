"""Letting go of bytes and rejected rows: marked first, then removed; the record stays."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.archive import Archive, PurgedError
from include.ledger import FileRow, Ledger, LedgerUnavailableError, RejectedRow
from include.ledger.chain import verify
from include.ledger.retention import purge, purge_unnamed
from tests.ledger.arrival_cases import a_feed, entry, look
from tests.ledger.conftest import DAY, bring, execute, intent, rendered_columns, scalar

KEPT = {"merkle_sar_daily": 62}
OLD = DAY + timedelta(days=1)


@pytest.fixture
def ledger(fresh_dsn: str) -> Any:
    with Ledger(fresh_dsn, actor="test") as opened:
        yield opened


def stored(archive: Archive, content: str) -> dict[str, Any]:
    with archive.writer() as writer:
        writer.write(content.encode())
    return {"sha256": writer.sha256, "bytes": writer.bytes}


def delivered(ledger: Ledger, archive: Archive, content: str, *, on: date = OLD, dealer: str | None = None) -> FileRow:
    """A file with two rejected rows, published at noon of ``on``."""
    file = bring(ledger, ledger.plan(**intent(dealer, on)), "UPLOADED", **stored(archive, content))
    ledger.replace_rejected_rows(file.id, [RejectedRow(1, ("a-required",)), RejectedRow(2, ("a-required",))])
    noon = file.window_start + timedelta(hours=12)
    return ledger.move(file.id, "PUBLISHED", remote_path=f"/in/{file.id}.csv", published_at=noon)


def test_a_dry_run_shows_and_changes_nothing(ledger: Ledger, archive: Archive) -> None:
    file = delivered(ledger, archive, "old")
    events = len(ledger.events())
    (item,) = purge(ledger.dsn, archive, today=OLD + timedelta(days=63), retention=KEPT)
    assert (item.file_id, item.sha256, item.bytes, item.rejected_rows) == (file.id, file.sha256, 3, 2)
    assert (item.settled_on, item.marked) == (OLD, False)
    assert archive.verify(item.sha256 or "")
    assert len(ledger.rejected_rows(file.id)) == 2
    assert len(ledger.events()) == events


@pytest.mark.parametrize(("days", "due"), [(61, 0), (62, 0), (63, 1)])
def test_a_file_is_due_when_it_is_older_than_its_retention(
    ledger: Ledger, archive: Archive, days: int, due: int
) -> None:
    delivered(ledger, archive, "old")
    assert len(purge(ledger.dsn, archive, today=OLD + timedelta(days=days), retention=KEPT)) == due


def test_what_is_let_go_leaves_its_record(ledger: Ledger, archive: Archive) -> None:
    file = delivered(ledger, archive, "old")
    purge(ledger.dsn, archive, today=OLD + timedelta(days=100), retention=KEPT, dry_run=False)
    assert file.sha256 is not None
    with pytest.raises(PurgedError, match="retention of 62 days, merkle_sar_daily"):
        archive.open(file.sha256)
    after = ledger.file(file.id)
    assert after.purged_at is not None
    assert (after.sha256, after.rows, after.state, after.remote_path) == (
        file.sha256, file.rows, "PUBLISHED", file.remote_path,
    )  # fmt: skip
    assert ledger.rejected_rows(file.id) == []
    last = ledger.events(file.id)[-1]
    assert (last.kind, last.actor, last.reason) == ("PURGED", "retention", "retention of 62 days")
    assert last.detail["rejected_rows"] == 2
    assert verify(ledger.dsn).whole
    assert purge(ledger.dsn, archive, today=OLD + timedelta(days=100), retention=KEPT) == []


@pytest.mark.parametrize("state", ["GATED", "UPLOADED", "HELD", "UNKNOWN"])
def test_what_is_not_settled_never_grows_old(ledger: Ledger, archive: Archive, state: str) -> None:
    file = bring(ledger, ledger.plan(**intent()), "GATED" if state == "GATED" else "UPLOADED", **stored(archive, "x"))
    if state in {"HELD", "UNKNOWN"}:
        ledger.move(file.id, state, reason="x")
    assert purge(ledger.dsn, archive, today=DAY + timedelta(days=9999), retention=KEPT) == []


def test_an_interface_without_a_retention_keeps_everything(ledger: Ledger, archive: Archive) -> None:
    delivered(ledger, archive, "old")
    assert purge(ledger.dsn, archive, today=OLD + timedelta(days=9999), retention={"other": 1}) == []


def test_bytes_that_a_younger_file_shares_stay(ledger: Ledger, archive: Archive) -> None:
    """Not for lack of trying: two dealers' empty files could be the same bytes."""
    old = delivered(ledger, archive, "same")
    delivered(ledger, archive, "same", on=OLD + timedelta(days=30))
    assert purge(ledger.dsn, archive, today=OLD + timedelta(days=70), retention=KEPT) == []
    both = purge(ledger.dsn, archive, today=OLD + timedelta(days=100), retention=KEPT, dry_run=False)
    assert len(both) == 2
    assert not archive.exists(old.sha256 or "")


def test_superseded_and_cancelled_files_go_as_well(ledger: Ledger, archive: Archive) -> None:
    first = delivered(ledger, archive, "first")
    proposal = ledger.propose_revision(
        first, batch_id=None, content_hash="n", rows=1, control_total=None, difference={}
    )
    ledger.move(proposal.id, "PLANNED", reason="released")
    bring(ledger, proposal, "PUBLISHED", **stored(archive, "second"))
    cancelled = ledger.move(ledger.plan(**intent()).id, "CANCELLED", reason="x")
    ledger.replace_rejected_rows(cancelled.id, [RejectedRow(1, ("a-required",))])
    far = date(2030, 1, 1)
    items = purge(ledger.dsn, archive, today=far, retention=KEPT, dry_run=False)
    assert sorted(item.state for item in items) == ["CANCELLED", "PUBLISHED", "SUPERSEDED"]
    assert ledger.rejected_rows(cancelled.id) == []
    assert scalar(ledger.dsn, "SELECT count(*) FROM ledger.archive_object WHERE purged_at IS NULL") == 0
    assert verify(ledger.dsn).whole


class PowerCut(BaseException):
    """What a kill looks like from inside."""


@pytest.mark.parametrize("moment", ["before the object goes", "after the object is gone"])
def test_a_purge_that_was_cut_is_finished_by_the_next(
    ledger: Ledger, archive: Archive, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    files = [delivered(ledger, archive, f"content {n}") for n in range(3)]
    really = Archive.remove
    removed: list[str] = []

    def cut(self: Archive, sha256: str, **why: Any) -> None:
        if len(removed) == 1:
            if moment == "after the object is gone":
                really(self, sha256, **why)
            raise PowerCut
        removed.append(sha256)
        really(self, sha256, **why)

    today = OLD + timedelta(days=100)
    monkeypatch.setattr(Archive, "remove", cut)
    with pytest.raises(PowerCut):
        purge(ledger.dsn, archive, today=today, retention=KEPT, dry_run=False)
    monkeypatch.undo()
    assert verify(ledger.dsn).whole
    marked = purge(ledger.dsn, archive, today=today, retention={})
    assert [item.marked for item in marked] == [True, True]
    # An object whose file is not marked purged yet must either be there or say why not, never be silently missing.
    for file in files:
        try:
            archive.open(file.sha256 or "").close()
        except PurgedError:
            continue
    purge(ledger.dsn, archive, today=today, retention={}, dry_run=False)
    assert [archive.exists(file.sha256 or "") for file in files] == [False] * 3
    assert all(ledger.file(file.id).purged_at for file in files)
    assert [event.kind for event in ledger.events(files[2].id)].count("PURGED") == 1
    assert verify(ledger.dsn).whole


def test_bytes_that_are_being_purged_cannot_be_relied_on(ledger: Ledger, archive: Archive) -> None:
    first = delivered(ledger, archive, "same")
    execute(ledger.dsn, "UPDATE ledger.archive_object SET purge_marked_at = now()")
    second = ledger.move(ledger.plan(**intent()).id, "CHECKED")
    columns = {**rendered_columns(second), "sha256": first.sha256}
    with pytest.raises(LedgerUnavailableError, match="is being purged"):
        ledger.move(second.id, "RENDERED", **columns)
    purge(ledger.dsn, archive, today=OLD, retention=KEPT, dry_run=False)
    stored(archive, "same")
    assert ledger.move(second.id, "RENDERED", **columns).sha256 == first.sha256
    assert archive.verify(first.sha256 or "")
    assert scalar(ledger.dsn, "SELECT purge_marked_at FROM ledger.archive_object") is None


def test_a_window_taken_up_again_after_its_purge_can_be_purged_again(ledger: Ledger, archive: Archive) -> None:
    file = bring(ledger, ledger.plan(**intent()), "RENDERED", **stored(archive, "one"))
    ledger.move(file.id, "CANCELLED", reason="x")
    purge(ledger.dsn, archive, today=date(2030, 1, 1), retention=KEPT, dry_run=False)
    again = ledger.move(file.id, "PLANNED", reason="needed after all")
    assert again.purged_at is None
    bring(ledger, again, "PUBLISHED", **stored(archive, "two"))
    (item,) = purge(ledger.dsn, archive, today=date(2030, 1, 1), retention=KEPT)
    assert item.sha256 == hashlib.sha256(b"two").hexdigest()
    assert verify(ledger.dsn).whole


def test_leftovers_of_killed_renderings_go_too(ledger: Ledger, archive: Archive) -> None:
    delivered(ledger, archive, "old")
    left = Path(archive.root) / ".incoming" / "left.part"
    left.write_bytes(b"half a file")
    import os

    os.utime(left, (0, 0))
    purge(ledger.dsn, archive, today=OLD + timedelta(days=100), retention=KEPT, dry_run=False)
    assert not left.exists()


def previewed(
    ledger: Ledger, archive: Archive, content: str, *, state: str, interface: str = "merkle_sar_daily"
) -> FileRow:
    """A preview that came as far as ``state``."""
    file = ledger.plan(**intent(environment="preview", interface=interface))
    file = bring(ledger, file, "GATED", **stored(archive, content))
    ledger.replace_rejected_rows(file.id, [RejectedRow(1, ("a-required",))])
    return file if state == "GATED" else ledger.move(file.id, state, reason="would be sent")


@pytest.mark.parametrize("state", ["CANCELLED", "GATED", "HELD"])
@pytest.mark.parametrize(("days", "due"), [(0, 0), (7, 0), (8, 1)])
def test_a_preview_is_kept_for_seven_days_whatever_became_of_it(
    ledger: Ledger, archive: Archive, state: str, days: int, due: int
) -> None:
    file = previewed(ledger, archive, "a preview", state=state)
    today = ledger.events()[-1].at.date() + timedelta(days=days)
    items = purge(ledger.dsn, archive, today=today, retention=KEPT, dry_run=False)
    assert [(item.file_id, item.rejected_rows) for item in items] == [(file.id, 1)][:due]
    after = ledger.file(file.id)
    assert (after.state, after.purged_at is not None) == (state, bool(due))
    assert file.sha256 is not None
    if due:
        with pytest.raises(PurgedError, match="retention of 7 days, merkle_sar_daily"):
            archive.open(file.sha256)
        assert ledger.rejected_rows(file.id) == []
    assert verify(ledger.dsn).whole


def test_a_preview_goes_even_where_no_contract_speaks(ledger: Ledger, archive: Archive) -> None:
    file = previewed(ledger, archive, "a preview", state="CANCELLED", interface="gone_feed")
    live = bring(ledger, ledger.plan(**intent(interface="gone_feed")), "PUBLISHED", **stored(archive, "live"))
    items = purge(ledger.dsn, archive, today=date(2099, 1, 1), retention={}, dry_run=False)
    assert [item.file_id for item in items] == [file.id]
    assert archive.verify(live.sha256 or "")


def test_the_age_of_a_preview_is_that_of_its_last_run(ledger: Ledger, archive: Archive) -> None:
    """One row serves every preview of its window: an old row may hold young bytes."""
    file = previewed(ledger, archive, "first", state="CANCELLED")
    execute(ledger.dsn, f"UPDATE ledger.file SET created_at = now() - interval '30 days' WHERE id = {file.id}")
    today = ledger.events()[-1].at.date()
    assert purge(ledger.dsn, archive, today=today + timedelta(days=7), retention=KEPT) == []
    purge(ledger.dsn, archive, today=today + timedelta(days=8), retention=KEPT, dry_run=False)
    again = ledger.move(file.id, "PLANNED", reason="previewed again")
    assert again.purged_at is None
    ledger.move(again.id, "CHECKED")
    ledger.move(again.id, "RENDERED", **{**rendered_columns(again), **stored(archive, "second")})
    (item,) = purge(ledger.dsn, archive, today=today + timedelta(days=8), retention=KEPT)
    assert (item.file_id, item.settled_on) == (file.id, today)


@pytest.mark.parametrize("rendered", [False, True])
def test_a_withheld_file_grows_old_and_keeps_no_bytes(ledger: Ledger, archive: Archive, rendered: bool) -> None:
    file = ledger.plan(**intent())
    if rendered:
        bring(ledger, file, "GATED", **stored(archive, "data"))
    ledger.replace_rejected_rows(file.id, [RejectedRow(1, ("a-required",))])
    ledger.move(file.id, "WITHHELD", reason="no service contract")
    today = ledger.events()[-1].at.date()
    assert purge(ledger.dsn, archive, today=today + timedelta(days=62), retention=KEPT) == []
    items = purge(ledger.dsn, archive, today=today + timedelta(days=63), retention=KEPT, dry_run=False)
    assert [item.state for item in items] == ["WITHHELD"]
    assert ledger.rejected_rows(file.id) == []
    unnamed = purge_unnamed(ledger.dsn, archive, today=today + timedelta(days=63), dry_run=False, actor="test")
    assert len(unnamed) == rendered, "what was made before it was withheld is in nobody's name"
    # Whenever the signature comes, the window is taken up.
    again = ledger.move(file.id, "PLANNED", reason="signed")
    assert again.purged_at is None
    bring(ledger, again, "PUBLISHED", **stored(archive, "new data"))
    assert verify(ledger.dsn).whole


def test_what_partners_left_for_us_is_named_by_its_arrival(ledger: Ledger, archive: Archive) -> None:
    landed = stored(archive, "what came")
    (row,) = look(ledger, a_feed(ledger), entry(size=landed["bytes"]))
    ledger.land(row.id, sha256=landed["sha256"], size=landed["bytes"])
    today = ledger.events()[-1].at.date() + timedelta(days=400)
    assert purge_unnamed(ledger.dsn, archive, today=today, dry_run=False) == []
    with archive.open(landed["sha256"]) as source:
        assert source.read() == b"what came"
