"""The protocol when nothing fails, and what is found on the server when something did before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from include.archive import Archive
from include.ledger import LeaseHeldError, LeaseLostError, Ledger
from include.publish import STEPS, NotPublishable, Outcome, PublishSettings, publish_file, publish_files
from include.sftp import (
    Endpoint,
    HostKeyChanged,
    NamesChanged,
    PermissionRefused,
    RemoteFailure,
    RemoteNoSpace,
    RemoteProfile,
    Session,
    TransferError,
)
from local.partners import Behaviour, PartnerEndpoint, start_partner
from tests.faults.invariants import assert_invariants
from tests.faults.proxy import FaultProxy, Plan
from tests.faults.waiting_files import Waiting

MakeWaiting = Callable[..., Waiting]
Publish = Callable[..., list[Outcome]]
Holds = Callable[..., None]
SAR = "inbound/sar"


class Crash(BaseException):
    """What a test raises at a step: unlike kill -9 it runs ``finally``, and unlike an error nobody handles it."""


@pytest.fixture
def publish(ledger: Ledger, archive: Archive, merkle: PartnerEndpoint, folder: str) -> Publish:
    def go(
        *files: Waiting, endpoint: Endpoint | None = None, remote_dir: str = folder, **options: object
    ) -> list[Outcome]:
        return publish_files(
            endpoint or merkle.endpoint(),
            ledger,
            archive,
            [file.id for file in files],
            remote_dir=remote_dir,
            **options,  # type: ignore[arg-type]
        )

    return go


@pytest.fixture
def holds(ledger: Ledger, ledger_dsn: str, merkle: PartnerEndpoint, folder: str) -> Holds:
    """Asserts every invariant for the files given."""

    def check(*files: Waiting, home: Path | None = None) -> None:
        assert_invariants(ledger, ledger_dsn, home or merkle.home / folder, files)

    return check


def crash_at(step: str, then: Callable[[], object] = lambda: None) -> Callable[[int, str], None]:
    def on_step(file_id: int, reached: str) -> None:
        if reached == step:
            then()
            raise Crash(step)

    return on_step


def do_at(step: str, what: Callable[[], object]) -> Callable[[int, str], None]:
    def on_step(file_id: int, reached: str) -> None:
        if reached == step:
            what()

    return on_step


def remove_all(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


@contextmanager
def sizes_seen(final: Path) -> Iterator[set[int]]:
    """Polls ``final`` as an eager partner does; collects the size of every state in which it was ever seen."""
    seen: set[int] = set()
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            if final.exists():
                seen.add(final.stat().st_size)
            time.sleep(0.0005)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_a_file_arrives_whole_under_its_name_and_in_the_ledger(
    publish: Publish, holds: Holds, waiting: MakeWaiting, ledger: Ledger, merkle: PartnerEndpoint, folder: str
) -> None:
    file = waiting(3_000_000)
    steps: list[str] = []
    (outcome,) = publish(file, on_step=lambda file_id, step: steps.append(step))
    assert (outcome.action, outcome.state, outcome.sent_bytes) == ("published", "PUBLISHED", 3_000_000)
    assert (merkle.home / folder / file.name).read_bytes() == file.content
    assert [path.name for path in (merkle.home / folder).iterdir()] == [file.name]
    row = ledger.file(file.id)
    assert (row.state, row.remote_path) == ("PUBLISHED", f"{folder}/{file.name}")
    assert row.published_at is not None
    assert sorted(steps) == sorted(f"{when}_{step}" for step in STEPS for when in ("before", "after"))
    assert row.lease_holder is None, "the lease is given back"
    holds(file)


def test_all_files_of_a_run_share_one_connection(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint
) -> None:
    files = [waiting(size) for size in (0, 1, 70_000, 70_000)]
    with FaultProxy((merkle.host, merkle.port)) as proxy:
        outcomes = publish(*files, endpoint=merkle.endpoint(port=proxy.port))
        assert proxy.connections == 1
    assert [outcome.action for outcome in outcomes] == ["published"] * 4
    holds(*files)


def test_the_final_name_is_never_seen_with_a_part_of_the_file(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str
) -> None:
    file = waiting(600_000)
    with (
        FaultProxy((merkle.host, merkle.port), Plan("drip", after=5_000, drip_rate=600_000)) as proxy,
        sizes_seen(merkle.home / folder / file.name) as seen,
    ):
        publish(file, endpoint=merkle.endpoint(port=proxy.port))
        time.sleep(0.05)
    assert seen == {600_000}
    holds(file)


def test_the_watcher_of_that_test_would_see_a_partial_file(tmp_path: Path) -> None:
    with sizes_seen(tmp_path / "x") as seen, (tmp_path / "x").open("wb") as naive:
        for _ in range(20):
            naive.write(b"x" * 10_000)
            naive.flush()
            time.sleep(0.005)
    assert len(seen) > 1


def test_a_second_run_over_a_published_file_does_nothing(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str
) -> None:
    file = waiting()
    publish(file)
    before = (merkle.home / folder / file.name).stat()
    (outcome,) = publish(file)
    assert outcome.action == "already_settled"
    assert (merkle.home / folder / file.name).stat() == before
    holds(file)


# --- the final name is taken


def test_our_own_bytes_under_the_final_name_count_as_published(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str
) -> None:
    file = waiting()
    (merkle.home / folder / file.name).write_bytes(file.content)
    (outcome,) = publish(file)
    assert (outcome.action, outcome.state, outcome.sent_bytes) == ("found_published", "PUBLISHED", 0)
    holds(file)


@pytest.mark.parametrize("size", [70_000, 12], ids=["same size", "another size"])
def test_other_content_under_the_final_name_is_held_and_never_touched(
    publish: Publish,
    holds: Holds,
    waiting: MakeWaiting,
    merkle: PartnerEndpoint,
    folder: str,
    ledger: Ledger,
    size: int,
) -> None:
    file = waiting()
    (merkle.home / folder / file.name).write_bytes(b"x" * size)
    (outcome,) = publish(file)
    assert outcome.action == "held"
    assert "is taken on the server" in str(ledger.file(file.id).reason)
    assert (merkle.home / folder / file.name).read_bytes() == b"x" * size
    assert [path.name for path in (merkle.home / folder).iterdir()] == [file.name]
    holds(file)


def test_a_name_taken_during_the_upload_is_not_overwritten(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str
) -> None:
    file = waiting()
    final = merkle.home / folder / file.name
    (outcome,) = publish(file, on_step=do_at("before_rename", lambda: final.write_bytes(b"theirs")))
    assert outcome.action == "held"
    assert final.read_bytes() == b"theirs"
    holds(file)


def test_where_reading_counts_as_collecting_equal_size_is_not_taken_for_equality(
    publish: Publish, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str
) -> None:
    file = waiting()
    (merkle.home / folder / file.name).write_bytes(file.content)
    (outcome,) = publish(file, endpoint=merkle.endpoint(remote_profile=RemoteProfile(readable=False)))
    assert outcome.action == "held"


# --- servers that differ


def published_at_a_server_that(
    root: Path, publish: Publish, file: Waiting, behaviour: Behaviour, profile: RemoteProfile
) -> tuple[Outcome, Path]:
    with start_partner(root, ["merkle"], behaviour) as running:
        partner = running["merkle"]
        (outcome,) = publish(file, endpoint=partner.endpoint(remote_profile=profile), remote_dir=SAR)
    return outcome, partner.home


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(posix_rename=False, fsync=False),
        Behaviour(stat_refused=True),
        Behaviour(posix_rename=False, fsync=False, stat_refused=True, takes_files=True),
        Behaviour(takes_files=True),
    ],
    ids=["no extensions", "no stat", "no extensions, no stat, takes files", "takes files"],
)
@pytest.mark.parametrize("readback", [False, True], ids=["", "readback"])
def test_servers_with_other_manners_get_the_file_too(
    publish: Publish, holds: Holds, waiting: MakeWaiting, tmp_path: Path, behaviour: Behaviour, readback: bool
) -> None:
    file = waiting()
    outcome, home = published_at_a_server_that(tmp_path, publish, file, behaviour, RemoteProfile(readback=readback))
    assert (outcome.action, outcome.state) == ("published", "PUBLISHED")
    where = home / "collected" if behaviour.takes_files else home / SAR
    assert (where / file.name).read_bytes() == file.content
    holds(file, home=home)


def test_a_server_that_does_not_rename_holds_the_file_with_the_reason(
    publish: Publish, holds: Holds, waiting: MakeWaiting, tmp_path: Path, ledger: Ledger
) -> None:
    file = waiting()
    outcome, home = published_at_a_server_that(tmp_path, publish, file, Behaviour(rename_refused=True), RemoteProfile())
    assert outcome.action == "held"
    assert "does not rename" in str(ledger.file(file.id).reason)
    (temporary,) = (home / SAR).iterdir()
    assert temporary.name.endswith(".part")
    assert temporary.read_bytes() == file.content
    holds(file, home=home)
    # The partner allows renaming, a person releases the file: it goes, and the old temporary file is cleared away.
    ledger.move(file.id, "GATED", reason="the partner allows renaming now")
    outcome, home = published_at_a_server_that(tmp_path, publish, file, Behaviour(), RemoteProfile())
    assert outcome.action == "published"
    assert [path.name for path in (home / SAR).iterdir()] == [file.name]
    holds(file, home=home)


def test_a_server_that_discards_what_it_gets_is_given_up_after_three_uploads(
    publish: Publish, holds: Holds, waiting: MakeWaiting, tmp_path: Path, ledger: Ledger
) -> None:
    file = waiting()
    behaviour = Behaviour(discards_uploads=True)
    outcome, home = published_at_a_server_that(tmp_path, publish, file, behaviour, RemoteProfile())
    assert (outcome.action, outcome.sent_bytes) == ("held", 3 * 70_000)
    assert "3 uploads in a row" in str(outcome.reason)
    assert list((home / SAR).iterdir()) == []
    holds(file, home=home)


def test_a_flipped_byte_is_found_by_reading_back_and_never_published(
    publish: Publish, holds: Holds, waiting: MakeWaiting, tmp_path: Path
) -> None:
    file = waiting()
    behaviour = Behaviour(flips_byte_at=69_000)
    outcome, home = published_at_a_server_that(tmp_path, publish, file, behaviour, RemoteProfile(readback=True))
    assert outcome.action == "held"
    assert "another SHA-256" in str(outcome.reason)
    assert list((home / SAR).iterdir()) == []
    holds(file, home=home)


def test_a_server_that_changes_names_gets_nothing_until_that_is_agreed(
    publish: Publish, holds: Holds, waiting: MakeWaiting, tmp_path: Path, ledger: Ledger
) -> None:
    file = waiting()
    behaviour = Behaviour(lower_cases_names=True)
    with pytest.raises(NamesChanged, match="another spelling"):
        published_at_a_server_that(tmp_path, publish, file, behaviour, RemoteProfile())
    assert [path for path in (tmp_path / "merkle" / SAR).iterdir() if path.suffix != ".part"] == []
    holds(file, home=tmp_path / "merkle" / SAR)
    agreed = RemoteProfile(keeps_names=False)
    outcome, home = published_at_a_server_that(tmp_path, publish, file, behaviour, agreed)
    assert outcome.action == "published"
    assert [path.name for path in (home / SAR).iterdir()] == [file.name.lower()]


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (Behaviour(disk_full_after=30_000), RemoteNoSpace),
        (Behaviour(quota=30_000), RemoteNoSpace),
        (Behaviour(read_only=True), PermissionRefused),
    ],
    ids=["disk full", "quota", "read only"],
)
def test_a_server_that_cannot_store_fails_the_attempt_and_the_next_one_goes_through(
    publish: Publish,
    holds: Holds,
    waiting: MakeWaiting,
    tmp_path: Path,
    ledger: Ledger,
    behaviour: Behaviour,
    error: type[TransferError],
) -> None:
    file = waiting()
    with pytest.raises(error, match="0 of 1 files"):
        published_at_a_server_that(tmp_path, publish, file, behaviour, RemoteProfile())
    home = tmp_path / "merkle"
    assert list((home / SAR).iterdir()) == [], "the half file is taken back"
    assert ledger.file(file.id).state == "UPLOADING"
    failures = [event.detail["code"] for event in ledger.events(file.id) if event.kind == "ATTEMPT_FAILED"]
    assert failures == [error.code]
    holds(file, home=home)
    outcome, home = published_at_a_server_that(tmp_path, publish, file, Behaviour(), RemoteProfile())
    assert outcome.action == "published"
    holds(file, home=home)


# --- what may not even begin


def test_a_changed_host_key_stops_the_run_before_any_file(
    publish: Publish, holds: Holds, waiting: MakeWaiting, ledger: Ledger, merkle: PartnerEndpoint, folder: str
) -> None:
    files = [waiting(), waiting()]
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode().strip()
    with FaultProxy((merkle.host, merkle.port)) as proxy:
        with pytest.raises(HostKeyChanged, match="0 of 2 files"):
            publish(*files, endpoint=replace(merkle.endpoint(port=proxy.port), host_keys=(other,)))
        assert proxy.connections == 1
    for file in files:
        assert ledger.file(file.id).state == "GATED"
        assert [event.detail["code"] for event in ledger.events(file.id) if event.kind == "ATTEMPT_FAILED"] == [
            "HOST_KEY_CHANGED"
        ]
    assert list((merkle.home / folder).iterdir()) == []
    holds(*files)


@pytest.mark.parametrize("damage", ["missing", "other bytes", "truncated"])
def test_a_damaged_archive_object_is_held_and_not_a_byte_is_sent(
    publish: Publish,
    holds: Holds,
    waiting: MakeWaiting,
    archive_root: Path,
    merkle: PartnerEndpoint,
    folder: str,
    damage: str,
) -> None:
    file = waiting()
    (stored,) = (path for path in archive_root.rglob("*") if path.is_file() and path.read_bytes() == file.content)
    stored.chmod(0o600)
    if damage == "missing":
        stored.unlink()
    else:
        stored.write_bytes(file.content[:-1] + (b"" if damage == "truncated" else bytes([file.content[-1] ^ 1])))
    with FaultProxy((merkle.host, merkle.port)) as proxy:
        (outcome,) = publish(file, endpoint=merkle.endpoint(port=proxy.port))
        assert proxy.forwarded < 20_000, "the handshake and some questions, not 70,000 bytes of content"
    assert outcome.action == "held"
    assert list((merkle.home / folder).iterdir()) == []
    holds(file)


def test_only_a_gated_file_may_go(
    publish: Publish, waiting: MakeWaiting, ledger: Ledger, merkle: PartnerEndpoint
) -> None:
    file = waiting()
    row = ledger.file(file.id)
    planned = ledger.plan(
        interface=row.interface,
        partner=row.partner,
        dealer=f"{row.dealer}0",
        environment="live",
        window_start=row.window_start,
        window_end=row.window_end,
        zone=row.zone,
        business_date=row.business_date,
        contract_version="1.0.0",
        batch_id=None,
    )
    with pytest.raises(NotPublishable, match="only a file that passed the gate"):
        publish(replace(file, id=planned.id))
    ledger.move(file.id, "HELD", reason="a person looks at it")
    (outcome,) = publish(file)
    assert (outcome.action, outcome.state) == ("already_settled", "HELD")


def test_one_file_that_fails_does_not_stop_the_others(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str
) -> None:
    # 226 characters are a legal name; the temporary name made of it is not, on a file system that allows 255.
    long = waiting(suffix="x" * 220 + ".csv")
    files = [waiting(), long, waiting()]
    with pytest.raises(RemoteFailure, match="2 of 3 files were dealt with; 1 stay") as caught:
        publish(*files)
    assert [outcome.action for outcome in caught.value.outcomes] == ["published", "published"]
    assert {path.name for path in (merkle.home / folder).iterdir()} == {files[0].name, files[2].name}
    holds(*files)


# --- what an interrupted attempt leaves


def test_a_lost_temporary_file_is_sent_again_when_no_rename_was_asked_for(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str, ledger: Ledger
) -> None:
    file = waiting()
    with pytest.raises(Crash):
        publish(file, on_step=crash_at("before_fence"))
    assert ledger.file(file.id).state == "UPLOADED"
    (temporary,) = (merkle.home / folder).iterdir()
    temporary.unlink()
    (outcome,) = publish(file)
    assert (outcome.action, outcome.sent_bytes) == ("published", 70_000)
    holds(file)


def test_a_temporary_file_that_vanishes_when_a_rename_was_asked_for_is_unknown_and_not_sent_again(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str, ledger: Ledger
) -> None:
    file = waiting()
    with pytest.raises(Crash):
        publish(file, on_step=crash_at("before_rename"))
    (temporary,) = (merkle.home / folder).iterdir()
    temporary.unlink()
    (outcome,) = publish(file)
    assert (outcome.action, outcome.state, outcome.sent_bytes) == ("unknown", "UNKNOWN", 0)
    assert "ask the partner" in str(ledger.file(file.id).reason)
    (again,) = publish(file)
    assert again.action == "already_settled"
    assert list((merkle.home / folder).iterdir()) == []
    holds(file)


def test_a_temporary_file_taken_in_the_moment_of_the_rename_is_unknown(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str
) -> None:
    file = waiting()
    (outcome,) = publish(file, on_step=do_at("before_rename", lambda: remove_all(merkle.home / folder)))
    assert (outcome.action, outcome.state) == ("unknown", "UNKNOWN")
    holds(file)


@pytest.mark.parametrize("size", [0, 69_999, 70_001])
def test_a_damaged_temporary_file_is_replaced_not_published(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str, size: int
) -> None:
    file = waiting()
    with pytest.raises(Crash):
        publish(file, on_step=crash_at("before_fence"))
    (temporary,) = (merkle.home / folder).iterdir()
    temporary.write_bytes(b"x" * size)
    (outcome,) = publish(file)
    assert outcome.action == "published"
    assert [path.name for path in (merkle.home / folder).iterdir()] == [file.name]
    holds(file)


def test_a_temporary_file_of_an_upload_that_was_cut_off_is_never_used_whatever_its_size(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str
) -> None:
    # Requests in flight are answered in any order: the last block may be there and one in the middle not.
    file = waiting()
    with pytest.raises(Crash):
        publish(file, on_step=crash_at("after_upload"))
    (temporary,) = (merkle.home / folder).iterdir()
    temporary.write_bytes(file.content[:30_000] + b"\0" * 10_000 + file.content[40_000:])
    (outcome,) = publish(file)
    assert (outcome.action, outcome.sent_bytes) == ("published", 70_000)
    holds(file)


def test_a_whole_temporary_file_is_published_without_sending_it_again(
    publish: Publish, holds: Holds, waiting: MakeWaiting
) -> None:
    file = waiting()
    with pytest.raises(Crash):
        publish(file, on_step=crash_at("before_fence"))
    (outcome,) = publish(file)
    assert (outcome.action, outcome.sent_bytes) == ("published", 0)
    holds(file)


def test_a_file_under_both_names_is_published_and_the_temporary_one_removed(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint, folder: str
) -> None:
    # OpenSSH renames by link and unlink; between the two a server can die.
    file = waiting()
    with pytest.raises(Crash):
        publish(file, on_step=crash_at("before_rename"))
    (temporary,) = (merkle.home / folder).iterdir()
    (temporary.parent / file.name).hardlink_to(temporary)
    (outcome,) = publish(file)
    assert outcome.action == "found_published"
    assert [path.name for path in (merkle.home / folder).iterdir()] == [file.name]
    holds(file)


# --- two at once


def test_of_two_publishers_at_once_one_wins(
    holds: Holds, waiting: MakeWaiting, archive: Archive, ledger_dsn: str, merkle: PartnerEndpoint, folder: str
) -> None:
    file = waiting(2_000_000)
    results: list[str] = []
    together = threading.Barrier(4)

    def go(number: int) -> None:
        with Ledger(ledger_dsn, actor=f"test:publisher {number}") as mine, Session(merkle.endpoint()) as session:
            together.wait(20)
            try:
                results.append(publish_file(session, mine, file.id, archive, remote_dir=folder).action)
            except LeaseHeldError:
                results.append("lease held")

    threads = [threading.Thread(target=go, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("published") == 1, results
    assert set(results) <= {"published", "lease held", "already_settled"}
    holds(file)


def test_a_held_lease_is_an_error_after_the_other_files_went(
    publish: Publish, holds: Holds, waiting: MakeWaiting, ledger: Ledger
) -> None:
    taken, free = waiting(), waiting()
    token = ledger.take_lease(taken.id, seconds=60)
    with pytest.raises(LeaseHeldError):
        publish(taken, free)
    assert ledger.file(free.id).state == "PUBLISHED"
    ledger.release_lease(taken.id, token)
    publish(taken)
    holds(taken, free)


@pytest.mark.parametrize("step", ["before_mark_uploaded", "before_fence"])
def test_an_attempt_whose_lease_was_taken_over_moves_nothing(
    publish: Publish,
    holds: Holds,
    waiting: MakeWaiting,
    ledger: Ledger,
    merkle: PartnerEndpoint,
    folder: str,
    step: str,
) -> None:
    file = waiting()
    at_takeover: list[str] = []

    def take_over() -> None:
        row = ledger.file(file.id)
        ledger.release_lease(file.id, int(row.lease_token or 0))
        ledger.take_lease(file.id, seconds=60)
        at_takeover.append(row.state)

    with pytest.raises(LeaseLostError):
        publish(file, on_step=do_at(step, take_over))
    assert [ledger.file(file.id).state] == at_takeover
    assert "RENAME_REQUESTED" not in [event.kind for event in ledger.events(file.id)]
    assert not (merkle.home / folder / file.name).exists()
    holds(file)


@pytest.mark.parametrize(
    ("crash", "found_in"), [("before_fence", "old"), ("after_upload", "new")], ids=["complete", "not complete"]
)
def test_a_complete_upload_is_ended_where_it_began_though_the_directory_has_changed(
    publish: Publish,
    waiting: MakeWaiting,
    merkle: PartnerEndpoint,
    folder: str,
    crash: str,
    found_in: str,
) -> None:
    file = waiting()
    for name in ("old", "new"):
        (merkle.home / folder / name).mkdir()
    with pytest.raises(Crash):
        publish(file, remote_dir=f"{folder}/old", on_step=crash_at(crash))
    (outcome,) = publish(file, remote_dir=f"{folder}/new")
    assert (outcome.action, outcome.remote_path) == ("published", f"{folder}/{found_in}/{file.name}")
    names = [path.relative_to(merkle.home / folder) for path in (merkle.home / folder).rglob("*") if path.is_file()]
    assert names == [Path(found_in) / file.name], "nothing is left in the other directory"


def test_the_lease_is_renewed_during_a_long_upload(
    publish: Publish, holds: Holds, waiting: MakeWaiting, merkle: PartnerEndpoint
) -> None:
    file = waiting(600_000)
    with FaultProxy((merkle.host, merkle.port), Plan("drip", after=5_000, drip_rate=200_000)) as proxy:
        began = time.monotonic()
        (outcome,) = publish(
            file, endpoint=merkle.endpoint(port=proxy.port), settings=PublishSettings(lease_seconds=1.5)
        )
        assert time.monotonic() - began > 2, "the upload outlasts the lease it began with"
    assert outcome.action == "published"
    holds(file)
