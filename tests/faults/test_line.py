"""The line and the ledger fail under a publisher: dropped, stalled, a lost reply, a lost commit."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.archive import Archive
from include.ledger import Ledger, LedgerUnavailableError
from include.publish import Outcome, publish_files
from include.sftp import ConnectionDropped, Stalled, TransferLimits, TransientTransferError
from local.partners import PartnerEndpoint
from tests.faults.invariants import assert_invariants
from tests.faults.proxy import FaultProxy, Plan
from tests.faults.waiting_files import Waiting

SHORT = TransferLimits(connect_seconds=5, operation_seconds=2, stall_seconds=2)
SIZE = 1_500_000
Publish = Callable[..., list[Outcome]]
Holds = Callable[..., None]


@pytest.fixture
def publish(ledger: Ledger, archive: Archive, merkle: PartnerEndpoint, folder: str) -> Publish:
    def go(*files: Waiting, port: int | None = None, **options: object) -> list[Outcome]:
        return publish_files(
            merkle.endpoint(port=port),
            ledger,
            archive,
            [file.id for file in files],
            remote_dir=folder,
            limits=SHORT,
            **options,  # type: ignore[arg-type]
        )

    return go


@pytest.fixture
def holds(ledger: Ledger, ledger_dsn: str, merkle: PartnerEndpoint, folder: str) -> Holds:
    def check(*files: Waiting) -> None:
        assert_invariants(ledger, ledger_dsn, merkle.home / folder, files)

    return check


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(after=st.integers(0, SIZE + 10_000), reset=st.booleans())
def test_a_connection_cut_after_any_byte_ends_in_one_whole_file(
    publish: Publish, holds: Holds, waiting: Callable[..., Waiting], merkle: PartnerEndpoint, after: int, reset: bool
) -> None:
    file = waiting(SIZE)
    plan = Plan("rst" if reset else "fin", after=after)
    # Cut after the last byte that matters, it succeeds; any other error than these fails the test.
    with FaultProxy((merkle.host, merkle.port), plan) as proxy, suppress(TransientTransferError):
        publish(file, port=proxy.port)
    holds(file)
    publish(file)
    holds(file)


def test_a_stalled_line_ends_in_time_and_the_error_says_how_many_went(
    publish: Publish, holds: Holds, waiting: Callable[..., Waiting], ledger: Ledger, merkle: PartnerEndpoint
) -> None:
    files = [waiting(100_000), waiting(SIZE), waiting(100_000)]
    with FaultProxy((merkle.host, merkle.port), Plan("silence", after=600_000)) as proxy:
        began = time.monotonic()
        with pytest.raises(Stalled, match="1 of 3 files were dealt with; 2 stay") as caught:
            publish(*files, port=proxy.port)
        assert time.monotonic() - began < 6
    assert [outcome.file_id for outcome in caught.value.outcomes] == [files[0].id]
    assert [ledger.file(file.id).state for file in files] == ["PUBLISHED", "UPLOADING", "GATED"]
    holds(*files)
    publish(*files)
    assert [ledger.file(file.id).state for file in files] == ["PUBLISHED"] * 3
    holds(*files)


def test_a_rename_whose_reply_is_lost_is_found_not_repeated(
    publish: Publish,
    holds: Holds,
    waiting: Callable[..., Waiting],
    ledger: Ledger,
    merkle: PartnerEndpoint,
    folder: str,
) -> None:
    file = waiting()
    with FaultProxy((merkle.host, merkle.port)) as proxy:

        def lose_the_reply(file_id: int, step: str) -> None:
            if step == "before_rename":
                proxy.mute_replies.set()

        with pytest.raises(Stalled, match="no answer to rename"):
            publish(file, port=proxy.port, on_step=lose_the_reply)
    assert ledger.file(file.id).state == "UPLOADED"
    assert (merkle.home / folder / file.name).read_bytes() == file.content
    (outcome,) = publish(file)
    assert (outcome.action, outcome.sent_bytes) == ("found_published", 0)
    holds(file)


def test_a_rename_whose_reply_is_lost_and_whose_file_is_taken_is_not_sent_again(
    publish: Publish, holds: Holds, waiting: Callable[..., Waiting], merkle: PartnerEndpoint, folder: str
) -> None:
    file = waiting()
    with FaultProxy((merkle.host, merkle.port)) as proxy:

        def lose_the_reply(file_id: int, step: str) -> None:
            if step == "before_rename":
                proxy.mute_replies.set()

        with pytest.raises(Stalled):
            publish(file, port=proxy.port, on_step=lose_the_reply)
    (merkle.home / folder / file.name).unlink()
    (outcome,) = publish(file)
    assert outcome.state == "UNKNOWN"
    holds(file)


def test_a_line_that_drops_before_the_rename_leaves_the_whole_file_for_the_next_attempt(
    publish: Publish, holds: Holds, waiting: Callable[..., Waiting], merkle: PartnerEndpoint
) -> None:
    file = waiting()
    with FaultProxy((merkle.host, merkle.port)) as proxy, pytest.raises(ConnectionDropped):
        publish(file, port=proxy.port, on_step=lambda file_id, step: proxy.cut() if step == "before_rename" else None)
    (outcome,) = publish(file)
    assert (outcome.action, outcome.sent_bytes) == ("published", 0)
    holds(file)


def cut_ledger_connections(dsn: str) -> None:
    """What a failover does: every backend of this database but ours ends."""
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connection.close()


def test_a_ledger_that_goes_away_right_after_the_rename_is_told_all_the_same(
    publish: Publish, holds: Holds, waiting: Callable[..., Waiting], ledger_dsn: str
) -> None:
    file = waiting()

    def cut(file_id: int, step: str) -> None:
        if step == "after_rename":
            cut_ledger_connections(ledger_dsn)

    (outcome,) = publish(file, on_step=cut)
    assert (outcome.action, outcome.state) == ("published", "PUBLISHED")
    holds(file)


@pytest.mark.parametrize("point", ["before_mark_uploading", "before_verify", "before_mark_uploaded", "before_fence"])
def test_a_ledger_that_goes_away_before_the_rename_stops_the_attempt_there(
    publish: Publish,
    holds: Holds,
    waiting: Callable[..., Waiting],
    ledger_dsn: str,
    merkle: PartnerEndpoint,
    folder: str,
    point: str,
) -> None:
    file = waiting()

    def cut(file_id: int, step: str) -> None:
        if step == point:
            cut_ledger_connections(ledger_dsn)

    with pytest.raises(LedgerUnavailableError):
        publish(file, on_step=cut)
    assert not (merkle.home / folder / file.name).exists()
    holds(file)
    (outcome,) = publish(file)
    assert outcome.state == "PUBLISHED"
    holds(file)


def test_a_ledger_commit_whose_answer_is_lost_is_not_repeated(
    publish: Publish, holds: Holds, waiting: Callable[..., Waiting], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit happened and the client heard only that the connection broke (an ambiguous commit)."""
    file = waiting()
    move = ledger.move

    def move_and_lose_the_answer(file_id: int, to: str, **options: object) -> object:
        moved = move(file_id, to, **options)  # type: ignore[arg-type]
        if to == "PUBLISHED":
            monkeypatch.undo()
            raise LedgerUnavailableError("the connection broke after the commit was sent")
        return moved

    monkeypatch.setattr(ledger, "move", move_and_lose_the_answer)
    (outcome,) = publish(file)
    assert outcome.state == "PUBLISHED"
    holds(file)


def test_paths_of_the_partner_never_hold_a_part_under_the_final_name_after_a_cut(
    publish: Publish, holds: Holds, waiting: Callable[..., Waiting], merkle: PartnerEndpoint, folder: str
) -> None:
    file = waiting(SIZE)
    with FaultProxy((merkle.host, merkle.port), Plan("rst", after=800_000)) as proxy, pytest.raises(ConnectionDropped):
        publish(file, port=proxy.port)
    names = [path.name for path in (merkle.home / folder).iterdir()]
    assert len(names) == 1
    assert names[0].startswith(f".{file.name}.")
    assert Path(names[0]).suffix == ".part"
    holds(file)
