"""What comes in during a ``make run``: the sample partner's files of past days by us, today's by Airflow's watch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from pathlib import Path

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
from local.sample.proresponse import (
    SALES,
    SERVICE,
    Comparison,
    Wave,
    add_feeds,
    compare,
    drop,
    enter_contacts,
    proresponse_sample,
    settled,
)
from local.settings import Settings

INTERFACES = (SALES, SERVICE)
ACTOR = "person:make-run"
FEED_STATES = ("LIVE", "PAUSED", "TERMINATED")
POLL_SECONDS = 2.0
STALL_SECONDS = 600.0  # ten times what the watch, standing still and a run take together


class Arriving:
    """
    The files of the sample that ends with ``until``, and how far they have come.

    Those of past days are imported before Airflow is there, as they would have come before anybody started us. Today's
    are put down in two waves while Airflow runs: the second stands for what comes when the first is imported already.
    """

    def __init__(self, settings: Settings, *, seed: int, until: date, home: Path) -> None:
        self._settings = settings
        self._home = home
        self._sample = proresponse_sample(seed, until)
        self._bringing: threading.Thread | None = None
        self._stop = threading.Event()

    def prepare(self, endpoint: Endpoint) -> None:
        """Add feeds and contacts, and import the past days' files; all of it once."""
        with Ledger(self._settings.dsn("ledger"), actor=ACTOR) as ledger:
            add_feeds(ledger, self._sample, self._home)
            enter_contacts(self._settings.dsn("dms"), self._sample)
            drop(self._sample, self._home, "past")
            done, of = self._settled("past")
            if done < of:
                self._import_past(ledger, endpoint)

    def compared(self) -> Comparison:
        """What became of everything, beside the sample's own list."""
        return compare(
            self._sample,
            ledger_dsn=self._settings.dsn("ledger"),
            dms_dsn=self._settings.dsn("dms"),
            home=self._home,
        )

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
                done, of = self._settled("past", "today", "later")
                show(f"{done} of {of} files are settled")
                if done == of:
                    return
                if done != seen:
                    seen, moved = done, time.monotonic()
                if time.monotonic() - moved > STALL_SECONDS:
                    raise AirflowError(
                        f"{of - done} of {of} files of the sample partner came to no end in {STALL_SECONDS:.0f} s; the "
                        f"runs of {' and '.join(INTERFACES)} may show why"
                    )
                time.sleep(POLL_SECONDS)
        finally:
            self._stop.set()

    def _bring(self) -> None:
        drop(self._sample, self._home, "today")
        while not self._stop.wait(POLL_SECONDS):
            done, of = self._settled("past", "today")
            if done == of:
                drop(self._sample, self._home, "later")
                return

    def _settled(self, *waves: Wave) -> tuple[int, int]:
        return settled(self._sample, waves, ledger_dsn=self._settings.dsn("ledger"))

    def _import_past(self, ledger: Ledger, endpoint: Endpoint) -> None:
        """The steps of a run without Airflow: a file costs it five processes that import for seconds."""
        run_dir = self._settings.run_dir
        archive = Archive(LocalFileSystem(), str(run_dir / "archive"))
        staging = Staging(LocalFileSystem(), str(run_dir / "staging"))
        with GateProcess() as gate:
            for interface in INTERFACES:
                contract = load_contract(interface)
                known = feeds(ledger, interface=interface, states=FEED_STATES)
                # Nobody writes there by now: what is listed stands still.
                collect(
                    interface, known, lambda _: endpoint, ledger=ledger, archive=archive, stable_seconds=0.0, wait=None
                )
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
