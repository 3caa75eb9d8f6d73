"""Which files a run plans for a dealer, which of them get rows, and which may not be made at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from include.ledger.errors import WindowMovedError
from include.ledger.states import ON_THE_WAY, PREVIEW
from include.outbound import preview
from include.outbound.continuity import windows_due
from include.outbound.dealers import Dealer, unservable
from include.outbound.manifest import DEALER_KEY, reads_rows
from include.window import day_window

if TYPE_CHECKING:
    from include.agreements import Standing
    from include.contract import Contract
    from include.ledger import FileRow, Ledger
    from include.window import Window

FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


class Plan:
    """
    The files of one run, dealer by dealer.

    ``wanted`` says by window which dealers' rows are to be read for which file; ``obstacles`` and ``headers`` are for
    the run's manifest.

    :param standings: by dealer id what agreements allow, where the contract asks for some.
    """

    def __init__(
        self,
        contract: Contract,
        window: Window,
        environment: str,
        batch_id: int,
        ledger: Ledger,
        standings: Mapping[int, Standing],
        log: Callable[[str], None],
    ) -> None:
        self._contract, self._window, self._environment = contract, window, environment
        self._batch_id, self._ledger, self._standings, self._log = batch_id, ledger, standings, log
        # A preview speaks of its own day alone.
        self._in_line = contract.contiguous is not None and environment != PREVIEW
        self.file_ids: list[int] = []
        self.wanted: dict[Window, dict[int, int]] = {}
        self.obstacles: dict[int, str] = {}
        self.headers: dict[int, dict[str, str | None]] = {}

    def add(self, label: str, candidates: Sequence[Dealer]) -> None:
        """
        Plan what is due of the dealer under ``label``; several under one label are for a person to mend.

        Where files follow each other, each of several has a row of its own meanwhile: whose number it is nobody knows,
        and what each of them owes begins there.
        """
        fault = unservable(self._contract, label, candidates)
        if self._in_line and len(candidates) > 1:
            for dealer in candidates:
                self._serve(replace(dealer, code=None), fault)
        else:
            self._serve(candidates[0], fault)

    def _serve(self, dealer: Dealer, fault: str | None) -> None:
        standing = self._standings.get(dealer.dealer_id)
        if fault is None and standing is not None and standing.faults:
            fault = "; ".join(standing.faults)
        windows = self._windows(dealer, standing)
        for window in windows:
            try:
                file = self._plan(dealer, window)
            except WindowMovedError as error:
                # What went, or is made, by the old clock stays what it is, and the run's end speaks of it.
                self._log(f"{dealer.label}: {error}")
                self._note(dealer, self._ledger.file(error.file_id))
                continue
            self._note(dealer, file)
            self._decide(dealer, file, fault, None if standing is None else standing.objection(window))
        if self._in_line:
            self._take_along(dealer.label)
            self._take_over(dealer, windows)

    def _windows(self, dealer: Dealer, standing: Standing | None) -> list[Window]:
        if dealer.ended_on is not None:
            return self._last_windows(dealer, standing)
        own = dealer.window(self._contract, self._window)
        objection = None if standing is None else standing.objection(own)
        if not self._in_line or objection is not None:
            return [own]
        due = self._due(own, dealer, standing)
        return [*(file.window for file in self._waiting(dealer.label, due[0].start)), *due]

    def _last_windows(self, dealer: Dealer, standing: Standing | None) -> list[Window]:
        """What a dealer that has ended still owes: files that wait, and days up to its last that were never made."""
        if not self._in_line or dealer.ended_on is None:
            return []
        last = day_window(dealer.ended_on - timedelta(days=1), self._contract.zone)
        waiting = [file.window for file in self._waiting(dealer.label)]
        earlier = self._ledger.window_before(self._contract.id, dealer.label, self._environment, last.end)
        if earlier.window_end >= last.end if earlier is not None else self._owed(dealer) is None:
            return waiting
        return [*waiting, *(window for window in self._due(last, dealer, standing) if window not in waiting)]

    def _due(self, run: Window, dealer: Dealer, standing: Standing | None) -> list[Window]:
        return windows_due(
            self._contract,
            run,
            dealer.label,
            since=None if standing is None else standing.since,
            owed=self._owed(dealer),
            environment=self._environment,
            ledger=self._ledger,
        )

    def _owed(self, dealer: Dealer) -> datetime | None:
        """The first instant planned for the dealer while it had no number of its own, whatever became of it."""
        if dealer.code is None:
            return None
        label = replace(dealer, code=None).label
        found = self._ledger.files(interface=self._contract.id, dealer=label, environment=self._environment)
        return found[0].window_start if found else None

    def _unnamed(self, dealer: Dealer) -> list[FileRow]:
        """Files of then that still stand there."""
        return [] if dealer.code is None else self._waiting(replace(dealer, code=None).label)

    def _take_over(self, dealer: Dealer, windows: Sequence[Window]) -> None:
        """Close the rows from before the dealer had its number, once their time is planned under it."""
        for file in self._unnamed(dealer):
            if windows and windows[0].start <= file.window_start:
                reason = f"the dealer's number is {dealer.label} now: what moved in this window goes under it"
                self._ledger.move(file.id, "CANCELLED", reason=reason)
                self._log(f"{file.dealer} {file.period}: {reason}")

    def _waiting(self, label: str, before: datetime = FOR_EVER) -> list[FileRow]:
        return self._ledger.waiting_before(self._contract.id, label, self._environment, before)

    def _take_along(self, label: str) -> None:
        """Later files whose bytes are made and that waited for one of these: they go behind them."""
        for file in self._waiting(label):
            if file.state in ON_THE_WAY and file.id not in self.file_ids:
                self._log(f"{label} {file.period}: waited for this one and goes behind it")
                self.file_ids.append(file.id)

    def _note(self, dealer: Dealer, file: FileRow) -> None:
        self.file_ids.append(file.id)
        self.headers[file.id] = {**dealer.told, DEALER_KEY: dealer.key}
        if dealer.obstacle is not None:
            self.obstacles[file.id] = dealer.obstacle

    def _decide(self, dealer: Dealer, file: FileRow, fault: str | None, withheld: str | None) -> None:
        if withheld is not None and file.untouched:
            if (file.state, file.reason) != ("WITHHELD", withheld):
                self._ledger.move(file.id, "WITHHELD", reason=withheld)
            self._log(f"{file.dealer} {file.period}: withheld: {withheld}")
            return
        if file.state == "WITHHELD":
            reason = "nothing keeps it back now; its rows are read anew"
            file = self._ledger.move(file.id, "PLANNED", reason=reason, batch_id=self._batch_id)
        if fault is not None:
            _hold(self._ledger, file, fault)
        elif reads_rows(file):
            self.wanted.setdefault(file.window, {})[dealer.dealer_id] = file.id
        else:
            self._log(f"{file.dealer} {file.period}: {file.state}, so no rows are read")

    def _plan(self, dealer: Dealer, window: Window) -> FileRow:
        contract, ledger = self._contract, self._ledger
        plan = partial(
            ledger.plan,
            interface=contract.id,
            partner=contract.partner,
            dealer=dealer.label,
            environment=self._environment,
            window_start=window.start,
            window_end=window.end,
            zone=window.zone,
            business_date=window.business_date,
            contract_version=contract.version,
            batch_id=self._batch_id,
        )
        try:
            file = plan()
        except WindowMovedError as error:
            if not ledger.file(error.file_id).awaits_bytes:
                raise
            # The dealer's clock was put right before anything was made: the window by the old one is nobody's any more.
            reason = f"the dealer goes by the clock of {window.zone} now, and nothing was made by the old one"
            ledger.move(error.file_id, "CANCELLED", reason=reason)
            file = plan()
        return preview.begin(ledger, file, self._batch_id) if self._environment == PREVIEW else file


def _hold(ledger: Ledger, file: FileRow, reason: str) -> None:
    """Hold a file that has not gone, once for each reason."""
    if file.awaits_bytes and (file.state, file.reason) != ("HELD", reason):
        ledger.move(file.id, "HELD", reason=reason)
