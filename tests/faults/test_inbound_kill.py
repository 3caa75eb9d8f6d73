"""F53: kill -9 at every step of collecting and removing, then a re-run: the same rows, the same directory."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from include.archive import Archive
from include.collect import CollectLimits
from include.collect.landing import STEPS as LANDING
from include.collect.removing import STEPS as REMOVING
from include.ledger import Ledger
from local.partners import PartnerEndpoint
from tests.collect.collecting import INTERFACE, Clock, Partner, apply, drop, new_feed
from tests.faults.collector import Orders, run_all, start

LEASE_SECONDS = 4.0
CONTENT = b"a,b\n1,2\n" * 5_000
THEN = 1_700_000_000
LAND_POINTS = [f"{when}_{step}" for step in LANDING for when in ("before", "after")]
REMOVE_POINTS = [f"{when}_{step}" for step in REMOVING for when in ("before", "after")]
RELEASED = {"before_lease", "after_release"}


class Now(Clock):
    """The real clock, as the killed processes have it."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Case:
    """A feed with one file, an order for it, and what the killed process left."""

    partner: Partner
    orders: Orders
    exit_code: int = 0
    said: str = ""
    state: str = ""
    names: tuple[str, ...] = ()

    def look(self, result: tuple[int, str]) -> None:
        self.exit_code, self.said = result
        rows = self.partner.rows()
        self.state = rows[0].state if rows else ""
        self.names = tuple(self.partner.names())


@dataclass
class World:
    """What the cases of this module stand on."""

    dsn: str
    ledger: Ledger
    archive: Archive
    archive_root: Path
    merkle: PartnerEndpoint

    def case(self, name: str, point: str) -> Case:
        directory = f"inbound/inbound-kill-{name}"
        home = self.merkle.home / directory
        home.mkdir()
        drop(home / "day_SL.csv", name.encode() + CONTENT, mtime=THEN)
        feed = new_feed(self.ledger, directory)
        partner = Partner(self.merkle.endpoint(), home, feed, self.ledger, self.archive, Now())
        partner.limits = CollectLimits(lease_seconds=LEASE_SECONDS)
        orders = Orders(
            host=self.merkle.host,
            port=self.merkle.port,
            username=self.merkle.username,
            private_key=self.merkle.private_key.read_text(),
            host_key=self.merkle.host_key,
            dsn=self.dsn,
            archive=str(self.archive_root),
            interface=INTERFACE,
            feed_id=feed.id,
            removes=[],
            signal_at=point,
            lease_seconds=LEASE_SECONDS,
        )
        return Case(partner, orders)

    def applied(self, name: str, point: str) -> Case:
        case = self.case(name, point)
        (arrival,) = case.partner.collect(stable_seconds=0.0).arrival_ids
        apply(self.ledger, arrival)
        case.orders = replace(case.orders, removes=[arrival])
        return case


@pytest.fixture(scope="module")
def world(ledger_dsn: str, archive: Archive, archive_root: Path, merkle: PartnerEndpoint) -> Iterator[World]:
    with Ledger(ledger_dsn, actor="test:inbound kill") as ledger:
        yield World(ledger_dsn, ledger, archive, archive_root, merkle)


def killed(cases: dict[str, Case]) -> dict[str, Case]:
    """All of them before the first re-run, so that the leases run out together."""
    for case, result in zip(cases.values(), run_all([case.orders for case in cases.values()]), strict=True):
        case.look(result)
    return cases


@pytest.fixture(scope="module")
def killed_landing(world: World) -> dict[str, Case]:
    return killed({point: world.case(f"land-{point}", point) for point in LAND_POINTS})


@pytest.fixture(scope="module")
def killed_removing(world: World) -> dict[str, Case]:
    return killed({point: world.applied(f"remove-{point}", point) for point in REMOVE_POINTS})


