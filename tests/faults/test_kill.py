"""kill -9 at every step of the protocol, then a re-run: the partner has the file whole, once, and the ledger knows."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from include.archive import Archive
from include.ledger import LeaseHeldError, Ledger
from include.publish import STEPS, Outcome, publish_files
from local.partners import PartnerEndpoint
from tests.faults.invariants import assert_invariants
from tests.faults.proxy import FaultProxy, Plan
from tests.faults.publisher import Orders, run_all, start
from tests.faults.waiting_files import Waiting, gated_file

POINTS = [f"{when}_{step}" for step in STEPS for when in ("before", "after")]
LEASE_SECONDS = 6.0
# After the rename the partner may have the file; before, nobody may see it.
VISIBLE_FROM = POINTS.index("after_rename")


@dataclass(frozen=True)
class Killed:
    """What a killed attempt left."""

    file: Waiting
    exit_code: int
    said: str
    names: list[str]
    state: str


@pytest.fixture
def orders(ledger_dsn: str, archive_root: Path, merkle: PartnerEndpoint, folder: str) -> Orders:
    return orders_for(ledger_dsn, archive_root, merkle, folder)


def orders_for(dsn: str, archive_root: Path, merkle: PartnerEndpoint, folder: str) -> Orders:
    return Orders(
        host=merkle.host,
        port=merkle.port,
        username=merkle.username,
        private_key=merkle.private_key.read_text(),
        host_key=merkle.host_key,
        dsn=dsn,
        archive=str(archive_root),
        file_ids=[],
        remote_dir=folder,
        lease_seconds=LEASE_SECONDS,
    )


@pytest.fixture(scope="module")
def killed(
    ledger_dsn: str, archive: Archive, archive_root: Path, merkle: PartnerEndpoint
) -> Iterator[dict[str, Killed]]:
    """One file and one killed publisher per point, all before the first re-run, so that leases run out together."""
    with Ledger(ledger_dsn, actor="test:kill") as ledger:
        files = {point: gated_file(ledger, archive) for point in POINTS}

        orders = []
        for point, file in files.items():
            folder = f"inbound/kill-{point}"
            (merkle.home / folder).mkdir()
            general = orders_for(ledger_dsn, archive_root, merkle, folder)
            orders.append(replace(general, file_ids=[file.id], signal_at=point))
        results = run_all(orders)
        yield {
            point: Killed(
                file=files[point],
                exit_code=code,
                said=said,
                names=[path.name for path in (merkle.home / f"inbound/kill-{point}").iterdir()],
                state=ledger.file(files[point].id).state,
            )
            for point, (code, said) in zip(POINTS, results, strict=True)
        }


def rerun(ledger: Ledger, archive: Archive, merkle: PartnerEndpoint, folder: str, file: Waiting) -> Outcome:
    """Publish as a retry does: until the dead attempt's lease has run out it is turned away."""
    deadline = time.monotonic() + LEASE_SECONDS + 5
    while True:
        try:
            return publish_files(merkle.endpoint(), ledger, archive, [file.id], remote_dir=folder)[0]
        except LeaseHeldError:
            assert time.monotonic() < deadline, "the lease of a dead attempt does not run out"
            time.sleep(0.2)


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_step_the_next_attempt_brings_the_file_once(
    killed: dict[str, Killed],
    ledger: Ledger,
    ledger_dsn: str,
    archive: Archive,
    merkle: PartnerEndpoint,
    point: str,
) -> None:
    left = killed[point]
    folder = f"inbound/kill-{point}"
    home = merkle.home / folder
    assert json.loads(left.said) == {"reached": point}, "the attempt got there"
    assert left.exit_code == -signal.SIGKILL
    assert (left.file.name in left.names) == (POINTS.index(point) >= VISIBLE_FROM)
    assert (left.state == "PUBLISHED") == (POINTS.index(point) >= POINTS.index("after_mark_published"))
    assert_invariants(ledger, ledger_dsn, home, [left.file])

    outcome = rerun(ledger, archive, merkle, folder, left.file)

    assert outcome.state == "PUBLISHED"
    assert [path.name for path in home.iterdir()] == [left.file.name], "and no temporary file is left"
    assert_invariants(ledger, ledger_dsn, home, [left.file])


