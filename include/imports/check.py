"""Judge what has landed: each row by the contract, what is left by Great Expectations; the ledger hears the verdict."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from include.archive import ArchiveError
from include.feeds import Feed, feeds
from include.ledger import LeaseHeldError, LeaseLostError
from include.window import Window, day_window

if TYPE_CHECKING:
    from include.archive import Archive
    from include.contract import Contract
    from include.inbound.check import CheckedArrival
    from include.ledger import ArrivalRow, Ledger
    from include.quality.gate import GateProcess, GateVerdict
    from include.staging import Staging

LOG = logging.getLogger(__name__)
LEASE_SECONDS = 600.0
"""How long a check that died keeps others from its file; a living one renews it."""
ATTEMPTS = 3
"""A file whose check breaks so often is HELD: a person looks at it, and the others go on."""
STATES = ("LIVE", "PAUSED", "TERMINATED")


def staged(arrival_id: int) -> str:
    """Name of the folder of an arrival's staged rows: its own, since a later run may apply what this one checked."""
    return f"arrival-{arrival_id}"


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

    counts: Counter[str] = Counter()
    waiting = ledger.arrivals(interface=contract.id, states=("LANDED",))
    if not waiting:
        log.info("%s: no file waits to be checked", contract.id)
        return counts
    known = {feed.id: feed for feed in feeds(ledger, interface=contract.id, states=STATES)}
    call = _Check(contract, known, ledger, archive, staging, lease_seconds, log, on_step, counts)
    with gate or GateProcess() as reader, ExitStack() as leases:
        good = [found for row in waiting if (found := call.judge(row, leases)) is not None]
        # One reading is of one day: rules over dates go by it, and so does its report.
        for window in dict.fromkeys(found.window for found in good):
            same = [found for found in good if found.window == window]
            key = run_key if len(same) == len(good) else f"{run_key} {window.business_date}"
            for found, verdict in zip(same, call.read_again(same, reader, reports_root, key), strict=True):
                call.tell(found, verdict)
    return counts


@dataclass(frozen=True)
class _Judged:
    """An arrival whose rows are staged; its lease is ours."""

    row: ArrivalRow
    token: int
    window: Window
    checked: CheckedArrival


@dataclass
class _Check:
    """What one call knows; see :func:`check_arrivals`."""

    contract: Contract
    feeds: Mapping[int, Feed]
    ledger: Ledger
    archive: Archive
    staging: Staging
    lease_seconds: float
    log: logging.Logger
    on_step: Callable[[int, str], None]
    counts: Counter[str] = field(default_factory=Counter)

    def judge(self, row: ArrivalRow, leases: ExitStack) -> _Judged | None:
        """Read and judge one file; None if that is the end of it for now."""
        from include.inbound.check import check_arrival
        from include.inbound.refusals import FileRefused

        try:
            token = self.ledger.take_arrival_lease(row.id, seconds=self.lease_seconds)
        except LeaseHeldError as error:
            self.log.info("%s", error)
            return None
        leases.callback(self.ledger.release_arrival_lease, row.id, token)
        row = self.ledger.arrival(row.id)
        if row.state != "LANDED" or row.sha256 is None:
            return None  # Somebody was quicker.
        feed = self.feeds[row.feed_id]
        day = row.first_seen_at.astimezone(ZoneInfo(self.contract.zone)).date()
        window = day_window(day, self.contract.zone)
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
                    batch=staged(row.id),
                    arrival_id=row.id,
                )
        except FileRefused as refused:
            self._move(row, "REJECTED", token, reason=refused.message, reject_code=refused.code)
            return None
        except ArchiveError as error:
            self._fail(row, token, error)
            return None
        except Exception as error:
            self._fail(row, token, error)
            return None
        self.on_step(row.id, "judged")
        return _Judged(row, token, window, checked)

    def read_again(
        self, files: list[_Judged], reader: GateProcess, reports_root: str, run_key: str
    ) -> list[GateVerdict]:
        """Have Great Expectations read the accepted rows, as they would be applied."""
        from include.quality.gate import GateFile, GateRun

        with ExitStack() as stack:
            for found in files:
                self.ledger.renew_arrival_lease(found.row.id, found.token, seconds=self.lease_seconds)
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
        self.on_step(row.id, "gated")
        problems = [*checked.problems, *(f"gate: {problem}" for problem in verdict.problems)]
        reason = "; ".join(problems)
        if problems and not self._is_waived(row, reason):
            self._move(row, "HELD", found.token, reason=reason)
            return
        counts = {"rows_read": checked.rows, "rows_accepted": checked.accepted, "rows_rejected": checked.rejected}
        detail = {"failed": dict(checked.failed), "warnings": list(checked.warnings), "waived": reason or None}
        self._move(row, "CHECKED", found.token, detail=detail, **counts)

    def _is_waived(self, row: ArrivalRow, reason: str) -> bool:
        """Whether a person released just this content for just this reason."""
        released = self.ledger.released_arrival(row.id)
        return released is not None and (released.held_for, released.content_hash) == (reason, row.sha256)

    def _move(self, row: ArrivalRow, to: str, token: int, **told: Any) -> None:
        try:
            moved = self.ledger.move_arrival(row.id, to, token=token, **told)
        except LeaseLostError as error:
            self.log.info("%s", error)
            return
        self.on_step(row.id, "told")
        self.counts[to.lower()] += 1
        if to == "CHECKED":
            read, rejected = moved.rows_read, moved.rows_rejected
            self.log.info("%s: %s rows, %s of them rejected", row.label, read, rejected)
        else:
            self.log.warning("%s: %s: %s", row.label, to, moved.reason)

    def _fail(self, row: ArrivalRow, token: int, error: Exception) -> None:
        """Count a check that broke; the message of an unknown error may quote a row, its class does not."""
        self.counts["failed"] += 1
        self.ledger.note_arrival(
            row.id, "ATTEMPT_FAILED", {"step": "check", "error": type(error).__name__}, token=token
        )
        said = str(error) if isinstance(error, ArchiveError) else f"its check broke ({type(error).__name__})"
        self.log.error("%s: %s", row.label, said)
        if self.ledger.arrival(row.id).attempts >= ATTEMPTS:
            reason = f"{said}, {ATTEMPTS} times. Next: have the file looked at, then release it or reject it"
            self._move(row, "HELD", token, reason=reason)
