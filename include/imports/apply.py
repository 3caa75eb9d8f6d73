"""Apply what is checked to where it belongs, oldest file first; the ledger hears it once the rows are committed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.feeds import Feed, feeds
from include.imports.destinations import Destination, Written, destination_of
from include.imports.staged import folder, is_staged, staged_rows
from include.imports.taking import FEED_STATES, LEASE_SECONDS, Taking

if TYPE_CHECKING:
    from include.contract import Contract
    from include.ledger import ArrivalRow, Ledger
    from include.staging import Staging

LOG = logging.getLogger(__name__)


def apply_arrivals(
    contract: Contract,
    *,
    ledger: Ledger,
    staging: Staging,
    dms_dsn: str,
    lease_seconds: float = LEASE_SECONDS,
    log: logging.Logger = LOG,
    on_step: Callable[[int, str], None] = lambda arrival_id, step: None,
) -> Counter[str]:
    """
    Bring each CHECKED arrival of the interface to APPLIED, in the order in which the files came.

    Rows and their mark are committed first, then the ledger is told, then the staged rows go. Who comes again after a
    kill between any two finds the mark and only finishes. One file never stops the next: one whose import breaks stays
    CHECKED, and is HELD after some attempts, or at once where trying again cannot help.

    :param on_step: hears ``committed``, ``told`` and ``tidied`` with the arrival's id.
    :return: how many arrivals were ``applied``, ``held`` or ``failed``, and by the words of the destination what became
        of their rows; ``rejected_rows`` are rows that wait for a correction.
    :raises CrmUnavailableError, WarrantyUnavailableError: if the DMS database does not answer; the files stay CHECKED.
    """
    taking = Taking("apply", ledger, lease_seconds, log, on_step)
    there = ledger.arrivals(interface=contract.id, states=("CHECKED", "APPLIED"))
    staged = [row for row in there if is_staged(staging, row.id)]
    for row in staged:
        if row.state == "APPLIED":  # Whoever applied it died before it could tidy up.
            staging.remove(folder(row.id))
    waiting = [row for row in staged if row.state == "CHECKED"]
    if not waiting:
        log.info("%s: no file waits to be imported", contract.id)
        return taking.counts
    known = {feed.id: feed for feed in feeds(ledger, interface=contract.id, states=FEED_STATES)}
    call = _Apply(contract, destination_of(contract), known, staging, dms_dsn, taking)
    earliest = datetime.min.replace(tzinfo=UTC)
    for row in sorted(waiting, key=lambda each: (each.first_seen_at, each.mtime or earliest, each.id)):
        with ExitStack() as leases:
            call.apply(row, leases)
    return taking.counts


@dataclass(frozen=True)
class _Apply:
    """What one call knows; see :func:`apply_arrivals`."""

    contract: Contract
    destination: Destination
    feeds: Mapping[int, Feed]
    staging: Staging
    dms_dsn: str
    taking: Taking

    def apply(self, row: ArrivalRow, leases: ExitStack) -> None:
        if (taken := self.taking.take(row, ("CHECKED",), leases)) is None:
            return
        row, token = taken
        try:
            with staged_rows(self.staging, row.id) as rows:
                done = self.destination.write(self.dms_dsn, self.contract, row, self.feeds[row.feed_id], rows)
        except self.destination.unavailable:
            raise
        except self.destination.refused as error:
            self.taking.move(row, "HELD", token, reason=str(error))
            self.staging.remove(folder(row.id))
            return
        except self.destination.failed as error:
            self.taking.fail(row, token, error, str(error))
            return
        except Exception as error:
            self.taking.fail(row, token, error)
            return
        self.taking.on_step(row.id, "committed")
        if self.taking.move(row, "APPLIED", token, applied_at=done.applied_at, detail=dict(done.detail)) is None:
            return
        self._count(row, done)
        # What was said of a person does not lie about for longer than it is needed.
        self.staging.remove(folder(row.id))
        self.taking.on_step(row.id, "tidied")

    def _count(self, row: ArrivalRow, done: Written) -> None:
        self.taking.counts["rejected_rows"] += done.rows_rejected
        self.taking.counts.update({name: done.detail[name] for name in self.destination.told})
        self.taking.log.info("%s: %s", row.label, self.destination.in_words(done.detail))
