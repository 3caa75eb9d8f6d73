"""Looking out for new files without taking note of them: what wakes a run, which then looks for itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from include.collect.line import Line
from include.collect.names import fault_of, label
from include.collect.outcome import CollectLimits, EndpointFor
from include.sftp import TransferError

if TYPE_CHECKING:
    from include.feeds import Feed
    from include.ledger import Ledger
    from include.sftp import RemoteEntry

LOG = logging.getLogger(__name__)
GONE = frozenset({"REMOVED", "VANISHED"})
"""States of arrivals that claim nothing of what is listed now, as ``Ledger.seen`` has it."""
Sighting = tuple[int, str, int | None, int | None]


class Watch:
    """
    Looks again and again, and tells each new file once, as soon as two looks have found it alike.

    It writes nothing, neither in the ledger nor at the partner, and remembers only what it has told: after a restart it
    asks the ledger, so that a file is told again at most if no run has seen it. A look that finds nothing new costs a
    listing per directory and no question to the ledger.
    """

    def __init__(self, limits: CollectLimits | None = None, log: logging.Logger = LOG) -> None:
        self._limits = limits or CollectLimits()
        self._log = log
        self._told: set[Sighting] = set()
        self._before: set[Sighting] = set()
        self._failed: set[str] = set()

    def look(self, feeds: Iterable[Feed], endpoint_for: EndpointFor, ledger: Ledger) -> int:
        """
        Return how many files of the LIVE ``feeds`` are new since the last look but one, and stand still.

        A partner that cannot be reached is said once in the log and asked again the next time; a run says more.
        """
        live = [feed for feed in feeds if feed.state == "LIVE"]
        there: set[Sighting] = set()
        for conn_id in dict.fromkeys(feed.conn_id for feed in live):
            own = [feed for feed in live if feed.conn_id == conn_id]
            try:
                there |= self._listed(own, endpoint_for)
            except Exception as error:
                self._fail(conn_id, error)
            else:
                self._failed.discard(conn_id)
        fresh = there - self._told
        if unasked := fresh - self._before:
            known = self._known({feed for feed, *_ in unasked}, ledger)
            self._told |= unasked & known
            fresh -= known
        still = fresh & self._before
        self._told = (self._told & there) | still
        self._before = fresh
        return len(still)

    def _listed(self, feeds: list[Feed], endpoint_for: EndpointFor) -> set[Sighting]:
        found: set[Sighting] = set()
        endpoint = endpoint_for(feeds[0].conn_id)
        with Line(endpoint, self._limits.transfer, reconnects=0) as line:
            for directory in dict.fromkeys(feed.directory for feed in feeds):
                try:
                    entries = line.session().entries(directory, self._limits.listing)
                except TransferError as error:
                    self._fail(f"{feeds[0].conn_id}, {directory}", error)
                    continue
                self._failed.discard(f"{feeds[0].conn_id}, {directory}")
                for feed in feeds:
                    if feed.directory == directory:
                        found |= {_sighting(feed, entry) for entry in entries if _is_file_of(feed, entry)}
        return found

    def _known(self, feed_ids: set[int], ledger: Ledger) -> set[Sighting]:
        return {
            (row.feed_id, row.remote_name, row.size, None if row.mtime is None else int(row.mtime.timestamp()))
            for feed_id in feed_ids
            for row in ledger.arrivals(feed_id=feed_id)
            if row.state not in GONE
        }

    def _fail(self, place: str, error: Exception) -> None:
        if place not in self._failed:
            self._failed.add(place)
            self._log.warning("%s cannot be watched (%s); it is asked again, and a run says more", place, error)


def _is_file_of(feed: Feed, entry: RemoteEntry) -> bool:
    """A name that is no file's to read wakes nobody; the sweep takes note of it."""
    return fault_of(entry.name) is None and entry.readable and feed.matches(entry.name.decode())


def _sighting(feed: Feed, entry: RemoteEntry) -> Sighting:
    return (feed.id, label(entry.name), entry.size, entry.mtime)
