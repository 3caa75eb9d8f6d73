"""The line and the ledger fail under a collector: cut at any step, a lost reply, a ledger that goes away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from include.archive import Archive
from include.collect import CollectLimits
from include.collect.landing import STEPS as LANDING
from include.collect.removing import STEPS as REMOVING
from include.ledger import Ledger, LedgerUnavailableError
from include.ledger.chain import verify
from local.partners import PartnerEndpoint
from tests.collect.collecting import SHORT, Clock, Partner, apply, drop, new_feed
from tests.faults.proxy import FaultProxy
from tests.faults.test_line import cut_ledger_connections

LAND_POINTS = [f"{when}_{step}" for step in LANDING for when in ("before", "after")]
REMOVE_POINTS = [f"{when}_{step}" for step in REMOVING for when in ("before", "after")]
THEN = 1_700_000_000


@pytest.fixture
def partner(ledger_dsn: str, archive: Archive, merkle: PartnerEndpoint, folder: str) -> Iterator[Partner]:
    with Ledger(ledger_dsn, actor="test:inbound line") as ledger:
        home = merkle.home / folder
        drop(home / "day_SL.csv", folder.encode() * 1_000, mtime=THEN)
        feed = new_feed(ledger, folder)
        limits = CollectLimits(transfer=SHORT, lease_seconds=1.0)
        yield Partner(merkle.endpoint(), home, feed, ledger, archive, Clock(), limits)
    report = verify(ledger_dsn)
    assert report.whole, (report.why, report.drifts)


def once(point: str, act: Callable[[], object]) -> Callable[[int, str], None]:
    """Acts at the first ``point`` and at no later one."""
    done: list[str] = []

    def on_step(_: int, step: str) -> None:
        if step == point and not done:
            done.append(step)
            act()

    return on_step


def until_not_busy(act: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 8
    while (done := act()).counts["busy"]:
        assert time.monotonic() < deadline, "the lease of a failed attempt does not run out"
        time.sleep(0.1)
    return done


def assert_landed_once(partner: Partner) -> None:
    row = partner.row()
    assert row.state == "LANDED"
    assert partner.bytes_of(row) == partner.feed.directory.encode() * 1_000
    assert len([event for event in partner.ledger.arrival_events(row.id) if event.to_state == "LANDED"]) == 1


@pytest.mark.parametrize("point", LAND_POINTS)
def test_a_line_that_drops_at_any_step_of_landing(partner: Partner, merkle: PartnerEndpoint, point: str) -> None:
    with FaultProxy((merkle.host, merkle.port)) as proxy:
        through = replace(partner.endpoint, port=proxy.port)
        straight, partner.endpoint = partner.endpoint, through
        done = partner.collect(stable_seconds=0.0, on_step=once(point, proxy.cut))
        assert {failure.transient for failure in done.failures} <= {True}
    partner.endpoint = straight
    until_not_busy(lambda: partner.collect(stable_seconds=0.0))
    assert_landed_once(partner)


@pytest.mark.parametrize("point", LAND_POINTS)
def test_a_ledger_that_goes_away_at_any_step_of_landing(partner: Partner, ledger_dsn: str, point: str) -> None:
    with suppress(LedgerUnavailableError):
        partner.collect(stable_seconds=0.0, on_step=once(point, lambda: cut_ledger_connections(ledger_dsn)))
    until_not_busy(lambda: partner.collect(stable_seconds=0.0))
    assert_landed_once(partner)


@pytest.mark.parametrize("point", REMOVE_POINTS)
def test_a_line_or_a_ledger_that_goes_away_at_any_step_of_removing(
    partner: Partner, merkle: PartnerEndpoint, ledger_dsn: str, point: str
) -> None:
    (arrival,) = partner.collect(stable_seconds=0.0).arrival_ids
    apply(partner.ledger, arrival)
    with FaultProxy((merkle.host, merkle.port)) as proxy:
        straight, partner.endpoint = partner.endpoint, replace(partner.endpoint, port=proxy.port)
        partner.remove([arrival], on_step=once(point, proxy.cut))
        with suppress(LedgerUnavailableError):
            partner.endpoint = straight
            partner.remove([arrival], on_step=once(point, lambda: cut_ledger_connections(ledger_dsn)))
    until_not_busy(lambda: partner.remove([arrival]))
    assert partner.row().state == "REMOVED"
    assert partner.names() == []


def test_a_removal_whose_reply_is_lost_is_found_not_repeated_on_another_file(
    partner: Partner, merkle: PartnerEndpoint
) -> None:
    """The server removed it and we never heard; then the partner sends the next file under the same name."""
    (arrival,) = partner.collect(stable_seconds=0.0).arrival_ids
    apply(partner.ledger, arrival)
    path = partner.home / "day_SL.csv"
    straight = partner.endpoint
    with FaultProxy((merkle.host, merkle.port)) as proxy:
        partner.endpoint = replace(straight, port=proxy.port)
        done = partner.remove([arrival], on_step=once("before_remove", proxy.mute_replies.set))
        assert [failure.transient for failure in done.failures] == [True]
    partner.endpoint = straight
    drop(path, b"tomorrow's rows", mtime=THEN + 1)
    until_not_busy(lambda: partner.remove([arrival]))
    assert partner.row().state == "KEPT"
    assert path.read_bytes() == b"tomorrow's rows"
