"""What goes beside a file: there before it, whole, once, in order, and found again after whatever happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from include.archive import Archive
from include.ledger import LeaseLostError, Ledger, LedgerUnavailableError
from include.publish import COMPANION_STEPS, STEPS, Outcome, PublishSettings, publish_files
from include.sftp import ConnectionDropped, Endpoint, RemoteFailure, RemoteNoSpace, RemoteProfile
from local.partners import Behaviour, PartnerEndpoint, start_partner
from tests.faults.invariants import assert_invariants
from tests.faults.proxy import FaultProxy
from tests.faults.waiting_files import Waiting
from tests.publish.test_publish import SAR, Crash, Holds, MakeWaiting, Publish, crash_at, do_at, remove_all

SIZES = (9_000, 400)


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
def home(merkle: PartnerEndpoint, folder: str) -> Path:
    return merkle.home / folder


@pytest.fixture
def holds(ledger: Ledger, ledger_dsn: str, home: Path) -> Holds:
    def check(*files: Waiting) -> None:
        assert_invariants(ledger, ledger_dsn, home, files)

    return check


def on_the_server(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.iterdir()}


def whole(file: Waiting) -> dict[str, bytes]:
    return {**file.beside, file.name: file.content}


def test_companions_arrive_before_their_file_and_in_their_order(
    publish: Publish, holds: Holds, waiting: MakeWaiting, ledger: Ledger, home: Path
) -> None:
    file = waiting(companions=SIZES)
    heard: list[str] = []
    seen: list[int] = []

    def on_step(file_id: int, step: str) -> None:
        heard.append(step)
        if step in ("after_companion_rename", "before_rename", "after_rename"):
            seen.append(len([name for name in on_the_server(home) if not name.startswith(".")]))

    (outcome,) = publish(file, on_step=on_step)
    assert (outcome.action, outcome.companions, outcome.sent_bytes) == ("published", 2, 79_400)
    assert "2 companions before it" in str(outcome)
    one = [f"{when}_{step}" for step in COMPANION_STEPS for when in ("before", "after")]
    first, rest = STEPS[: STEPS.index("mark_uploading")], STEPS[STEPS.index("mark_uploading") :]
    of_the_file = [[f"{when}_{step}" for step in steps for when in ("before", "after")] for steps in (first, rest)]
    assert heard == [*of_the_file[0], *one, *one, *of_the_file[1]]
    assert seen == [1, 2, 2, 3], "the file is the last of them"
    assert on_the_server(home) == whole(file)
    rows = ledger.companions(file.id)
    row = ledger.file(file.id)
    assert [row.remote_path for row in rows] == [f"inbound/{home.name}/{name}" for name in file.beside]
    assert row.published_at is not None
    assert all(each.published_at is not None and each.published_at < row.published_at for each in rows)
    kinds = [event.kind for event in ledger.events(file.id)]
    assert kinds[kinds.index("ATTEMPT_STARTED") :] == [
        "ATTEMPT_STARTED", "UPLOADING",
        "COMPANION_UPLOADING", "RENAME_REQUESTED", "COMPANION_PUBLISHED",
        "COMPANION_UPLOADING", "RENAME_REQUESTED", "COMPANION_PUBLISHED",
        "UPLOADING", "UPLOADED", "RENAME_REQUESTED", "PUBLISHED",
    ]  # fmt: skip
    holds(file)


@contextmanager
def eager_partner(home: Path, file: Waiting) -> Iterator[list[set[str]]]:
    """Looks all the time; each time it sees the file it notes which companions it sees, or has seen, whole."""
    moments: list[set[str]] = []
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            if (home / file.name).exists():
                moments.append({name for name, content in file.beside.items() if (home / name).read_bytes() == content})
            time.sleep(0.0005)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield moments
    finally:
        done.set()
        thread.join()


def test_whoever_sees_the_file_sees_the_whole_set(publish: Publish, waiting: MakeWaiting, home: Path) -> None:
    file = waiting(companions=(2_000_000, 400))
    with eager_partner(home, file) as moments:
        publish(file, on_step=do_at("after_rename", lambda: time.sleep(0.05)))
    assert moments
    assert moments[0] == set(file.beside)


def test_a_second_run_does_nothing(publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path) -> None:
    file = waiting(companions=SIZES)
    publish(file)
    before = {path: path.stat() for path in home.iterdir()}
    (outcome,) = publish(file)
    assert (outcome.action, outcome.companions) == ("already_settled", 0)
    assert {path: path.stat() for path in home.iterdir()} == before
    holds(file)


# --- the name is taken


def test_our_own_bytes_under_a_companions_name_are_done(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path, ledger: Ledger
) -> None:
    file = waiting(companions=SIZES)
    first = next(iter(file.beside))
    (home / first).write_bytes(file.beside[first])
    (outcome,) = publish(file)
    assert (outcome.action, outcome.sent_bytes) == ("published", 70_400)
    found = [event.detail["found"] for event in ledger.events(file.id) if event.kind == "COMPANION_PUBLISHED"]
    assert found == [True, False]
    assert on_the_server(home) == whole(file)
    holds(file)


def test_where_the_file_itself_is_found_its_companions_are_brought_all_the_same(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path
) -> None:
    file = waiting(companions=SIZES)
    (home / file.name).write_bytes(file.content)
    (outcome,) = publish(file)
    assert (outcome.action, outcome.companions, outcome.sent_bytes) == ("found_published", 2, sum(SIZES))
    assert on_the_server(home) == whole(file)
    holds(file)


@pytest.mark.parametrize("theirs", [b"x" * SIZES[1], b"theirs"], ids=["same size", "another size"])
def test_another_file_under_a_companions_name_holds_the_file_and_is_not_touched(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path, ledger: Ledger, theirs: bytes
) -> None:
    file = waiting(companions=SIZES)
    first, second = file.beside
    (home / second).write_bytes(theirs)
    (outcome,) = publish(file)
    assert (outcome.action, outcome.state, outcome.companions) == ("held", "HELD", 1)
    row = ledger.file(file.id)
    assert f"its companion {second} cannot go: the name inbound/{home.name}/{second} is taken" in str(row.reason)
    assert "the file itself was not sent" in str(row.reason)
    assert ledger.events(file.id)[-1].detail["code"] == "REMOTE_NAME_TAKEN"
    assert on_the_server(home) == {first: file.beside[first], second: theirs}
    assert ledger.companions(file.id)[1].published_at is None
    # Once the partner has cleared it away, a release sends what is missing.
    (home / second).unlink()
    ledger.release(file.id, reason="the partner removed it")
    (outcome,) = publish(file)
    assert (outcome.action, outcome.companions) == ("published", 1)
    assert on_the_server(home) == whole(file)
    holds(file)


def test_where_the_files_own_name_is_taken_no_companion_goes(
    publish: Publish, waiting: MakeWaiting, home: Path, ledger: Ledger
) -> None:
    file = waiting(companions=SIZES)
    (home / file.name).write_bytes(b"theirs")
    (outcome,) = publish(file)
    assert outcome.action == "held"
    assert on_the_server(home) == {file.name: b"theirs"}
    assert [row.published_at for row in ledger.companions(file.id)] == [None, None]


def test_a_name_taken_during_the_upload_of_a_companion_is_not_overwritten(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path
) -> None:
    file = waiting(companions=SIZES)
    first = home / next(iter(file.beside))
    (outcome,) = publish(file, on_step=do_at("before_companion_rename", lambda: first.write_bytes(b"theirs")))
    assert outcome.action == "held"
    assert on_the_server(home) == {first.name: b"theirs"}, "and the temporary file is gone"
    holds(file)


def test_our_own_bytes_that_turn_up_during_the_upload_are_done(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path
) -> None:
    file = waiting(companions=SIZES[:1])
    ((name, content),) = file.beside.items()
    (outcome,) = publish(file, on_step=do_at("before_companion_rename", lambda: (home / name).write_bytes(content)))
    assert outcome.action == "published"
    assert on_the_server(home) == whole(file)
    holds(file)


# --- what an earlier attempt left


def remains(publish: Publish, file: Waiting, step: str, then: Callable[[], object] = lambda: None) -> None:
    with pytest.raises(Crash):
        publish(file, on_step=crash_at(step, then))


def only_temporary(home: Path) -> Path:
    (found,) = (path for path in home.iterdir() if path.name.startswith("."))
    return found


@pytest.mark.parametrize("change", ["lost", "damaged", "as it was"])
@pytest.mark.parametrize("step", ["before_companion_verify", "before_companion_rename"])
def test_a_temporary_file_is_never_used_again_and_never_left(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path, change: str, step: str
) -> None:
    file = waiting(companions=SIZES)

    def harm() -> None:
        path = only_temporary(home)
        if change == "lost":
            path.unlink()
        elif change == "damaged":
            path.write_bytes(b"x" * SIZES[0])

    remains(publish, file, step, harm)
    (outcome,) = publish(file)
    assert (outcome.action, outcome.companions, outcome.sent_bytes) == ("published", 2, 79_400)
    assert on_the_server(home) == whole(file)
    holds(file)


def test_a_temporary_file_that_vanishes_in_the_moment_of_the_rename_is_sent_again_by_the_next_attempt(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path, ledger: Ledger
) -> None:
    file = waiting(companions=SIZES)
    with pytest.raises(RemoteFailure, match="vanished while it was being renamed"):
        publish(file, on_step=do_at("before_companion_rename", lambda: only_temporary(home).unlink()))
    assert ledger.file(file.id).state == "UPLOADING"
    holds(file)
    publish(file)
    assert on_the_server(home) == whole(file)
    holds(file)


def test_a_companion_that_was_brought_is_not_brought_again_though_the_partner_took_it(
    publish: Publish, waiting: MakeWaiting, home: Path
) -> None:
    file = waiting(companions=SIZES)
    remains(publish, file, "before_upload", lambda: remove_all(home))
    (outcome,) = publish(file)
    assert (outcome.action, outcome.companions, outcome.sent_bytes) == ("published", 0, 70_000)
    assert on_the_server(home) == {file.name: file.content}


def test_a_companion_of_which_nobody_knows_is_sent_again_rather_than_left_out(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path
) -> None:
    file = waiting(companions=SIZES)
    remains(publish, file, "after_companion_rename", lambda: remove_all(home))
    publish(file)
    assert on_the_server(home) == whole(file)
    holds(file)


def test_a_companion_whose_rename_reply_was_lost_is_found(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path, merkle: PartnerEndpoint
) -> None:
    file = waiting(companions=SIZES)
    with FaultProxy((merkle.host, merkle.port)) as proxy, pytest.raises(ConnectionDropped):
        publish(
            file,
            endpoint=merkle.endpoint(port=proxy.port),
            on_step=do_at("after_companion_rename", proxy.cut),
        )
    (outcome,) = publish(file)
    assert outcome.action == "published"
    assert on_the_server(home) == whole(file)
    holds(file)


def test_where_nobody_may_read_our_own_record_of_the_rename_must_do(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path, merkle: PartnerEndpoint
) -> None:
    unread = merkle.endpoint(remote_profile=RemoteProfile(readable=False))
    file = waiting(companions=SIZES)
    with pytest.raises(Crash):
        publish(file, endpoint=unread, on_step=crash_at("after_companion_rename"))
    (outcome,) = publish(file, endpoint=unread)
    assert outcome.action == "published"
    assert on_the_server(home) == whole(file)
    holds(file)


def test_where_nobody_may_read_equal_size_alone_is_not_ours(
    publish: Publish, waiting: MakeWaiting, home: Path, merkle: PartnerEndpoint
) -> None:
    file = waiting(companions=SIZES)
    first = next(iter(file.beside))
    (home / first).write_bytes(file.beside[first])
    (outcome,) = publish(file, endpoint=merkle.endpoint(remote_profile=RemoteProfile(readable=False)))
    assert (outcome.action, "its content cannot be read" in str(outcome.reason)) == ("held", True)


def test_a_ledger_whose_answer_is_lost_is_not_told_twice(
    publish: Publish, holds: Holds, waiting: MakeWaiting, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = waiting(companions=SIZES)
    tell = ledger.companion_published

    def tell_and_lose_the_answer(file_id: int, name: str, *, remote_path: str, found: bool) -> None:
        tell(file_id, name, remote_path=remote_path, found=found)
        monkeypatch.undo()
        raise LedgerUnavailableError("the connection broke after the commit was sent")

    monkeypatch.setattr(ledger, "companion_published", tell_and_lose_the_answer)
    (outcome,) = publish(file)
    assert outcome.state == "PUBLISHED"
    holds(file)


def test_where_the_contract_names_another_directory_since_the_set_stays_together(
    publish: Publish, waiting: MakeWaiting, home: Path, merkle: PartnerEndpoint
) -> None:
    file = waiting(companions=SIZES)
    remains(publish, file, "before_upload")
    other = home / "new"
    other.mkdir()
    (outcome,) = publish(file, remote_dir=f"inbound/{home.name}/new")
    assert (outcome.action, outcome.companions) == ("published", 2)
    assert on_the_server(other) == whole(file)


def test_a_complete_upload_ends_where_it_began_and_its_companions_stay_there(
    publish: Publish, waiting: MakeWaiting, home: Path
) -> None:
    file = waiting(companions=SIZES)
    remains(publish, file, "before_fence")
    (outcome,) = publish(file, remote_dir="inbound")
    assert (outcome.action, outcome.companions, outcome.sent_bytes) == ("published", 0, 0)
    assert on_the_server(home) == whole(file)


# --- sent again


@pytest.mark.parametrize("taken", ["everything", "nothing", "a companion"])
def test_a_redelivery_sends_what_is_not_there(
    publish: Publish, waiting: MakeWaiting, home: Path, ledger: Ledger, taken: str
) -> None:
    file = waiting(companions=SIZES)
    publish(file)
    first = next(iter(file.beside))
    if taken == "everything":
        remove_all(home)
    elif taken == "a companion":
        (home / first).unlink()
    ledger.redeliver(file.id, reason="the partner asks for it")
    (outcome,) = publish(file)
    assert outcome.companions == 2
    assert outcome.sent_bytes == {"everything": 79_400, "nothing": 0, "a companion": SIZES[0]}[taken]
    assert on_the_server(home) == whole(file)
    again = ledger.sent_again_at(file.id)
    assert again is not None
    assert all(row.published_at is not None and row.published_at > again for row in ledger.companions(file.id))


def test_a_redelivery_that_was_cut_off_goes_on_where_it_stopped(
    publish: Publish, waiting: MakeWaiting, home: Path, ledger: Ledger
) -> None:
    file = waiting(companions=SIZES)
    publish(file)
    remove_all(home)
    ledger.redeliver(file.id, reason="the partner asks for it")
    remains(publish, file, "before_upload")
    (outcome,) = publish(file)
    assert (outcome.companions, outcome.sent_bytes) == (0, 70_000)
    assert on_the_server(home) == whole(file)


def test_a_file_of_unknown_fate_that_is_sent_again_takes_its_companions_along(
    publish: Publish, waiting: MakeWaiting, home: Path, ledger: Ledger
) -> None:
    file = waiting(companions=SIZES)
    remains(publish, file, "after_rename", lambda: remove_all(home))
    (outcome,) = publish(file)
    assert outcome.state == "UNKNOWN"
    ledger.redeliver(file.id, reason="the partner has nothing")
    publish(file)
    assert on_the_server(home) == whole(file)


# --- servers that differ, and what fails


def published_at(
    root: Path, publish: Publish, file: Waiting, behaviour: Behaviour, profile: RemoteProfile
) -> tuple[Outcome, dict[str, bytes]]:
    with start_partner(root, ["merkle"], behaviour) as running:
        partner = running["merkle"]
        (outcome,) = publish(file, endpoint=partner.endpoint(remote_profile=profile), remote_dir=SAR)
        return outcome, on_the_server(partner.home / SAR)


def test_a_server_that_takes_each_file_at_once_gets_them_all(
    tmp_path: Path, publish: Publish, waiting: MakeWaiting
) -> None:
    file = waiting(companions=SIZES)
    outcome, _ = published_at(tmp_path, publish, file, Behaviour(takes_files=True), RemoteProfile())
    assert (outcome.action, outcome.companions) == ("published", 2)


@pytest.mark.parametrize(
    ("behaviour", "profile", "says"),
    [
        (Behaviour(rename_refused=True), RemoteProfile(), "the server does not rename"),
        (Behaviour(discards_uploads=True), RemoteProfile(), "3 uploads in a row went wrong"),
        (Behaviour(flips_byte_at=100), RemoteProfile(readback=True), "reads back with another SHA-256"),
    ],
)
def test_a_server_that_lets_no_companion_through_gets_no_file(
    tmp_path: Path,
    publish: Publish,
    waiting: MakeWaiting,
    ledger: Ledger,
    behaviour: Behaviour,
    profile: RemoteProfile,
    says: str,
) -> None:
    file = waiting(companions=SIZES)
    outcome, there = published_at(tmp_path, publish, file, behaviour, profile)
    assert outcome.action == "held"
    assert f"its companion {next(iter(file.beside))} cannot go: " in str(ledger.file(file.id).reason)
    assert says in str(outcome.reason)
    assert [name for name in there if not name.startswith(".")] == []
    assert "UPLOADED" not in [event.to_state for event in ledger.events(file.id)]


def test_a_full_disk_fails_the_attempt_and_the_next_one_goes_on(
    tmp_path: Path, publish: Publish, waiting: MakeWaiting, ledger: Ledger
) -> None:
    file = waiting(companions=SIZES)
    with pytest.raises(RemoteNoSpace):
        published_at(tmp_path / "full", publish, file, Behaviour(disk_full_after=5_000), RemoteProfile())
    assert ledger.file(file.id).state == "UPLOADING"
    outcome, there = published_at(tmp_path / "room", publish, file, Behaviour(), RemoteProfile())
    assert (outcome.action, there) == ("published", whole(file))


@pytest.mark.parametrize("damage", ["missing", "truncated", "changed"])
def test_a_companion_whose_archived_bytes_are_not_sound_holds_the_file(
    publish: Publish, waiting: MakeWaiting, archive: Archive, home: Path, ledger: Ledger, damage: str
) -> None:
    file = waiting(companions=SIZES)
    first = ledger.companions(file.id)[0]
    (stored,) = Path(archive.root).rglob(first.sha256)
    stored.chmod(0o600)
    content = stored.read_bytes()
    if damage == "missing":
        stored.unlink()
    else:
        stored.write_bytes(content[:-1] + (b"" if damage == "truncated" else bytes([content[-1] ^ 1])))
    (outcome,) = publish(file)
    assert outcome.action == "held"
    assert f"its companion {first.name} cannot go" in str(outcome.reason)
    assert on_the_server(home) == {}


@pytest.mark.parametrize("step", ["before_companion_mark_uploading", "before_companion_fence"])
def test_an_attempt_whose_lease_was_taken_over_brings_no_companion(
    publish: Publish, holds: Holds, waiting: MakeWaiting, ledger_dsn: str, home: Path, step: str
) -> None:
    file = waiting(companions=SIZES)
    with Ledger(ledger_dsn, actor="test:other") as other:

        def take_over() -> None:
            time.sleep(0.3)
            other.take_lease(file.id, seconds=30)

        with pytest.raises(LeaseLostError):
            publish(file, settings=PublishSettings(lease_seconds=0.2), on_step=do_at(step, take_over))
        assert [name for name in on_the_server(home) if not name.startswith(".")] == []
        other.release_lease(file.id, other.file(file.id).lease_token or 0)
    publish(file)
    assert on_the_server(home) == whole(file)
    holds(file)


def test_a_withheld_file_is_left_alone_with_its_reason(
    publish: Publish, waiting: MakeWaiting, ledger: Ledger, home: Path
) -> None:
    file = waiting(companions=SIZES)
    ledger.move(file.id, "WITHHELD", reason="the service contract has ended")
    (outcome,) = publish(file)
    assert (outcome.action, outcome.state, outcome.reason) == (
        "already_settled", "WITHHELD", "the service contract has ended",
    )  # fmt: skip
    assert on_the_server(home) == {}


def test_one_file_after_the_other_each_with_its_own(
    publish: Publish, holds: Holds, waiting: MakeWaiting, home: Path
) -> None:
    files = [waiting(companions=(10,)), waiting(), waiting(companions=(0, 20, 30))]
    outcomes = publish(*files)
    assert [outcome.companions for outcome in outcomes] == [1, 0, 3]
    together: dict[str, bytes] = {}
    for file in files:
        together |= whole(file)
    assert on_the_server(home) == together
    holds(*files)
    assert replace(files[1], beside={}) == files[1]