def test_killed_in_the_middle_of_the_bytes(
    ledger: Ledger,
    ledger_dsn: str,
    archive: Archive,
    merkle: PartnerEndpoint,
    folder: str,
    orders: Orders,
    waiting: Callable[..., Waiting],
) -> None:
    file = waiting(3_000_000)
    home = merkle.home / folder
    with FaultProxy((merkle.host, merkle.port), Plan("drip", after=1_000_000, drip_rate=50_000)) as proxy:
        process = start(replace(orders, port=proxy.port, file_ids=[file.id], lease_seconds=3))
        wait_until(lambda: any(path.stat().st_size > 500_000 for path in home.iterdir()))
        process.kill()
        process.communicate()
    (temporary,) = home.iterdir()
    assert 0 < temporary.stat().st_size < 3_000_000
    assert temporary.name.startswith(".")
    assert temporary.name.endswith(".part")
    assert rerun(ledger, archive, merkle, folder, file).action == "published"
    assert_invariants(ledger, ledger_dsn, home, [file])


def test_killed_three_times_on_the_way(
    ledger: Ledger,
    ledger_dsn: str,
    archive: Archive,
    merkle: PartnerEndpoint,
    folder: str,
    orders: Orders,
    waiting: Callable[..., Waiting],
) -> None:
    file = waiting()
    for point in ("after_upload", "before_fence", "after_rename"):
        while json.loads(said := run(replace(orders, file_ids=[file.id], signal_at=point, lease_seconds=3))).get(
            "error"
        ):
            assert "Lease" in said, "turned away until the dead attempt's lease has run out, and by nothing else"
            time.sleep(0.3)
    assert rerun(ledger, archive, merkle, folder, file).action == "found_published"
    assert_invariants(ledger, ledger_dsn, merkle.home / folder, [file])


ZOMBIE_POINTS = ["before_mark_uploading", "before_upload", "before_verify", "before_fence", "before_rename"]


def test_an_attempt_that_was_declared_dead_and_wakes_up_changes_nothing(
    ledger: Ledger,
    ledger_dsn: str,
    archive: Archive,
    merkle: PartnerEndpoint,
    folder: str,
    orders: Orders,
    waiting: Callable[..., Waiting],
) -> None:
    """Stopped at each of several points at once, so that their leases run out together."""
    files = {point: waiting() for point in ZOMBIE_POINTS}
    home = merkle.home / folder
    processes = {
        point: start(
            replace(orders, file_ids=[file.id], signal_at=point, signal_name="SIGSTOP", lease_seconds=LEASE_SECONDS)
        )
        for point, file in files.items()
    }
    try:
        for process in processes.values():
            wait_until(partial(is_stopped, process.pid))
        for point, file in files.items():
            assert rerun(ledger, archive, merkle, folder, file).action == "published", point
        # The partner takes what it has: a zombie that published again would now be seen.
        for file in files.values():
            (home / file.name).rename(home / f"taken-{file.name}")
        said = {}
        for point, process in processes.items():
            process.send_signal(signal.SIGCONT)
            said[point] = process.communicate(timeout=30)[0].splitlines()[-1]
    finally:
        for process in processes.values():
            with suppress(ProcessLookupError):
                process.kill()
    assert {point: json.loads(line).get("error") for point, line in said.items()} == dict.fromkeys(
        ZOMBIE_POINTS, "LeaseLostError"
    )
    for point, file in files.items():
        asked = [event for event in ledger.events(file.id) if event.kind == "RENAME_REQUESTED"]
        assert len(asked) == (2 if point == "before_rename" else 1), f"the zombie of {point} passed the fence"
        assert not (home / file.name).exists(), "the zombie published a second time"
        (home / f"taken-{file.name}").rename(home / file.name)
    assert_invariants(ledger, ledger_dsn, home, files.values())


def run(orders: Orders) -> str:
    said, complaint = start(orders).communicate(timeout=60)
    assert said, complaint
    return said


def is_stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
