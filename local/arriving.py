"""What comes in during a ``make run``: the sample partners' files of past days by us, today's by Airflow's watch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import date

from fsspec.implementations.local import LocalFileSystem

from include.archive import Archive
from include.collect import collect, remove
from include.contract import load_contract
from include.feeds import feeds
from include.imports.apply import apply_arrivals
from include.imports.check import check_arrivals
from include.ledger import Ledger
from include.quality.gate import GateProcess
from include.sftp import Endpoint
from include.staging import Staging
from local.airflow import AirflowError
from local.incoming import Comparison, Incoming, PaymentFiles, ProresponseFiles, Wave
from local.settings import Settings

INTERFACES = (*ProresponseFiles.interfaces, *PaymentFiles.interfaces)
ACTOR = "person:make-run"
FEED_STATES = ("LIVE", "PAUSED", "TERMINATED")
POLL_SECONDS = 2.0
STALL_SECONDS = 600.0  # ten times what the watch, standing still and a run take together


class Arriving:
    """
    The files of the samples that end with ``until``, and how far they have come.

    Those of past days are imported before Airflow is there, as they would have come before anybody started us. Today's
    are put down in two waves while Airflow runs: the second stands for what comes when the first is imported already.
    """

    def __init__(self, settings: Settings, *, seed: int, until: date) -> None:
        self._settings = settings
        self._incoming: tuple[Incoming, ...] = (
            ProresponseFiles(settings, seed=seed, until=until),
            PaymentFiles(settings, seed=seed, until=until),
        )
        self._bringing: threading.Thread | None = None
        self._failed: Exception | None = None
        self._stop = threading.Event()

    def prepare(self, endpoint_of: Callable[[str], Endpoint]) -> None:
        """
        Add feeds and what stands before them, and import the past days' files; all of it once.

        :param endpoint_of: where a partner answers, by its name.
        """
        with Ledger(self._settings.dsn("ledger"), actor=ACTOR) as ledger:
            behind = []
            for each in self._incoming:
                each.stand(ledger)
                each.drop("past")
                done, of = each.settled(["past"])
                if done < of:
                    behind.append(each)
            if behind:
                with GateProcess() as gate:
                    for each in behind:
                        self._import_past(ledger, each, endpoint_of(each.partner), gate)

    def compared(self) -> list[tuple[Incoming, Comparison]]:
        """What became of everything, beside each sample's own list."""
        return [(each, each.compared()) for each in self._incoming]

    def begin_today(self) -> None:
        """Put today's files down, and go on with it in the background until :meth:`wait`."""
        self._bringing = threading.Thread(target=self._bring, name="arriving", daemon=True)
        self._bringing.start()

    def wait(self, show: Callable[[str], None], check: Callable[[], None]) -> None:
        """
        Return when every file has come to an end.

        :param check: raises if a process that we need has ended.
        :raises AirflowError: if nothing moves for ``STALL_SECONDS``.
        """
        seen, moved = -1, time.monotonic()
        try:
            while True:
                check()
                if self._failed is not None:
                    raise self._failed
                done, of = self._settled("past", "today", "later")
                show(f"{done} of {of} files are settled")
                if done == of:
                    return
                if done != seen:
                    seen, moved = done, time.monotonic()
                if time.monotonic() - moved > STALL_SECONDS:
                    raise AirflowError(
                        f"{of - done} of {of} files of the sample partners came to no end in {STALL_SECONDS:.0f} s; "
                        f"the runs of {', '.join(INTERFACES)} may show why"
                    )
                time.sleep(POLL_SECONDS)
        finally:
            self._stop.set()

    def _bring(self) -> None:
        """In a thread of its own, whose error is raised by :meth:`wait`."""
        try:
            for each in self._incoming:
                each.drop("today")
            waiting: Sequence[Incoming] = self._incoming
            while waiting and not self._stop.wait(POLL_SECONDS):
                ready = [each for each in waiting if _all_of(each.settled(["past", "today"]))]
                for each in ready:
                    each.drop("later")
                waiting = [each for each in waiting if each not in ready]
        except Exception as error:
            self._failed = error

    def _settled(self, *waves: Wave) -> tuple[int, int]:
        counts = [each.settled(waves) for each in self._incoming]
        return sum(done for done, _ in counts), sum(of for _, of in counts)

    def _import_past(self, ledger: Ledger, incoming: Incoming, endpoint: Endpoint, gate: GateProcess) -> None:
        """The steps of a run without Airflow: a file costs it five processes that import for seconds."""
        run_dir = self._settings.run_dir
        archive = Archive(LocalFileSystem(), str(run_dir / "archive"))
        staging = Staging(LocalFileSystem(), str(run_dir / "staging"))
        for interface in incoming.interfaces:
            contract = load_contract(interface)
            known = feeds(ledger, interface=interface, states=FEED_STATES)
            # Nobody writes there by now: what is listed stands still.
            collect(interface, known, lambda _: endpoint, ledger=ledger, archive=archive, stable_seconds=0.0, wait=None)
            check_arrivals(
                contract,
                ledger=ledger,
                archive=archive,
                staging=staging,
                reports_root=str(run_dir / "reports"),
                run_key="make-run",
                gate=nullcontext(gate),
            )
            apply_arrivals(contract, ledger=ledger, staging=staging, dms_dsn=self._settings.dsn("dms"))
            remove(known, None, lambda _: endpoint, ledger=ledger, archive=archive)


def _all_of(counts: tuple[int, int]) -> bool:
    done, of = counts
    return done == of
