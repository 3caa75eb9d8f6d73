"""Judge what has landed: each row by the contract, what is left by Great Expectations; the ledger hears the verdict."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.archive import ArchiveError
from include.feeds import Feed, feeds
from include.imports.staged import folder, is_staged, write_header
from include.imports.taking import FEED_STATES, LEASE_SECONDS, Taking, day_of
from include.window import Window, day_window

if TYPE_CHECKING:
    from include.archive import Archive
    from include.contract import Contract
    from include.inbound.check import CheckedArrival
    from include.ledger import ArrivalRow, Ledger
    from include.quality.gate import GateProcess, GateVerdict
    from include.staging import Staging

LOG = logging.getLogger(__name__)
# One whose staged rows are gone before they were applied is judged again.
WAITING = ("LANDED", "CHECKED")


def check_arrivals(
    contract: Contract,
    *,
    ledger: Ledger,
    archive: Archive,
    staging: Staging,
    reports_root: str,
    run_key: str,
    gate: AbstractContextManager[GateProcess] | None = None,
    lease_seconds: float = LEASE_SECONDS,
    log: logging.Logger = LOG,
    on_step: Callable[[int, str], None] = lambda arrival_id, step: None,
) -> Counter[str]:
    """
    Bring each LANDED arrival of the interface to CHECKED, REJECTED (no row of it can be read) or HELD.

    One file never stops the next: one whose check breaks stays LANDED, and is HELD after some attempts. What a person
    released is checked again, and what it was held for is waived as long as it is just that.

    :param gate: a gate that runs already, for a caller with many runs; without one this run starts its own.
    :param on_step: hears ``judged``, ``gated`` and ``told`` with the arrival's id.
    :return: how many arrivals came to which state, and ``failed``.
    :raises GateError: if the second reading cannot be done; the files stay LANDED and nothing is applied.
    """
    from include.quality.gate import GateProcess

    taking = Taking("check", ledger, lease_seconds, log, on_step)
    waiting = [
        row
        for row in ledger.arrivals(interface=contract.id, states=WAITING)
        if row.state == "LANDED" or not is_staged(staging, row.id)
    ]
    if not waiting:
        log.info("%s: no file waits to be checked", contract.id)
        return taking.counts
    known = {feed.id: feed for feed in feeds(ledger, interface=contract.id, states=FEED_STATES)}
    call = _Check(contract, known, archive, staging, taking)
    # Starting the child first lets it import Great Expectations while the files are judged.
    with gate or GateProcess() as reader, ExitStack() as leases:
        good = [found for row in waiting if (found := call.judge(row, leases)) is not None]
        # One reading is of one day: rules over dates go by it, and so does its report.
        for window in dict.fromkeys(found.window for found in good):
            same = [found for found in good if found.window == window]
            key = run_key if len(same) == len(good) else f"{run_key} {window.business_date}"
            for found, verdict in zip(same, call.read_again(same, reader, reports_root, key), strict=True):
                call.tell(found, verdict)
    return taking.counts


@dataclass(frozen=True)
class _Judged:
    """An arrival whose rows are staged; its lease is ours."""

    row: ArrivalRow
    token: int
    window: Window
    checked: CheckedArrival


@dataclass(frozen=True)
class _Check:
    """What one call knows; see :func:`check_arrivals`."""

    contract: Contract
    feeds: Mapping[int, Feed]
    archive: Archive
    staging: Staging
    taking: Taking

    def judge(self, row: ArrivalRow, leases: ExitStack) -> _Judged | None:
        """Read and judge one file; None if that is the end of it for now."""
        from include.inbound.check import check_arrival
        from include.inbound.refusals import FileRefused

        if (taken := self.taking.take(row, WAITING, leases)) is None:
            return None
        row, token = taken
        assert row.sha256 is not None
        feed = self.feeds[row.feed_id]
        window = day_window(day_of(row, self.contract), self.contract.zone)
        try:
            with self.archive.local_path(row.sha256) as path:
                checked = check_arrival(
                    self.contract,
                    path,
                    dealer=row.dealer,
                    encoding=feed.encoding,
                    date_format=feed.date_format,
                    window=window,
                    staging=self.staging,
                    batch=folder(row.id),
                    arrival_id=row.id,
                )
            write_header(self.staging, row.id, checked.header)
        except FileRefused as refused:
            self.taking.move(row, "REJECTED", token, reason=refused.message, reject_code=refused.code)
            return None
        except ArchiveError as error:
            self.taking.fail(row, token, error, str(error))
            return None
        except Exception as error:
            self.taking.fail(row, token, error)
            return None
        self.taking.on_step(row.id, "judged")
        return _Judged(row, token, window, checked)

    def read_again(
        self, files: list[_Judged], reader: GateProcess, reports_root: str, run_key: str
    ) -> list[GateVerdict]:
        """Have Great Expectations read the accepted rows, as they would be applied."""
        from include.quality.gate import GateFile, GateRun

        with ExitStack() as stack:
            for found in files:
                self.taking.renew(found.row, found.token)
            run = GateRun(
                interface=self.contract.id,
                run_key=run_key,
                files=[
                    GateFile(
                        file_id=found.row.id,
                        dealer=found.row.dealer,
                        path=str(stack.enter_context(self.staging.reader(found.checked.accepted_name))),
                        rows=found.checked.accepted,
                        control_total=None,
                        sequence=0,
                        environment="live",
                        window=found.window,
                    )
                    for found in files
                ],
            )
            return reader.read(run, reports_root=reports_root)

    def tell(self, found: _Judged, verdict: GateVerdict) -> None:
        """Tell the ledger what both readings said."""
        row, checked = found.row, found.checked
        self.taking.on_step(row.id, "gated")
        problems = [*checked.problems, *(f"gate: {problem}" for problem in verdict.problems)]
        reason = "; ".join(problems)
        if problems and not self._is_waived(row, reason):
            self.taking.move(row, "HELD", found.token, reason=reason)
            # A release judges the file anew; until then no copy of its rows lies about.
            self.staging.remove(folder(row.id))
            return
        counts = {"rows_read": checked.rows, "rows_accepted": checked.accepted, "rows_rejected": checked.rejected}
        detail = {"failed": dict(checked.failed), "warnings": list(checked.warnings), "waived": reason or None}
        if self.taking.move(row, "CHECKED", found.token, detail=detail, **counts) is not None:
            self.taking.log.info("%s: %s rows, %s of them rejected", row.label, checked.rows, checked.rejected)

    def _is_waived(self, row: ArrivalRow, reason: str) -> bool:
        """Whether a person released just this content for just this reason."""
        released = self.taking.ledger.released_arrival(row.id)
        return released is not None and (released.held_for, released.content_hash) == (reason, row.sha256)
