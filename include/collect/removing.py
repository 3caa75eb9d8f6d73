"""Taking away at the partner what is imported for good, and only that; everything else stays and says why."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from include.collect.landing import entry_of, note_failure, remote_path
from include.collect.line import Line, is_passing
from include.collect.outcome import CollectLimits, EndpointFor, Failure, OnStep, Removed, unheard
from include.ledger import LeaseHeldError, LeaseLostError, LedgerError, LedgerUnavailableError
from include.sftp import PermissionRefused, RemoteFailure, TransferError

if TYPE_CHECKING:
    from include.archive import Archive
    from include.feeds import Feed
    from include.ledger import ArrivalRow, Ledger

LOG = logging.getLogger(__name__)
STEPS = ("lease", "request", "remove", "mark", "release")
REQUESTED = "REMOVE_REQUESTED"
REMOVABLE = ("APPLIED", "DUPLICATE")


def remove(
    feeds: Iterable[Feed],
    arrival_ids: Sequence[int] | None,
    endpoint_for: EndpointFor,
    *,
    ledger: Ledger,
    archive: Archive,
    limits: CollectLimits | None = None,
    log: logging.Logger = LOG,
    on_step: OnStep = unheard,
) -> Removed:
    """
    Bring each APPLIED or DUPLICATE arrival to REMOVED or KEPT, as its feed and the partner's directory allow.

    ``arrival_ids=None`` means every arrival of ``feeds`` that waits for it, those that killed runs left included. A
    terminated feed must be among ``feeds`` for its last arrivals to be settled.

    A file is removed only if its import is committed (``applied_at``; for a duplicate that of its original), its bytes
    are in our archive, and what stands at the partner is still the file that was read: same size and time, and the
    same bytes where it is small enough to be read again. Whatever is not so yet waits; whatever will never be so is
    KEPT with the reason. The import stands in every case.

    May be called again for any arrival at any time. Raises ``LedgerUnavailableError``, and ``LedgerError`` for an id
    that is no arrival's.
    """
    known = {feed.id: feed for feed in feeds}
    call = _Removing(ledger, archive, limits or CollectLimits(), log, on_step)
    by_connection: dict[str, list[tuple[Feed, ArrivalRow]]] = defaultdict(list)
    if arrival_ids is None:
        waiting = [row for feed in known.values() for row in ledger.arrivals(feed_id=feed.id, states=REMOVABLE)]
    else:
        waiting = [ledger.arrival(arrival_id) for arrival_id in arrival_ids]
    for row in waiting:
        feed = known.get(row.feed_id)
        if feed is not None and call.asks_partner(feed, row):
            by_connection[feed.conn_id].append((feed, row))
    for conn_id, pairs in by_connection.items():
        try:
            endpoint = endpoint_for(conn_id)
        except Exception as error:  # one connection that cannot be read costs its own feeds only
            for feed, row in pairs:
                call.fail(feed, row, "ENDPOINT_UNUSABLE", f"connection {conn_id!r} cannot be used: {error}", False)
            continue
        with Line(endpoint, call.limits.transfer, reconnects=call.limits.reconnects) as line:
            for feed, row in pairs:
                call.remove(line, feed, row)
    return Removed(call.counts, tuple(call.failures))


@dataclass
class _Removing:
    """What one call knows; see :func:`remove`."""

    ledger: Ledger
    archive: Archive
    limits: CollectLimits
    log: logging.Logger
    on_step: OnStep
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def asks_partner(self, feed: Feed, row: ArrivalRow) -> bool:
        """Settle what needs no look at the partner; True for the rest."""
        if row.state not in REMOVABLE:
            self.counts["settled"] += 1
            return False
        if not self._is_committed(row):
            self.counts["waiting"] += 1
            return False
        if not feed.delete_from_server:
            self._keep(row, "the feed leaves its files at the partner")
            return False
        if feed.state == "TERMINATED":
            self._keep(row, "the feed is terminated, and the partner's directory is not ours any more")
            return False
        if feed.state == "PAUSED":
            self.counts["waiting"] += 1
            return False
        if row.sha256 is None or not self.archive.exists(row.sha256):
            # We would hold the only trace of its rows, and could not show what the partner sent.
            self._keep(row, "its bytes are not in our archive; the partner's are the only ones")
            return False
        return True

    def remove(self, line: Line, feed: Feed, row: ArrivalRow) -> None:
        """One arrival, under its lease; what goes wrong is its own failure."""
        try:
            session = line.session()
        except TransferError as error:
            self.fail(feed, row, error.code, str(error), is_passing(error))
            return
        try:
            with self._step("lease", row):
                token = self.ledger.take_arrival_lease(row.id, seconds=self.limits.lease_seconds)
        except LeaseHeldError:
            self.counts["busy"] += 1
            return
        try:
            row = self.ledger.arrival(row.id)
            if row.state not in REMOVABLE:
                self.counts["settled"] += 1
                return
            asked_before = self.ledger.arrival_was_noted(row.id, REQUESTED)
            with self._step("request", row):
                # Before the effect: whoever finds the file gone afterwards knows whose doing it may be.
                self.ledger.note_arrival(row.id, REQUESTED, {"sha256": row.sha256}, token=token)
            small = row.size is not None and row.size <= self.limits.rehash_bytes
            with self._step("remove", row):
                outcome = session.remove_unchanged(
                    remote_path(row),
                    expected=entry_of(row),
                    sha256=row.sha256 if small else None,
                    heartbeat=lambda: self.ledger.renew_arrival_lease(row.id, token, seconds=self.limits.lease_seconds),
                    heartbeat_seconds=self.limits.lease_seconds / 3,
                )
            with self._step("mark", row):
                if outcome == "other":
                    self._keep(row, "another file, or other content, stands under its name by now", token)
                else:
                    self._removed(row, None if outcome == "removed" else _absent(asked_before), token)
        except LeaseLostError:
            self.counts["busy"] += 1
        except LedgerUnavailableError:
            raise
        except LedgerError as error:
            self.fail(feed, row, "LEDGER", str(error), False)
        except PermissionRefused as error:
            # The import stands. The ledger knows the file, so it is not imported again although it stays.
            self._keep(row, f"the partner does not let us remove it ({error.what})", token)
            self.log.warning("%s, %s: %s", feed.interface, feed.dealer, error)
        except TransferError as error:
            note_failure(self.ledger, row, error.code, str(error))
            attempts = self.ledger.arrival(row.id).attempts
            if isinstance(error, RemoteFailure) and attempts >= self.limits.attempts:
                self._keep(row, f"removing it failed {attempts} times ({error.what})", token)
            self.fail(feed, row, error.code, str(error), is_passing(error))
        finally:
            with self._step("release", row), suppress(LedgerError):
                self.ledger.release_arrival_lease(row.id, token)

    def fail(self, feed: Feed, row: ArrivalRow, code: str, message: str, transient: bool) -> None:
        self.counts["failed"] += 1
        self.failures.append(Failure(feed.id, feed.dealer, row.id, code, message, transient))
        self.log.warning("%s, %s: %s", feed.interface, feed.dealer, message)

    def _is_committed(self, row: ArrivalRow) -> bool:
        if row.state == "DUPLICATE" and row.duplicate_of is not None:
            return self.ledger.arrival(row.duplicate_of).applied_at is not None
        return row.applied_at is not None

    def _keep(self, row: ArrivalRow, reason: str, token: int | None = None) -> None:
        self.ledger.move_arrival(row.id, "KEPT", reason=reason, token=token)
        self.counts["kept"] += 1

    def _removed(self, row: ArrivalRow, reason: str | None, token: int) -> None:
        self.ledger.move_arrival(row.id, "REMOVED", reason=reason, token=token)
        self.counts["removed" if reason is None else "absent"] += 1

    @contextmanager
    def _step(self, name: str, row: ArrivalRow) -> Iterator[None]:
        self.on_step(row.id, f"before_{name}")
        yield
        self.on_step(row.id, f"after_{name}")


def _absent(asked_before: bool) -> str:
    if asked_before:
        return "it was gone after an earlier attempt of ours had begun to remove it"
    return "the partner had taken it away before we came to remove it"
