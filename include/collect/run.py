"""All feeds of one call: one listing per directory and round, files landed once they have stood still."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.archive import ArchiveError
from include.collect.landing import land
from include.collect.line import Line, is_passing
from include.collect.names import fault_of, label
from include.collect.outcome import Collected, CollectLimits, EndpointFor, Failure, OnStep, unheard
from include.ledger import LedgerError, LedgerUnavailableError, SeenEntry
from include.sftp import RemoteEntry, TransferError

if TYPE_CHECKING:
    from include.archive import Archive
    from include.feeds import Feed
    from include.ledger import ArrivalRow, Ledger

LOG = logging.getLogger(__name__)
SHOWN_NAMES = 10
"""Unsafe names that are told in the log per directory; the rest is a number."""


def _now() -> datetime:
    return datetime.now(UTC)


def collect(
    interface: str,
    feeds: Iterable[Feed],
    endpoint_for: EndpointFor,
    *,
    ledger: Ledger,
    archive: Archive,
    now: Callable[[], datetime] = _now,
    stable_seconds: float = 60.0,
    limits: CollectLimits | None = None,
    wait: Callable[[float], None] | None = time.sleep,
    log: logging.Logger = LOG,
    on_step: OnStep = unheard,
) -> Collected:
    """
    Look into the directory of each LIVE feed of ``interface`` and land what has stood still for ``stable_seconds``.

    Stable is a name that two listings show with the same size and time, ``stable_seconds`` apart by our own clock;
    the two may lie in two calls. What is not stable at first is looked at once more after ``wait``; with
    ``wait=None`` it is left to the next call. The feeds of a connection share one session, feeds of a directory one
    listing per round.

    Raises ``LedgerUnavailableError`` alone. Whatever a partner does is a ``Failure`` of the feed or the file, and the
    next is served.
    """
    chosen = [feed for feed in feeds if feed.interface == interface and feed.state == "LIVE"]
    call = _Call(ledger, archive, now, stable_seconds, limits or CollectLimits(), log, on_step)
    by_connection: dict[str, list[Feed]] = defaultdict(list)
    for feed in chosen:
        by_connection[feed.conn_id].append(feed)
    for conn_id, served in by_connection.items():
        try:
            endpoint = endpoint_for(conn_id)
        except Exception as error:  # one connection that cannot be read costs its own feeds only
            call.fail_all(served, "ENDPOINT_UNUSABLE", f"connection {conn_id!r} cannot be used: {error}")
            continue
        with Line(endpoint, call.limits.transfer, reconnects=call.limits.reconnects) as line:
            call.serve(line, served, wait)
    waiting = ledger.arrivals(interface=interface, states=("LANDED",))
    ids = {feed.id for feed in chosen}
    return Collected(tuple(row.id for row in waiting if row.feed_id in ids), call.counts, tuple(call.failures))


@dataclass
class _Call:
    """What one call knows; see :func:`collect`."""

    ledger: Ledger
    archive: Archive
    now: Callable[[], datetime]
    stable_seconds: float
    limits: CollectLimits
    log: logging.Logger
    on_step: OnStep
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def serve(self, line: Line, feeds: Sequence[Feed], wait: Callable[[float], None] | None) -> None:
        """Two rounds at most: what is stable now, and what is stable after a pause."""
        moving = self._round(line, feeds)
        if not moving or wait is None:
            self.counts["waiting"] += sum(len(rows) for rows in moving.values())
            return
        pause = max(self._still_missing(row) for rows in moving.values() for row in rows)
        # A first sighting by another worker's clock may lie ahead of ours.
        wait(min(pause, self.stable_seconds))
        moving = self._round(line, [feed for feed in feeds if feed.id in moving])
        self.counts["waiting"] += sum(len(rows) for rows in moving.values())

    def fail_all(self, feeds: Sequence[Feed], code: str, message: str) -> None:
        for feed in feeds:
            self._fail(feed, None, code, message, transient=False)

    def _round(self, line: Line, feeds: Sequence[Feed]) -> Mapping[int, list[ArrivalRow]]:
        """List every feed's directory and land what is stable; returns by feed what is not yet."""
        listings: dict[str, list[RemoteEntry] | TransferError] = {}
        moving: dict[int, list[ArrivalRow]] = {}
        for feed in feeds:
            if feed.directory not in listings:
                listings[feed.directory] = self._listing(line, feed.directory)
            listing = listings[feed.directory]
            if isinstance(listing, TransferError):
                self._fail(feed, None, listing.code, str(listing), transient=is_passing(listing))
                continue
            try:
                rows = self._noted(feed, listing)
            except LedgerUnavailableError:
                raise
            except LedgerError as error:
                self._fail(feed, None, "LEDGER", str(error), transient=False)
                continue
            waiting = sorted((row for row in rows if row.state == "SEEN"), key=lambda row: (row.first_seen_at, row.id))
            stable = [row for row in waiting if self._still_missing(row) <= 0]
            if later := [row for row in waiting if self._still_missing(row) > 0]:
                moving[feed.id] = later
            self.counts["postponed"] += max(0, len(stable) - self.limits.files)
            for row in stable[: self.limits.files]:
                self._land(line, feed, row)
        return moving

    def _listing(self, line: Line, directory: str) -> list[RemoteEntry] | TransferError:
        try:
            entries = line.session().entries(directory, self.limits.listing)
        except TransferError as error:
            return error
        self.counts["listed"] += len(entries)
        unsafe = [label(entry.name) for entry in entries if fault_of(entry.name)]
        if unsafe:
            self.log.warning(
                "%s: %d unsafe names, none of them is read: %s", directory, len(unsafe), ", ".join(unsafe[:SHOWN_NAMES])
            )
        return entries

    def _noted(self, feed: Feed, listing: Sequence[RemoteEntry]) -> list[ArrivalRow]:
        """Tell the ledger what of the listing is the feed's; returns those rows."""
        chosen = entries_of(feed, listing)
        self.counts["matched"] += len(chosen)
        return self.ledger.seen(feed.id, chosen, at=self.now(), limit=self.limits.new_names)

    def _still_missing(self, row: ArrivalRow) -> float:
        """Seconds that the file has yet to stand still, by what two listings have shown; 0 or less: it is stable."""
        return self.stable_seconds - (row.last_seen_at - row.first_seen_at).total_seconds()

    def _land(self, line: Line, feed: Feed, row: ArrivalRow) -> None:
        try:
            session = line.session()
            done = land(
                session,
                self.ledger,
                self.archive,
                row,
                limits=self.limits,
                on_step=lambda step: self.on_step(row.id, step),
            )
        except TransferError as error:
            self._fail(feed, row, error.code, str(error), transient=is_passing(error))
            self._quarantine(row)
        except ArchiveError as error:
            self._fail(feed, row, "ARCHIVE", str(error), transient=False)
        except LedgerUnavailableError:
            raise
        except LedgerError as error:
            self._fail(feed, row, "LEDGER", str(error), transient=False)
        else:
            self.counts[done] += 1

    def _quarantine(self, row: ArrivalRow) -> None:
        """A file that fails again and again is a person's to look at."""
        failed = self.ledger.arrival(row.id)
        if failed.state == "SEEN" and failed.attempts >= self.limits.attempts:
            self.ledger.move_arrival(
                row.id,
                "HELD",
                reason=f"reading it failed {failed.attempts} times; see its events, ask the partner, and release it "
                "for another try, or reject it",
            )
            self.counts["held"] += 1

    def _fail(self, feed: Feed, row: ArrivalRow | None, code: str, message: str, *, transient: bool) -> None:
        self.counts["failed"] += 1
        self.failures.append(Failure(feed.id, feed.dealer, None if row is None else row.id, code, message, transient))
        self.log.warning("%s, %s: %s", feed.interface, feed.dealer, message)


def entries_of(feed: Feed, listing: Iterable[RemoteEntry]) -> list[SeenEntry]:
    """Return what of a directory's listing is the feed's, as the ledger is told of it."""
    chosen: dict[tuple[str, int | None, int | None], SeenEntry] = {}
    for entry in listing:
        # A name that is not text is matched as far as it is: the feed whose file it pretends to be shows it.
        if not feed.matches(entry.name.decode(errors="backslashreplace")):
            continue
        seen = _seen(entry)
        # A server may say a name twice; what it says twice alike is one file.
        chosen.setdefault((seen.remote_name, entry.size, entry.mtime), seen)
    return list(chosen.values())


def _seen(entry: RemoteEntry) -> SeenEntry:
    fault = fault_of(entry.name)
    if fault is None and not entry.readable:
        fault = f"it is a {entry.kind}, not a regular file" if entry.kind != "other" else "it is not a regular file"
    mtime = None if entry.mtime is None else datetime.fromtimestamp(entry.mtime, UTC)
    return SeenEntry(label(entry.name), entry.size, mtime, "NAME_UNSAFE" if fault else None, fault)