def until_not_busy(act: Any) -> Any:
    """Repeat as a later run does: until the dead attempt's lease has run out it is turned away."""
    deadline = time.monotonic() + LEASE_SECONDS + 5
    while (done := act()).counts["busy"]:
        assert time.monotonic() < deadline, "the lease of a dead attempt does not run out"
        time.sleep(0.2)
    return done


@pytest.mark.parametrize("point", LAND_POINTS)
def test_killed_at_any_step_of_landing_the_next_call_lands_the_file_once(
    killed_landing: dict[str, Case], point: str
) -> None:
    left = killed_landing[point]
    assert json.loads(left.said) == {"reached": point}, "the attempt got there"
    assert left.exit_code == -signal.SIGKILL
    assert left.state == ("LANDED" if LAND_POINTS.index(point) >= LAND_POINTS.index("after_land") else "SEEN")

    done = until_not_busy(lambda: left.partner.collect(stable_seconds=0.0, wait=None))

    row = left.partner.row()
    assert row.state == "LANDED"
    assert done.arrival_ids == (row.id,)
    assert left.partner.bytes_of(row) == f"land-{point}".encode() + CONTENT
    landed = [event for event in left.partner.ledger.arrival_events(row.id) if event.to_state == "LANDED"]
    assert len(landed) == 1
    assert left.partner.names() == ["day_SL.csv"]


@pytest.mark.parametrize("point", REMOVE_POINTS)
def test_killed_at_any_step_of_removing_the_next_call_ends_in_the_same(
    killed_removing: dict[str, Case], point: str
) -> None:
    left = killed_removing[point]
    assert json.loads(left.said) == {"reached": point}, "the attempt got there"
    assert left.exit_code == -signal.SIGKILL
    index = REMOVE_POINTS.index(point)
    assert left.state == ("REMOVED" if index >= REMOVE_POINTS.index("after_mark") else "APPLIED")
    assert left.names == (() if index >= REMOVE_POINTS.index("after_remove") else ("day_SL.csv",))

    until_not_busy(lambda: left.partner.remove(left.orders.removes))

    row = left.partner.row()
    assert row.state == "REMOVED"
    assert left.partner.names() == []
    if left.state == "APPLIED" and not left.names:
        assert "earlier attempt of ours" in (row.reason or "")
    assert left.partner.collect(stable_seconds=0.0).counts["landed"] == 0, "and nothing is imported again"


@pytest.mark.parametrize("meanwhile", ["imported", "held"])
def test_a_collector_that_was_declared_dead_and_wakes_up_changes_nothing(world: World, meanwhile: str) -> None:
    """Stopped after the last byte, its lease runs out, others go on with the file; then it wakes up."""
    case = world.case(f"zombie-{meanwhile}", "after_download")
    process = start([replace(case.orders, signal_name="SIGSTOP", lease_seconds=1.0)])
    try:
        child = stopped_child(process.pid)
        if meanwhile == "imported":
            until_not_busy(lambda: case.partner.collect(stable_seconds=0.0, wait=None))
            apply(world.ledger, case.partner.row().id)
            case.partner.remove([case.partner.row().id])
            expected = ("REMOVED", 1)
        else:
            time.sleep(1.1)
            world.ledger.move_arrival(case.partner.row().id, "HELD", reason="somebody looks at it")
            expected = ("HELD", 0)
        child.send_signal(signal.SIGCONT)
        said, complaint = process.communicate(timeout=30)
        assert process.returncode == 0, complaint
        assert json.loads(said)[0]["exit"] == 0, said
    finally:
        process.kill()
    row = case.partner.row()
    landings = [event for event in world.ledger.arrival_events(row.id) if event.to_state == "LANDED"]
    assert (row.state, len(landings)) == expected


def stopped_child(pid: int) -> psutil.Process:
    deadline = time.monotonic() + 20
    while True:
        stopped = [each for each in psutil.Process(pid).children() if each.status() == psutil.STATUS_STOPPED]
        if stopped:
            return stopped[0]
        assert time.monotonic() < deadline, "nobody stopped"
        time.sleep(0.05)
