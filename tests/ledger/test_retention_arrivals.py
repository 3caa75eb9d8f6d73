"""What partners left for us is let go when its retention has passed, and not a day before it is settled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from include.archive import Archive, PurgedError
from include.feeds import Feed
from include.ledger import ArrivalRow, Ledger, LedgerUnavailableError, TransitionError
from include.ledger.arrival_retention import purge_arrivals
from include.ledger.chain import verify
from include.ledger.cli import main
from include.ledger.retention import purge, purge_unnamed
from tests.ledger.arrival_cases import COUNTS, a_feed, entry, look
from tests.ledger.conftest import bring, execute, intent, scalar
from tests.ledger.test_retention import PowerCut, stored

KEPT = {"proresponse_sales": 62}
FAR = date(2099, 1, 1)


@pytest.fixture
def ledger(fresh_dsn: str) -> Any:
    with Ledger(fresh_dsn, actor="test") as opened:
        yield opened


def arrive(
    ledger: Ledger, archive: Archive, feed: Feed, content: str, name: str = "a_SL.csv", minutes: int = 0
) -> ArrivalRow:
    """See and land one file whose bytes are really in the archive."""
    made = stored(archive, content)
    at = {"name": name, "size": made["bytes"], "minutes": minutes}
    (row,) = [row for row in look(ledger, feed, entry(**at), after=minutes) if row.state == "SEEN"]
    return ledger.land(row.id, sha256=made["sha256"], size=made["bytes"])


def take(ledger: Ledger, row: ArrivalRow, to: str) -> ArrivalRow:
    """Bring what has landed to ``to`` by the way that leads there."""
    if to == "HELD":
        return ledger.move_arrival(row.id, "HELD", reason="too many rejected rows")
    if to == "REJECTED":
        return ledger.move_arrival(row.id, "REJECTED", reason="no header", reject_code="HEADER_MISSING")
    ways: dict[str, tuple[str, ...]] = {
        "LANDED": (),
        "CHECKED": ("CHECKED",),
        "APPLIED": ("CHECKED", "APPLIED"),
        "REMOVED": ("CHECKED", "APPLIED", "REMOVED"),
        "KEPT": ("CHECKED", "APPLIED", "KEPT"),
    }
    for state in ways[to]:
        why = "the feed leaves its files" if state == "KEPT" else None
        row = ledger.move_arrival(row.id, state, reason=why, **(COUNTS if state == "CHECKED" else {}))
    return row


def settled_on(row: ArrivalRow) -> date:
    assert row.settled_at is not None
    return row.settled_at.date()


def is_there(archive: Archive, row: ArrivalRow) -> bool:
    assert row.sha256 is not None
    return archive.exists(row.sha256)


def test_a_dry_run_shows_and_changes_nothing(ledger: Ledger, archive: Archive) -> None:
    row = take(ledger, arrive(ledger, archive, a_feed(ledger), "what came"), "REMOVED")
    events = len(ledger.events())
    (item,) = purge_arrivals(ledger.dsn, archive, today=settled_on(row) + timedelta(days=63), retention=KEPT)
    assert (item.arrival_id, item.sha256, item.bytes, item.state) == (row.id, row.sha256, 9, "REMOVED")
    assert (item.settled_on, item.marked) == (settled_on(row), False)
    assert ledger.arrival(row.id) == row
    assert len(ledger.events()) == events
    assert is_there(archive, row)


@pytest.mark.parametrize(("days", "due"), [(61, 0), (62, 0), (63, 1)])
@pytest.mark.parametrize("state", ["REMOVED", "KEPT", "REJECTED"])
def test_what_is_settled_is_kept_for_the_days_of_its_contract(
    ledger: Ledger, archive: Archive, state: str, days: int, due: int
) -> None:
    row = take(ledger, arrive(ledger, archive, a_feed(ledger), "what came"), state)
    today = settled_on(row) + timedelta(days=days)
    gone = purge_arrivals(ledger.dsn, archive, today=today, retention=KEPT, dry_run=False)
    assert len(gone) == due
    assert is_there(archive, row) is not bool(due)
    after = ledger.arrival(row.id)
    assert (after.state, after.sha256, after.purged_at is not None) == (state, row.sha256, bool(due))
    assert verify(ledger.dsn).whole
    if due:
        with pytest.raises(PurgedError, match="retention of 62 days, proresponse_sales"):
            archive.open(row.sha256 or "")
        last = ledger.arrival_events(row.id)[-1]
        assert (last.kind, last.actor, last.reason) == ("PURGED", "retention", "retention of 62 days")
        assert last.detail["object_removed"]
        assert purge_arrivals(ledger.dsn, archive, today=today, retention=KEPT) == []


@pytest.mark.parametrize("state", ["LANDED", "CHECKED", "APPLIED", "HELD"])
def test_what_is_open_never_grows_old(ledger: Ledger, archive: Archive, state: str) -> None:
    row = take(ledger, arrive(ledger, archive, a_feed(ledger), "what came"), state)
    assert purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False) == []
    assert purge_unnamed(ledger.dsn, archive, today=FAR, dry_run=False) == []
    assert is_there(archive, row)


def test_an_interface_without_a_retention_keeps_everything(ledger: Ledger, archive: Archive) -> None:
    take(ledger, arrive(ledger, archive, a_feed(ledger), "what came"), "KEPT")
    assert purge_arrivals(ledger.dsn, archive, today=FAR, retention={"other": 1}) == []


def test_a_copy_that_waits_keeps_the_bytes_of_both(ledger: Ledger, archive: Archive) -> None:
    feed = a_feed(ledger)
    first = take(ledger, arrive(ledger, archive, feed, "same"), "KEPT")
    copy = arrive(ledger, archive, feed, "same", "b_SL.csv", 5)
    assert copy.state == "DUPLICATE"
    assert purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False) == []
    assert is_there(archive, first)
    assert scalar(ledger.dsn, "SELECT purge_marked_at FROM ledger.archive_object") is None
    ledger.move_arrival(copy.id, "REMOVED")
    gone = purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False)
    assert [item.arrival_id for item in gone] == [first.id, copy.id]
    assert not is_there(archive, first)
    assert all(ledger.arrival(row.id).purged_at for row in (first, copy))
    assert verify(ledger.dsn).whole


def test_a_content_that_comes_again_after_its_purge_is_still_known(ledger: Ledger, archive: Archive) -> None:
    feed = a_feed(ledger)
    first = take(ledger, arrive(ledger, archive, feed, "same"), "REMOVED")
    purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False)
    again = arrive(ledger, archive, feed, "same", minutes=9)
    assert (again.state, again.duplicate_of) == ("DUPLICATE", first.id)
    assert is_there(archive, again)
    ledger.move_arrival(again.id, "REMOVED")
    (item,) = purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False)
    assert item.arrival_id == again.id
    assert not is_there(archive, again)
    assert verify(ledger.dsn).whole


def test_bytes_that_a_file_of_ours_has_as_well_stay_for_it(ledger: Ledger, archive: Archive) -> None:
    """Of which an empty file is the likely one."""
    row = take(ledger, arrive(ledger, archive, a_feed(ledger), "same"), "REJECTED")
    file = bring(ledger, ledger.plan(**intent()), "RENDERED", **stored(archive, "same"))
    (item,) = purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False)
    assert item.arrival_id == row.id
    assert ledger.arrival(row.id).purged_at is not None
    assert not ledger.arrival_events(row.id)[-1].detail["object_removed"]
    assert is_there(archive, row)
    ledger.move(file.id, "CANCELLED", reason="x")
    again = take(ledger, arrive(ledger, archive, a_feed(ledger), "same"), "HELD")
    outbound = {"merkle_sar_daily": 62}
    assert purge(ledger.dsn, archive, today=FAR, retention=outbound, dry_run=False) == [], "the held arrival has them"
    ledger.reject_arrival(again.id, reason="not ours")
    purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False)
    assert is_there(archive, row)
    assert len(purge(ledger.dsn, archive, today=FAR, retention=outbound, dry_run=False)) == 1
    assert not is_there(archive, row)
    assert verify(ledger.dsn).whole


def test_bytes_that_only_a_purged_arrival_names_are_nobodys(ledger: Ledger, archive: Archive) -> None:
    row = take(ledger, arrive(ledger, archive, a_feed(ledger), "same"), "REJECTED")
    file = bring(ledger, ledger.plan(**intent()), "RENDERED", **stored(archive, "same"))
    purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False)
    ledger.move(file.id, "CANCELLED", reason="x")
    bring(ledger, ledger.move(file.id, "PLANNED", reason="anew"), "RENDERED", **stored(archive, "other"))
    assert [item.sha256 for item in purge_unnamed(ledger.dsn, archive, today=FAR, dry_run=False)] == [row.sha256]
    assert not is_there(archive, row)


def test_what_is_purged_cannot_be_reopened(ledger: Ledger, archive: Archive) -> None:
    row = take(ledger, arrive(ledger, archive, a_feed(ledger), "what came"), "REJECTED")
    purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False)
    with pytest.raises(TransitionError, match=r"its bytes are gone since .* Next: ask the partner to send the file"):
        ledger.reopen_arrival(row.id, reason="the contract is mended")
    assert ledger.arrival(row.id).state == "REJECTED"


def test_what_was_reopened_in_time_is_kept(ledger: Ledger, archive: Archive) -> None:
    row = take(ledger, arrive(ledger, archive, a_feed(ledger), "what came"), "REJECTED")
    assert ledger.reopen_arrival(row.id, reason="the contract is mended").state == "LANDED"
    assert purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False) == []
    assert is_there(archive, row)


def cut_at(monkeypatch: pytest.MonkeyPatch, moment: str) -> Callable[[], None]:
    """Cut the power at the second removal; returns what mends it."""
    really = Archive.remove
    removed: list[str] = []

    def cut(self: Archive, sha256: str, **why: Any) -> None:
        if len(removed) == 1:
            if moment == "after the object is gone":
                really(self, sha256, **why)
            raise PowerCut
        removed.append(sha256)
        really(self, sha256, **why)

    monkeypatch.setattr(Archive, "remove", cut)
    return monkeypatch.undo


@pytest.mark.parametrize("moment", ["before the object goes", "after the object is gone"])
def test_a_purge_that_was_cut_is_finished_by_the_next(
    ledger: Ledger, archive: Archive, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    feed = a_feed(ledger)
    rows = [take(ledger, arrive(ledger, archive, feed, f"content {n}", f"{n}_SL.csv", n), "REJECTED") for n in range(3)]
    mend = cut_at(monkeypatch, moment)
    with pytest.raises(PowerCut):
        purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False)
    mend()
    assert verify(ledger.dsn).whole
    (marked,) = purge_arrivals(ledger.dsn, archive, today=date(2020, 1, 1), retention={})
    assert (marked.arrival_id, marked.marked) == (rows[1].id, True)
    # Whatever is gone by now, nobody may rely on it.
    with pytest.raises(TransitionError, match="its bytes are going just now"):
        ledger.reopen_arrival(rows[1].id, reason="x")
    with pytest.raises(LedgerUnavailableError, match="is being purged"):
        arrive(ledger, archive, a_feed(ledger), "content 1")
    purge_unnamed(ledger.dsn, archive, today=FAR, dry_run=False)
    stored(archive, "content 1")
    purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False)
    assert [is_there(archive, row) for row in rows] == [False] * 3
    assert all(ledger.arrival(row.id).purged_at for row in rows)
    kinds = [event.kind for row in rows for event in ledger.arrival_events(row.id)]
    assert kinds.count("PURGED") == 3
    assert scalar(ledger.dsn, "SELECT count(*) FROM ledger.archive_object WHERE purged_at IS NULL") == 0
    assert verify(ledger.dsn).whole


def test_the_same_bytes_that_land_between_looking_and_marking_are_kept(
    ledger: Ledger, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.ledger import arrival_retention

    row = take(ledger, arrive(ledger, archive, a_feed(ledger), "same"), "REMOVED")
    really = arrival_retention._mark
    landed: list[ArrivalRow] = []

    def mark(cursor: Any, actor: str, asked: Any) -> Any:
        if not landed:
            landed.append(arrive(ledger, archive, a_feed(ledger), "same"))
        return really(cursor, actor, asked)

    monkeypatch.setattr(arrival_retention, "_mark", mark)
    assert purge_arrivals(ledger.dsn, archive, today=FAR, retention=KEPT, dry_run=False) == []
    assert is_there(archive, row)
    assert ledger.arrival(row.id).purged_at is None
    assert scalar(ledger.dsn, "SELECT purge_marked_at FROM ledger.archive_object") is None


def test_the_database_refuses_a_purged_arrival_that_is_open(ledger: Ledger, archive: Archive) -> None:
    arrive(ledger, archive, a_feed(ledger), "what came")
    with pytest.raises(Exception, match="arrival_purged_is_settled"):
        execute(ledger.dsn, "UPDATE ledger.arrival SET purged_at = now()")


def test_the_command_shows_and_removes_them(
    ledger: Ledger, archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEDGER_DSN", ledger.dsn)
    monkeypatch.setenv("ARCHIVE_URL", f"file://{archive.root}")
    row = take(ledger, arrive(ledger, archive, a_feed(ledger), "what came", "[red]_SL.csv"), "REMOVED")
    assert main(["purge", "--today", f"{FAR}"]) == 0
    said = capsys.readouterr().out
    assert "Would remove 9 bytes of 1 arrivals" in said
    assert "[red]_SL.csv" in said
    assert is_there(archive, row)
    assert main(["purge", "--today", f"{FAR}", "--apply"]) == 0
    assert "Removed 9 bytes of 1 arrivals" in capsys.readouterr().out
    assert not is_there(archive, row)
