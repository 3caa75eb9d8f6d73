"""How long after its promised time a file was published, or came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.collect.expecting import NO_FILE, Expectation, lateness
from include.feeds import feeds
from include.outbound.conclude import due_at

if TYPE_CHECKING:
    from include.contract import Contract
    from include.ledger import ArrivalRow, FileRow, Ledger


def published_late(contract: Contract, file: FileRow) -> float | None:
    """
    Return the seconds after its promised time at which a file was first published, 0.0 if it was on time.

    None for a correction: nobody was promised one.
    """
    if file.revision or file.published_at is None:
        return None
    return max(0.0, (file.published_at - due_at(contract, file)).total_seconds())


def arrived_late(contract: Contract, arrival: ArrivalRow, ledger: Ledger) -> float | None:
    """
    Return the seconds after its due time at which the first file of a feed's day was first seen, 0.0 if on time.

    None for any other file: a second one of the day, one of a day on which none is due, or of a feed that began later.
    """
    expectation = Expectation.of(contract)
    at = arrival.first_seen_at
    day = expectation.day_at(at)
    if not expectation.expects(day):
        return None
    known = [feed for feed in feeds(ledger, interface=contract.id) if feed.id == arrival.feed_id]
    since = expectation.counts_since(day)
    came = [
        row
        for row in ledger.arrivals(interface=contract.id, feed_id=arrival.feed_id, since=since)
        if row.state not in NO_FILE
    ]
    # Oldest first; two that were first seen by one listing are told once.
    if not came or came[0].id != arrival.id:
        return None
    sightings = {arrival.feed_id: [row.first_seen_at for row in came]}
    for found in lateness(known, sightings, expectation, now=at):
        if found.status == "LATE_ARRIVED":
            return (at - found.due_at).total_seconds()
    return 0.0 if at <= expectation.due_at(day) else None
